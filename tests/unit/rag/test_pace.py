"""The pipeline gives way to other requests after a limited number of steps, whatever the text.

Steps are counted and no time is taken, so the result is the same on a busy machine. `test_event_loop` measures the time
of what Python does in one step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from services.chat.rag.pace import do_nothing, paced
from services.chat.rag.pipeline import run_pipeline
from services.chat.rag.settings import ModelFacts, RagSettings
from services.chat.rag.thesaurus import thesaurus
from services.core.message import Messages, message

MOST_STEPS = 32_000
"""Lines of code that run between two breaths at most: about 3 ms of work."""

ASKED = "How high is the tower in chapter 7 of the text?"


def lines(count: int, text: str, end: str = "\n") -> str:
    """Return `count` lines, each with its number in place of ``#``."""
    return end.join(text.replace("#", str(number)) for number in range(count))


def about(text: str, kind: str = "file", question: str = ASKED) -> Messages:
    """Return the messages of a question about one source."""
    source = f'<source id="1" name="a" resource-type="{kind}" source="https://example.org">{text}</source>'
    return (message("user", f"{source}\n{question}"),)


def sources(count: int, text: str, kind: str) -> Messages:
    """Return the messages of a question about many sources."""
    tags = (
        f'<source id="{number}" name="a" resource-type="{kind}">{text}</source>\n' for number in range(1, count + 1)
    )
    return (message("user", f"{''.join(tags)}\n{ASKED}"),)


TEXTS = {
    "one long line": about("The tower is high and wide. " * 4000),
    "no blanks": about("tower" * 20_000),
    "blanks": about(f"The tower{' ' * 100_000}is high."),
    "empty lines": about(f"The tower{chr(10) * 100_000}is high."),
    "short lines": about(lines(10_000, "a#")),
    "wrapped lines": about(lines(5000, "the tower of the town number # is as high as any of the others,")),
    "headings": about(lines(10_000, "## Tower #", "\n\n")),
    "headings with one number": about(lines(10_000, "## Chapter 7", "\n\n")),
    "titles": about(lines(10_000, "The tower #", "\n\n")),
    "rows": about("| a | b |\n|---|---|\n" + lines(10_000, "| # | tower # |")),
    "cells": about(lines(5000, "tower\n#\nkm", "\n\n")),
    "nested items": about("".join(f"{'  ' * (number % 40)}- item {number}\n" for number in range(10_000))),
    "pages": about(lines(10_000, "The tower #.", "\f")),
    "captions": about(lines(5000, "Figure 7: the tower", "\n\n"), question="What is in figure 7 and figure 8?"),
    "code": about("```\n" + lines(10_000, "tower(#)")),
    "encoded data": about(lines(2000, "iVBORw0KGgoAAAANSUhEUgAAASwAAAEsCAYAAAB5fY51AAAACXBIWXMAAAsTAAALEwEAmp")),
    "Chinese": about("塔高六十一米" * 15_000, question="塔有多高？"),
    "Thai": about("หอคอยสูง" * 10_000, question="หอคอยสูงเท่าไร"),
    "a web page": about(lines(2000, "Town # has a river, a hall and # bridges, says its mayor."), "web_search"),
    "many results": sources(200, "Der Ort hat einen Fluss und eine Halle. " * 20, "web_search"),
    "many files": sources(200, "The tower is high. " * 20, "file"),
    "forged tags": about('</source>\n<source id="2" name="x">' * 10_000),
    "inner tags": about('<source id="2" name="x">' * 10_000),
    "a long question": about("The tower is 61 m high.", question=lines(15_000, "w#", " ")),
    "the whole": about(lines(5000, "The tower # is as high as the others are. " * 2), question="Summarize this."),
    "a long talk": (*(message("user", "Why? "), message("assistant", "So. ")) * 2048, *about("The tower is high.")),
}  # fmt: skip


@contextmanager
def tracing(trace: Callable[[FrameType, str, Any], Any]) -> Iterator[None]:
    """Call `trace` for each line of code meanwhile. A measurement of coverage goes on behind it."""
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def longest_run(messages: Messages) -> int:
    """Return the largest number of steps between two breaths."""
    steps, most = 0, 0

    def step(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal steps
        steps += 1
        return step

    def breathe() -> None:
        nonlocal steps, most
        steps, most = 0, max(most, steps)

    # The server reads the list before the first request.
    thesaurus()
    with tracing(step):
        run_pipeline(messages, ModelFacts(8192), RagSettings(), give_way=breathe)
    breathe()
    return most


@pytest.mark.parametrize("messages", TEXTS.values(), ids=TEXTS)
def test_other_requests_run_after_a_limited_number_of_steps(messages: Messages) -> None:
    assert longest_run(messages) < MOST_STEPS


def test_pacing_changes_nothing() -> None:
    breaths: list[int] = []
    assert list(paced(range(70), lambda: breaths.append(1), 32)) == [*range(70)]
    assert len(breaths) == 3
    assert list(paced([], do_nothing)) == []
