"""Reading long documents in parts: the time that it may take, what is kept, and for whom."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.answering.digest import (
    MAX_DIGESTS,
    Digest,
    Digests,
    Reading,
    ReadingPlanner,
    choose_documents,
    digest_key,
)
from services.answering.digest_run import read_parts
from services.answering.sources import RagState
from services.chat.rag.decision import EMPTY, Decision, remark
from services.chat.rag.extent import Extent
from services.chat.rag.pace import do_nothing
from services.chat.rag.parts import Part
from services.chat.rag.settings import ModelFacts
from services.chat.rag.sources import Source
from services.chat.tokens import estimate_tokens
from services.core.errors import ContextOverflow
from services.core.events import Done, Event, Text, Usage, Waiting
from services.core.metrics import Metrics
from services.core.model import Model
from services.core.request import EngineRequest
from services.core.settings import Settings
from tests.engines import request

MODEL = Model("m", Path("m.gguf"), "llama", 4096, 0, 0, capabilities=frozenset({"chat"}))
SETTINGS = Settings(rag_digest_seconds=60)
FACTS = ModelFacts(4096)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


Run = Callable[[EngineRequest], Iterator[Event]]


def reading(parts: int = 4, known: tuple[int, ...] = ()) -> Reading:
    texts = [f"This is part {number} of the story." for number in range(parts)]
    digest = Digest(tuple(Part(text, (text,)) for text in texts), 50, {number: f"known {number}" for number in known})
    order = [(0, number) for number in range(parts)]
    return Reading({0: digest}, order, 1000, Extent(("a.txt",), 1000, 9000, whole=True))


def read(what: Reading, run: Run, clock: Clock, rag: RagState | None = None) -> tuple[list[str], Done | None]:
    """Read, and return what was waited for, and the end."""
    waits: list[str] = []

    def work() -> Generator[Waiting, None, Done | None]:
        state = rag or RagState(SETTINGS, Metrics())
        return (yield from read_parts(what, request(MODEL, "Summarize this"), SETTINGS, state, run, clock))

    steps = work()
    while True:
        try:
            waits.append(str(next(steps)))
        except StopIteration as end:
            return waits, end.value


def engine(clock: Clock, seconds: float, before: float = 0.0) -> Run:
    """An engine that takes `seconds` for each part, after it was loaded for `before` seconds."""

    def run(asked: EngineRequest) -> Generator[Event]:
        clock.now += before
        yield Waiting("loading")
        yield Waiting("prefill")
        clock.now += seconds
        number = asked.messages[-1].text.partition("This is part ")[2][:1]
        yield Text(f"- note {number}\n")
        yield Done("stop", Usage(100, 10), {"prefill": seconds})

    return run


def test_each_part_is_read_and_all_tokens_count() -> None:
    clock, what = Clock(), reading()
    waits, done = read(what, engine(clock, 5), clock)
    assert what.digests[0].notes == {number: f"- note {number}" for number in range(4)}
    assert waits == [step for number in range(1, 5) for step in ("loading", f"reading {number}/4")]
    assert done is not None
    assert done.usage == Usage(400, 40)


def test_no_part_is_begun_that_would_end_too_late() -> None:
    clock, what = Clock(), reading()
    read(what, engine(clock, 25), clock)
    assert sorted(what.digests[0].notes) == [0, 1]
    assert clock.now == 50


def test_a_part_that_takes_too_long_is_cancelled_and_its_whole_lines_stay() -> None:
    clock, what, closed = Clock(), reading(), []

    def run(_: EngineRequest) -> Generator[Event]:
        try:
            yield Text("- one\n- tw")
            clock.now += 61
            yield Text("o")
            yield Text("never read")
        finally:
            closed.append(True)

    _, done = read(what, run, clock)
    assert closed == [True]
    assert what.digests[0].notes == {0: "- one"}
    assert done is None


def test_waiting_and_loading_take_no_time_from_reading() -> None:
    clock, what = Clock(), reading()
    read(what, engine(clock, 10, before=100), clock)
    assert len(what.digests[0].notes) == 4


def test_what_is_known_is_not_read_again() -> None:
    clock, what = Clock(), reading(known=(0, 2))
    waits, done = read(what, engine(clock, 5), clock)
    assert waits[1] == "reading 3/4"
    assert done is not None
    assert done.usage.prompt_tokens == 200
    assert what.digests[0].notes[0] == "known 0"


def test_what_another_request_reads_meanwhile_is_not_read_again() -> None:
    clock, what = Clock(), reading()

    def run(asked: EngineRequest) -> Generator[Event]:
        what.digests[0].notes.setdefault(1, "of another")
        yield from engine(clock, 5)(asked)

    _, done = read(what, run, clock)
    assert done is not None
    assert done.usage.prompt_tokens == 300
    assert what.digests[0].notes[1] == "of another"


def test_parts_count_where_a_client_leaves() -> None:
    clock, metrics = Clock(), Metrics()
    steps = read_parts(
        reading(), request(MODEL, "Summarize this"), SETTINGS, RagState(SETTINGS, metrics), engine(clock, 5), clock
    )
    assert [str(next(steps)) for _ in range(3)] == ["loading", "reading 1/4", "loading"]
    steps.close()
    read_count = metrics.registry.get_sample_value("rkllm_rag_parts_total", {"result": "read"})
    assert read_count == 1


def test_a_part_without_notes_stays_unread() -> None:
    clock, what = Clock(), reading(1)
    read(what, lambda _: iter([Text(" \n"), Done("stop", Usage(9, 1))]), clock)
    assert what.digests[0].notes == {}


def test_a_part_that_is_too_long_ends_the_reading_and_is_cut_anew() -> None:
    clock, what, rag = Clock(), reading(), RagState(SETTINGS, Metrics())
    rag._digests.keep("key", what.digests[0])

    def run(_: EngineRequest) -> Generator[Event]:
        raise ContextOverflow(5000, 4096)
        yield Text("")

    assert read(what, run, clock, rag) == ([], None)
    assert rag._digests.find("key") is None


def test_the_notes_have_a_request_of_their_own() -> None:
    seen: list[EngineRequest] = []
    clock = Clock()

    def run(asked: EngineRequest) -> Iterator[Event]:
        seen.append(asked)
        return iter([Text("x"), Done("stop", Usage())])

    read(reading(1), run, clock)
    (asked,) = seen
    assert (asked.max_tokens, asked.sampling.temperature, asked.sampling.seed) == (50, 0, None)
    assert (asked.generation.keep_alive, asked.low_priority, asked.sources_used) == (None, False, False)
    assert asked.template_kwargs == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("owner", "model", "text"),
    [
        ("you", MODEL, "a"),
        ("me", Model("n", Path("n.gguf"), "llama", 4096, 0, 0), "a"),
        ("me", replace(MODEL, created=1), "a"),
        ("me", MODEL, "b"),
    ],
    ids=["another key", "another model", "a new file", "another text"],
)
def test_digests_never_mix(owner: str, model: Model, text: str) -> None:
    assert digest_key(owner, model, text) != digest_key("me", MODEL, "a") == digest_key("me", MODEL, "a")


def test_few_digests_are_kept_the_first_of_each_key() -> None:
    digests, first = Digests(), Digest((), 1)
    assert digests.keep("0", first) is digests.keep("0", Digest((), 2)) is first
    for number in range(MAX_DIGESTS):
        digests.keep(str(number + 1), first)
    assert digests.find("0") is None


def planner(digests: Digests) -> ReadingPlanner:
    return ReadingPlanner(digests, "me", MODEL, estimate_tokens, do_nothing)


LONG = Source("1", "a.txt", "", "The mill of Eastwick burned down in 1906, and nobody knew why. " * 400, "file")


def test_a_slow_model_reads_nothing_new_and_uses_what_it_knows() -> None:
    digests, slow = Digests(), ModelFacts(4096, prefill_speed=1)
    assert planner(digests).plan([LONG], Extent(), 1000, slow, 60) is None
    known = planner(digests).plan([LONG], Extent(), 1000, FACTS, 60)
    assert known is not None
    assert known.unread == known.order
    known.digests[0].notes[0] = "It burned down."
    again = planner(digests).plan([LONG], Extent(), 1000, slow, 60)
    assert again is not None
    assert (again.unread, again.read) == ([], 1)
    assert again.notes(estimate_tokens)[0].startswith("It burned down.\n\nThe mill of Eastwick")


def test_an_overview_of_the_parts_that_were_not_read_fills_the_room() -> None:
    found = planner(Digests()).plan([LONG], Extent(), 1000, FACTS, 60)
    assert found is not None
    for part in range(3):
        found.digests[0].notes[part] = f"Note {part}."
    text = found.notes(estimate_tokens)[0]
    assert text.startswith("Note 0.\n\nNote 1.\n\nNote 2.\n\nThe mill")
    assert 700 <= estimate_tokens(text) <= 1000


def test_documents_that_fit_stay_and_leave_the_room_to_the_others() -> None:
    short = replace(LONG, text="The mill is new.")
    long, room = choose_documents([short, LONG, replace(LONG, kind="web")], 1000, estimate_tokens)
    assert list(long) == [1]
    assert room == 1000 - estimate_tokens(short.text)


ONE, TWO = Extent(("a.txt",), 9000, 90_000, whole=True), Extent(("a.txt", "b.txt"), 9000, 90_000)


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            Decision(True, "relevant", extent=Extent(results=2)),
            "2 search results were left out: the others say more on the question, or the same.",
        ),
        (
            Decision(False, "irrelevant", extent=Extent(results=1)),
            "1 search result did not fit the question and was left out.",
        ),
        (
            Decision(False, "other topic", extent=Extent(results=3)),
            "3 search results did not fit the question and were left out.",
        ),
        (Decision(False, "acknowledgement", extent=Extent(results=1)), ""),
        (Decision(False, EMPTY, extent=Extent(("scan.pdf",))), "No text was found in scan.pdf."),
        (Decision(False, EMPTY, extent=Extent(results=2)), ""),
        (Decision(True, "attached", extent=ONE), "Read 4 of 45 pages' worth of a.txt. The rest did not fit."),
        (
            Decision(True, "attached", extent=TWO),
            "Used 4 of 45 pages' worth of the documents: what fits the question best.",
        ),
        (
            Decision(True, "attached", extent=Extent(("a.txt",), 1200, 2400)),
            "Used a part of a.txt: what fits the question best.",
        ),
        (Decision(True, "attached", extent=ONE, parts=8), "Reads a.txt in 8 parts before the answer."),
        (
            Decision(True, "attached", extent=ONE, parts=8, parts_read=8),
            "Read a.txt in 8 parts. The answer comes from notes about them.",
        ),
        (
            Decision(True, "attached", extent=ONE, parts=8, parts_read=3),
            "Read 3 of 8 parts of a.txt, and little or nothing of the others.",
        ),
        (Decision(True, "attached", extent=Extent(("a.txt",), 95, 100)), ""),
        (
            Decision(True, "relevant", unread=9000),
            "4 pages' worth of the sources were not looked at, because there were too many.",
        ),
    ],
)  # fmt: skip
def test_what_a_person_must_know_of_the_sources(decision: Decision, words: str) -> None:
    assert remark(decision) == words
