"""The stop filter cuts at the earliest stop string, whatever the chunking."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.engines.worker.stops import StopFilter

# Few letters, so that overlapping and nested stop strings are common.
TEXTS = st.text(alphabet="abc", max_size=30)
CHUNKS = st.lists(st.text(alphabet="abc", max_size=5), max_size=15)
STOPS = st.lists(st.text(alphabet="abc", min_size=1, max_size=5), max_size=4)


def cut(text: str, stops: Sequence[str]) -> str:
    return text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]


def run(stops: Sequence[str], chunks: Sequence[str]) -> tuple[list[str], bool]:
    stop_filter = StopFilter(stops)
    sent = [stop_filter.feed(chunk) for chunk in chunks]
    return [*sent, stop_filter.flush()], stop_filter.stopped


@pytest.mark.parametrize(
    ("stops", "chunks", "sent", "stopped"),
    [
        pytest.param([], ["a", "", "b"], ["a", "", "b", ""], False, id="no stops"),
        pytest.param([""], ["a", "b"], ["a", "b", ""], False, id="empty stop is ignored"),
        pytest.param(["END"], ["one", " two"], ["one", " two", ""], False, id="not found"),
        pytest.param(["END"], ["one END two"], ["one ", ""], True, id="found in one chunk"),
        pytest.param(["END"], ["one E", "N", "D two"], ["one ", "", "", ""], True, id="found across chunks"),
        pytest.param(["END"], ["one E", "N", "d"], ["one ", "", "ENd", ""], False, id="false alarm"),
        pytest.param(["END"], ["one EN"], ["one ", "EN"], False, id="flushed at the end"),
        pytest.param(["END"], ["END", "more"], ["", "", ""], True, id="nothing after the stop"),
        pytest.param(["aab"], ["aa", "a", "b"], ["", "a", "", ""], True, id="overlap with itself"),
        pytest.param(["ab", "abc"], ["xabc"], ["x", ""], True, id="same start"),
        pytest.param(["c", "a"], ["xaxc"], ["x", ""], True, id="earliest, not first listed"),
        pytest.param(["bc", "abcd"], ["abc", "d"], ["", "", ""], True, id="inner stop waits for the outer"),
        pytest.param(["bc", "abcd"], ["abc", "x"], ["", "a", ""], True, id="inner stop wins when the outer fails"),
        pytest.param(["bc", "abcd"], ["abc"], ["", "a"], True, id="inner stop wins at the end"),
        pytest.param(["\n\n", "。"], ["好\n", "的。x"], ["好", "\n的", ""], True, id="not only ASCII"),
    ],
)
def test_cases(stops: list[str], chunks: list[str], sent: list[str], stopped: bool) -> None:
    assert run(stops, chunks) == (sent, stopped)


@given(st.text(alphabet="abc", min_size=1, max_size=4), CHUNKS)
def test_one_stop_equals_split(stop: str, chunks: list[str]) -> None:
    sent, stopped = run([stop], chunks)
    whole = "".join(chunks)
    assert ("".join(sent), stopped) == (whole.split(stop)[0], stop in whole)


@given(STOPS, CHUNKS)
def test_many_stops_equal_the_earliest_cut(stops: list[str], chunks: list[str]) -> None:
    sent, stopped = run(stops, chunks)
    whole = "".join(chunks)
    assert "".join(sent) == cut(whole, stops)
    assert stopped == any(stop in whole for stop in stops)


@given(STOPS, CHUNKS)
def test_the_found_one_is_the_shortest_of_those_that_begin_first(stops: list[str], chunks: list[str]) -> None:
    stop_filter = StopFilter(stops)
    for chunk in chunks:
        stop_filter.feed(chunk)
    stop_filter.flush()
    whole = "".join(chunks)
    begin = len(cut(whole, stops))
    found = [stop for stop in stops if whole.startswith(stop, begin)]
    assert stop_filter.found == min(found, key=len, default="")


@given(STOPS, TEXTS)
def test_sends_exactly_what_no_continuation_can_cut(stops: list[str], text: str) -> None:
    """Nothing is sent early that could be a stop, and nothing is held back that could not."""
    stop_filter = StopFilter(stops)
    sent = "".join(map(stop_filter.feed, text))
    possible_ends = ["", *(stop[size:] for stop in stops for size in range(len(stop)))]
    assert sent == min((cut(text + end, stops) for end in possible_ends), key=len)[: len(text)]


def test_time_does_not_grow_with_the_answer() -> None:
    """Periodic text and stops are the worst case: a rescan of the answer per piece would take minutes."""
    stop_filter = StopFilter(["a" * 200 + "b"] * 4)
    began = time.process_time()
    sent = sum(len(stop_filter.feed("a")) for _ in range(50_000))
    assert sent == 50_000 - 200
    assert time.process_time() - began < 10
