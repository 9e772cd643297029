"""Reasoning is told from the answer by its tags, whatever the chunking."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.reasoning import split
from services.core.events import Done, Event, Reasoning, Text, TokenLogprob, Usage, Waiting

DONE = Done("stop", Usage())
TAGS = ("<think>", "</think>", "<thinking>", "</thinking>", "< Think >", "< / think\t>", "\n<think>", "`</think>")
OTHERS = ("<", "/", "think", ">", "<th", "<thin\u212a>", "a", "`", "\n", " ", "\u00a0")
FRAGMENTS = st.sampled_from(TAGS + OTHERS)
WHOLES = st.lists(FRAGMENTS, max_size=12).map("".join)
TAG = r"<[ \t]*/?[ \t]*think(ing)?[ \t]*>"
REASONED = WHOLES.map("<think>{}".format)


def run(chunks: Sequence[str]) -> list[Event]:
    return list(split(iter([*map(Text, chunks), DONE])))


def joined(events: Sequence[Event]) -> tuple[str, str]:
    thought = "".join(event.text for event in events if isinstance(event, Reasoning))
    return thought, "".join(event.text for event in events if isinstance(event, Text))


@pytest.mark.parametrize(
    ("whole", "thought", "text"),
    [
        pytest.param("", "", "", id="empty"),
        pytest.param("Hello", "", "Hello", id="no reasoning"),
        pytest.param("<think>a</think>b", "a", "b", id="plain"),
        pytest.param("<thinking>a</thinking>b", "a", "b", id="other name"),
        pytest.param(" \n<think>a</think>b", "a", "b", id="whitespace before"),
        pytest.param("<THINK>a</Think>b", "a", "b", id="case"),
        pytest.param("< think\t>a</ think >b", "a", "b", id="blanks"),
        pytest.param("< think >a< / think>b", "a", "b", id="blanks around the slash"),
        pytest.param(f"<{' ' * 17}think>a", "", f"<{' ' * 17}think>a", id="too many blanks"),
        pytest.param("<think\n>a", "", "<think\n>a", id="newline is no blank"),
        pytest.param("<thin k>a", "", "<thin k>a", id="blank inside the name"),
        pytest.param("<thinks>a", "", "<thinks>a", id="longer name"),
        pytest.param("<thin\u212a>a", "", "<thin\u212a>a", id="look-alike letter"),
        pytest.param("<think>\n a \n</think>\n\n b ", "a", "b ", id="trimmed"),
        pytest.param("<think>a \n b</think>c", "a \n b", "c", id="inner whitespace kept"),
        pytest.param("<think>\n\n</think>\n\nb", "", "b", id="whitespace-only reasoning"),
        pytest.param("<think></think>b", "", "b", id="empty reasoning"),
        pytest.param("<think>a</think> \n", "a", "", id="no answer"),
        pytest.param("<think>a b \n", "a b \n", "", id="unclosed"),
        pytest.param("<think> \n", "", "", id="unclosed and whitespace-only"),
        pytest.param("<think>a </thi", "a </thi", "", id="unclosed with half a tag"),
        pytest.param("<think>a</thinking>b</think>c", "a</thinking>b", "c", id="closed by the same name only"),
        pytest.param("<thinking>a</think>b</thinking>c", "a</think>b", "c", id="and the other way round"),
        pytest.param("<think>a\n<think>b</think>c</think>d", "a\n<think>b</think>c", "d", id="nested"),
        pytest.param("<think>\n<think>b</think>c</think>d", "<think>b</think>c", "d", id="nested in the first line"),
        pytest.param("<think>a <think>b</think>c", "a <think>b", "c", id="not at the start of a line"),
        pytest.param("<think><think>b</think>c", "<think>b", "c", id="tag after tag is not at the start of a line"),
        pytest.param("<think>a\n<thinking>b</think>c", "a\n<thinking>b", "c", id="other name does not nest"),
        pytest.param("<think>a `</think>` b</think>c", "a `</think>` b", "c", id="quoted"),
        pytest.param("<think>`</think>` b</think>c", "`</think>` b", "c", id="quoted at once"),
        pytest.param("<think>a < b <c> </ p></think>d", "a < b <c> </ p>", "d", id="other brackets"),
        pytest.param("<think>a<</think>b", "a<", "b", id="bracket before the tag"),
        pytest.param("</think>a", "", "</think>a", id="lone closing tag"),
        pytest.param(" \n</think>a", "", " \n</think>a", id="lone closing tag after whitespace"),
        pytest.param(" \n", "", " \n", id="whitespace only"),
        pytest.param(" \nHello", "", " \nHello", id="whitespace, then text"),
        pytest.param(" <thi", "", " <thi", id="half a tag only"),
        pytest.param("x <think>a</think>", "", "x <think>a</think>", id="tag later is text"),
        pytest.param("`<think>`", "", "`<think>`", id="quoted tag is text"),
        pytest.param("<think>a</think><think>b</think>", "a", "<think>b</think>", id="second tag is text"),
        pytest.param("<think>a</think>b\n</think>", "a", "b\n</think>", id="closing tag in the answer is text"),
    ],
)
def test_whole_and_by_character(whole: str, thought: str, text: str) -> None:
    assert joined(run([whole])) == (thought, text)
    assert joined(run(list(whole))) == (thought, text)


@pytest.mark.parametrize(
    ("chunks", "steps"),
    [
        pytest.param(["a", " ", "<think>"], [Text("a"), Text(" "), Text("<think>")], id="answer"),
        pytest.param([" ", "<", "p"], [None, None, Text(" <p")], id="start"),
        pytest.param(["<", "/"], [None, Text("</")], id="closing tag at the start"),
        pytest.param(["<think ", "x"], [None, Text("<think x")], id="attribute"),
        pytest.param(["<thi ", "x"], [Text("<thi "), Text("x")], id="cut-off name"),
        pytest.param(["<think>", "a", "b "], [None, Reasoning("a"), Reasoning("b")], id="reasoning"),
        pytest.param(["<think>a ", "b"], [Reasoning("a"), Reasoning(" b")], id="whitespace in reasoning"),
        pytest.param(["<think>a<", "b"], [Reasoning("a"), Reasoning("<b")], id="bracket in reasoning"),
        pytest.param(["<think>a<t", "h"], [Reasoning("a<t"), Reasoning("h")], id="opening tag within a line"),
        pytest.param(["<think>a\n<t", "x"], [Reasoning("a"), Reasoning("\n<tx")], id="opening tag in a new line"),
        pytest.param(["<think>`</", "t"], [Reasoning("`</"), Reasoning("t")], id="quoted tag"),
        pytest.param(["<think>a</think>", "\n", "b"], [Reasoning("a"), None, Text("b")], id="between"),
    ],
)
def test_what_leaves_when(chunks: list[str], steps: list[Event | None]) -> None:
    """A marker after each chunk shows what left before it."""
    marker = Waiting("decode")
    source = [event for chunk in chunks for event in (Text(chunk), marker)]
    expected = [event for step in steps for event in (step, marker) if event]
    assert list(split(iter(source)))[: len(expected)] == expected


def test_reasoning_and_text_of_one_chunk_are_two_events() -> None:
    assert run(["<think>a\n<b</think>c"]) == [Reasoning("a\n<b"), Text("c"), DONE]


def test_other_events_pass_unchanged() -> None:
    events: list[Event] = [Waiting("queued", 2), Waiting("prefill", progress=0.5), Reasoning("own"), Text("a"), DONE]
    assert list(split(iter(events))) == events


def test_held_back_text_precedes_done() -> None:
    assert run([" <th"]) == [Text(" <th"), DONE]


def test_source_that_ends_without_done_loses_nothing() -> None:
    assert list(split(iter([Text(" <th")]))) == [Text(" <th")]


@pytest.mark.parametrize(
    ("chunks", "texts"),
    [
        pytest.param(["a", "b"], [("a", "0"), ("b", "1")], id="answer"),
        pytest.param([" ", "<", "p"], [(" <p", "012")], id="held back"),
        pytest.param([" ", "<t"], [(" <t", "01")], id="held back to the end"),
        pytest.param(["a", "", "b"], [("a", "0"), ("b", "12")], id="piece without text"),
        pytest.param(["a", "b", ""], [("a", "0"), ("b", "1"), ("", "2")], id="logprobs of earlier text at the end"),
        pytest.param(["<think", ">", "a", "</think>", "\n", "b"], [("b", "5")], id="thoughts and tags dropped"),
        pytest.param(["<think", ">a</think>b"], [("b", "1")], id="mixed piece keeps its own"),
        pytest.param(["<think>", "a"], [], id="unclosed"),
    ],
)
def test_logprobs(chunks: list[str], texts: list[tuple[str, str]]) -> None:
    source = [Text(chunk, (TokenLogprob(str(index), 0.0),)) for index, chunk in enumerate(chunks)]
    found = [event for event in split(iter([*source, DONE])) if isinstance(event, Text)]
    assert [(event.text, "".join(entry.token for entry in event.logprobs)) for event in found] == texts


class Source:
    """A source that notes when it is closed."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.closed = False
        self.failure = failure

    def events(self) -> Iterator[Event]:
        try:
            yield Text("a")
            if self.failure:
                raise self.failure
            yield DONE
        finally:
            self.closed = True


def test_closing_closes_the_source() -> None:
    source = Source()
    events = source.events()
    stream = split(events)
    assert next(stream) == Text("a")
    assert not source.closed
    stream.close()  # type: ignore[attr-defined]
    assert source.closed


def test_failure_of_the_source_passes() -> None:
    source = Source(failure=ValueError("broken"))
    stream = split(source.events())
    assert next(stream) == Text("a")
    with pytest.raises(ValueError, match="broken"):
        next(stream)
    assert source.closed


def test_closing_a_plain_iterator() -> None:
    stream = split(iter([Text("a"), DONE]))
    assert next(stream) == Text("a")
    stream.close()  # type: ignore[attr-defined]
    assert list(stream) == []


@given(st.one_of(WHOLES, REASONED), st.data())
def test_chunking_does_not_matter(whole: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert joined(run(chunks)) == joined(run([whole]))


@given(st.one_of(WHOLES, REASONED))
def test_nothing_is_lost_or_made_up(whole: str) -> None:
    """The answer is the end of the text, the reasoning comes before it, and only tags and whitespace surround them."""
    thought, text = joined(run(list(whole)))
    assert whole.endswith(text)
    around = rf"(\s*{TAG}\s*{re.escape(thought)}(\s*{TAG}\s*)?)?"
    assert re.fullmatch(around, whole.removesuffix(text), re.IGNORECASE)


@given(st.one_of(WHOLES, REASONED))
def test_nothing_leaves_that_a_longer_answer_takes_back(whole: str) -> None:
    """Whatever left after a part of the answer is the beginning of what the whole answer yields."""
    thought, text = joined(run([whole]))
    for size in range(len(whole)):
        events: list[Event] = [Text(whole[:size]), Waiting("decode")]
        early = list(split(iter(events)))
        early_thought, early_text = joined(early[: early.index(events[1])])
        assert thought.startswith(early_thought)
        assert text.startswith(early_text)
