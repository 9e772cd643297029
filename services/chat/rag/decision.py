"""Define what the pipeline decides about the sources of a request, and say it in words for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.chat.rag.extent import Extent

NOTHING = Extent()

UNFIT = frozenset({"irrelevant", "other topic", "attached"})
"""Reasons for which all results are left out though the message asks something; documents beside them may be used."""

EMPTY = "empty sources"
"""The reason why sources without text are not used, as of a scan."""

PAGE = 2000
"""Characters of a page, for words about the length of a text."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was done with the sources of a request, and why."""

    used: bool
    reason: str
    sources: int = 0
    kept: int = 0
    """Sources of which the prompt has at least a part."""
    tokens: int = 0
    """Tokens of the sources' text in the prompt, counted or estimated."""
    coverage: float = 0.0
    """See `relevance.Verdict`."""
    ms: float = 0.0
    """Milliseconds that the decision took, including the time of other requests that ran meanwhile."""
    unread: int = 0
    """Characters of the sources that were not read, because there were too many."""
    extent: Extent = NOTHING
    parts: int = 0
    """Parts in which the model was to read the documents; 0 if it was not."""
    parts_read: int = 0
    """Parts of which it has notes, from now or from an earlier turn."""

    @property
    def dropped(self) -> int:
        """Return the number of sources of which nothing is in the prompt."""
        return self.sources - self.kept


def remark(decision: Decision) -> str:
    """Return what a person must know of the sources, in one to three sentences; empty if all of them was used."""
    return " ".join((*_about_results(decision), *_about_documents(decision), *_about_unread(decision)))


def _about_results(decision: Decision) -> Iterator[str]:
    dropped = decision.extent.results
    what = "1 search result" if dropped == 1 else f"{dropped} search results"
    verb = "was" if dropped == 1 else "were"
    if dropped and decision.reason in UNFIT:
        yield f"{what} did not fit the question and {verb} left out."
    elif dropped and decision.used:
        yield f"{what} {verb} left out: the others say more on the question, or the same."


def _about_documents(decision: Decision) -> Iterator[str]:
    extent, name = decision.extent, document_name(decision.extent.documents)
    read, parts = decision.parts_read, decision.parts
    shown, total = pages(extent.shown), pages(extent.total)
    share = f"{shown} of {total} pages' worth of {name}" if shown < total else f"a part of {name}"
    if decision.reason == EMPTY and extent.documents:
        yield f"No text was found in {name}."
    if not decision.used:
        return
    if read and read == parts:
        yield f"Read {name} in {parts} parts. The answer comes from notes about them."
    elif parts and not read:
        yield f"Reads {name} in {parts} parts before the answer."
    elif read:
        yield f"Read {read} of {parts} parts of {name}, and little or nothing of the others."
    elif extent.whole and not extent.complete:
        yield f"Read {share}. The rest did not fit."
    elif not extent.complete:
        yield f"Used {share}: what fits the question best."


def _about_unread(decision: Decision) -> Iterator[str]:
    if decision.unread >= PAGE:
        yield f"{pages(decision.unread)} pages' worth of the sources were not looked at, because there were too many."


def pages(characters: int) -> int:
    """Return how many pages a text of so many characters is, at least 1."""
    return max(1, round(characters / PAGE))


def document_name(titles: tuple[str, ...]) -> str:
    """Return the words for what a person attached: its title if there is only one."""
    return titles[0] if len(titles) == 1 and titles[0] else "the document" if len(titles) == 1 else "the documents"
