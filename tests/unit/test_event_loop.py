"""No text of a stranger keeps the event loop busy: between two breaths there are less than 100 ms of CPU.

One greenlet serves all requests. Work on text gives way to the others, in the pipeline for sources by `give_way`, in
streams between two pieces of an answer. CPU time is measured, since other programs share the machine.
"""

from __future__ import annotations

import gc
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from services.answering.digest import Digests, ReadingPlanner
from services.answering.plan import plan
from services.api.dialects.ollama.keep_alive import keep_alive
from services.api.dialects.openai.types import ChatRequest
from services.api.http.decode import decode_body
from services.chat import reasoning
from services.chat.housekeeping import is_housekeeping
from services.chat.rag.extent import Extent
from services.chat.rag.fence import fence_text
from services.chat.rag.notes_prompt import notes_prompt
from services.chat.rag.pipeline import run_pipeline
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.rag.sources import Source
from services.chat.schemas.checks import check_schemas
from services.chat.search_queries import query_answer
from services.chat.tokens import estimate_tokens
from services.chat.tools import families
from services.chat.tools.families.base import Family
from services.chat.tools.scan import Scanner
from services.core.errors import ServiceError
from services.core.events import Done, Event, Text, Usage
from services.core.message import Messages, message
from services.core.model import Model
from services.core.request import GenerationRequest, Tool
from services.core.settings import FIELDS, Settings, nearest
from services.engines.worker.child_log import ANSWER_READ_SIZE
from tests.openwebui import QUERY_GENERATION, query_prompt

LONGEST = 0.1
"""Seconds of CPU between two breaths."""

SOURCE = '<source id="1" name="a">'
MODEL = Model("m", Path("m.gguf"), "llama", 4096, 0, 0)
TOOLS = {"add": {"properties": {"a": {"type": "number"}}}}

Breath = Callable[[], None]


def rag(messages: Messages, breathe: Breath) -> None:
    run_pipeline(messages, ModelFacts(4096), RagSettings(), give_way=breathe)


def ask(text: str, breathe: Breath) -> None:
    rag((message("user", text),), breathe)


def talk(text: str, breathe: Breath) -> None:
    asked = message("user", f"{SOURCE}The tower is 61 m high.</source>\nHow high is it?")
    rag((message("system", text), message("user", text), message("assistant", text), asked), breathe)


def pieces(text: str, breathe: Breath) -> Iterator[Event]:
    """Yield an answer as an engine does, in the largest pieces that one read of its output gives."""
    for start in range(0, len(text), ANSWER_READ_SIZE):
        breathe()
        yield Text(text[start : start + ANSWER_READ_SIZE])
    yield Done("stop", Usage())


def reason(text: str, breathe: Breath) -> None:
    for event in (*reasoning.split(pieces(text, breathe)), *reasoning.split(pieces(f"<think>{text}", breathe))):
        assert event


def scan(family: Family) -> Callable[[str, Breath], None]:
    def work(text: str, breathe: Breath) -> None:
        scanner = Scanner(family, TOOLS)
        for event in pieces(text, breathe):
            assert isinstance(scanner.feed(event.text if isinstance(event, Text) else ""), list)
        scanner.finish()

    return work


def offer(text: str, breathe: Breath) -> None:
    tool = Tool("add", text, {"type": "object", "properties": {text: {"enum": [text]}}})
    plan(GenerationRequest((message("user", text),), tools=(tool,)), MODEL, Settings(), "id")


def search(text: str) -> None:
    for talk in (text, text.replace("\n", "\nUSER: ")):
        query_answer((message("user", query_prompt(QUERY_GENERATION, talk, "Yes.", talk)),))


def decode(text: str, breathe: Breath) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], text[:1000]: text}).encode()
    breathe()
    decode_body(body, ChatRequest, print)


def read_in_parts(text: str, breathe: Breath) -> None:
    planner = ReadingPlanner(Digests(), "", MODEL, estimate_tokens, breathe)
    found = planner.plan([Source("1", "a", "", text, "file")], Extent(), 1000, ModelFacts(4096), 60)
    if found is None:
        return
    breathe()
    found.notes(estimate_tokens)
    for part in found.digests[0].parts:
        breathe()
        notes_prompt(part.text)


WORK: dict[str, Callable[[str, Breath], Any]] = {
    "a chat": ask,
    "sources": lambda text, breathe: ask(f"{SOURCE}{text}</source>\nHow high is the tower?", breathe),
    "a long document": read_in_parts,
    "many sources": lambda text, breathe: ask(f"{SOURCE}{text[:100]}</source>\n" * (len(text) // 130), breathe),
    "a question": lambda text, breathe: ask(f"{SOURCE}{text[:30_000]}</source>\n{text}", breathe),
    "a conversation": talk,
    "a fence": lambda text, breathe: fence_text(text),
    "tokens": lambda text, breathe: estimate_tokens(text),
    "housekeeping": lambda text, breathe: is_housekeeping((message("user", f"### Task:\nGenerate a concise{text}"),)),
    "search queries": lambda text, breathe: search(text),
    "a name": lambda text, breathe: nearest(text, FIELDS),
    "keep_alive": lambda text, breathe: keep_alive(text),
    "reasoning": reason,
    "tools": offer,
    "a body": decode,
    "no JSON": lambda text, breathe: decode_body(text.encode(errors="surrogatepass"), ChatRequest, print),
    "a schema": lambda text, breathe: check_schemas({"description": text, "required": [text], "pattern": text}, ()),
    **{f"calls of {family.name}": scan(family) for family in families.BY_NAME.values()},
}


def stretch(work: Callable[[str, Breath], Any], text: str) -> float:
    """Return the longest CPU time between two breaths, in seconds, of three tries: a busy machine only adds to it."""
    found = math.inf
    for _ in range(3):
        if (found := min(found, longest_stretch(work, text))) < LONGEST:
            break
    return found


def longest_stretch(work: Callable[[str, Breath], Any], text: str) -> float:
    """Return the longest CPU time between two breaths, in seconds."""
    times = [time.thread_time()]
    with suppress(ServiceError):
        work(text, lambda: times.append(time.thread_time()))
    times.append(time.thread_time())
    return max(after - before for before, after in pairwise(times))


FRAGMENTS = (
    SOURCE, "<source ", '<source id="1" name="', '" a="', "</source>", "<context>", "</context>", "<user_query>",
    "</user_query>", "\n", " ", "<", "</think>", "<think", "`", "```", "<tool_call>", '{"name": "', "[", "{", '"', "\\",
    "1", ".", "1h", "tower", "The tower is 61 m high. ", "塔", "高い塔。", "e\u0301\u0302", "\u0e01\u0e34", "aB", "😀",
    "<|python_tag|>", "[TOOL_CALLS]", "add(a='", "<function=add>", "call:add{a:", "commentary to=functions.add",
)  # fmt: skip
"""What the code looks for, and what its loops run over."""


def repeated(fragments: list[str], size: int, numbered: bool) -> str:
    """Return `fragments` again and again, about `size` characters; `numbered` makes each repetition different."""
    piece = "".join(fragments)
    times = size // (len(piece) + 6 * numbered) + 1
    return "".join(f"{piece}{number} " for number in range(times)) if numbered else piece * times


PIECES = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(min_size=1, max_size=5)), min_size=1, max_size=3)


@pytest.fixture(autouse=True, scope="module")
def _only_own_garbage() -> Iterator[None]:
    """Keep the objects of the other tests out of the garbage collection: a server does not have them."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


# The parts of a text, since a failed test shows what it was given.
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(fragments=PIECES, size=st.sampled_from([100, 10_000, 200_000]), numbered=st.booleans())
def test_any_text_leaves_room_for_other_requests(
    work: Callable[[str, Breath], Any], fragments: list[str], size: int, numbered: bool
) -> None:
    assert stretch(work, repeated(fragments, size, numbered)) < LONGEST


def similar(letters: str) -> str:
    """Return words that differ in their last three letters only."""
    return " ".join(f"abc{''.join(ending)}" for ending in product(letters, repeat=3))


def result(number: int) -> str:
    """Return a result of a search in English, all of whose other words are its own."""
    words = "it is in the middle of the town and " + " ".join(f"w{number}x{place}" for place in range(200))
    return f'<source id="{number}" name="a" resource-type="web_search" source="https://example.org">{words}</source>\n'


MEGABYTES = {
    "attributes without an end": (ask, '<source id="1" name="' + '" a="' * 22 + "x</source>\nWhy?"),
    "many of them": (ask, ('\n<source id="1" name="' + '" a="' * 20) * 10_000 + "x</source>\nWhy?"),
    "sources without an end": (ask, f"{SOURCE}\n" * 40_000 + "</source>\nWhy?"),
    "small sources": (ask, f"{SOURCE}The tower is 61 m high.</source>\n" * 20_000 + "How high is the tower?"),
    "different words of results": (ask, "".join(result(number) for number in range(1, 101)) + "Wie hoch ist der Turm?"),
    "copies of the question": (ask, f"{SOURCE}61 m</source>\n" + "<user_query>" * 100_000),
    "ends of the context": (ask, f"{SOURCE}61 m</source>\n" + "</context>" * 100_000),
    "words in a question": (ask, f"{SOURCE}61 m</source>\n" + " ".join(map(str, range(200_000)))),
    "similar words": (ask, f"{SOURCE}{similar('defghijklmnopqrst')}</source>\n{similar('uvwxyzABC')}"),
    "a name": (WORK["a name"], "rag_enabled" * 1_000_000),
    "digits of a duration": (WORK["keep_alive"], "1" * 22 + "x"),
    "a duration": (WORK["keep_alive"], "1" * 1_000_000 + "x"),
    "a description": (offer, "word " * 400_000),
    "arguments in Python's syntax": (scan(families.BY_NAME["llama"]), f"[add(a=[{'1,' * 16_000}1])]"),
    "fences of calls": (scan(families.BY_NAME["auto"]), "```" * 10_000),
    "blanks in a tag": (reason, "<" + " " * 1_000_000),
    "a pattern": (WORK["a schema"], "(a{1,2}[" * 30_000),
    "texts in a body": (WORK["no JSON"], '{"metadata": {' + '"a": "b",' * 300_000),
    "lists in a body": (WORK["no JSON"], '{"metadata": {"a": ' + "[[]," * 300_000),
    "half characters": (WORK["no JSON"], '{"model": "' + "\\ud83d" * 200_000),
}


@pytest.mark.parametrize(("work", "text"), MEGABYTES.values(), ids=MEGABYTES)
def test_megabytes_leave_room_for_other_requests(work: Callable[[str, Breath], Any], text: str) -> None:
    assert stretch(work, text) < LONGEST
