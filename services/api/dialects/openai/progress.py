"""Say in a stream what a request waits for, and what a person must know of its sources.

By default these are SSE comments, which clients skip. A client that asks for it (``status_events``) gets chunks without
choices instead, whose events Open WebUI's page shows above the answer.
"""

from __future__ import annotations

from msgspec import UNSET, structs

from services.api.dialects.openai.answers import CompletionHead, with_head
from services.api.dialects.openai.schemas import ChatCompletionChunk, Status, StatusData
from services.api.http.stream import comment, sse
from services.core.events import Notice, NoticeKind, Waiting

ANSWERING = "Answering"
"""The words of the last event where there is nothing to say."""


class Comments:
    """Says it in comments."""

    def waiting(self, event: Waiting) -> bytes:
        """Return what is sent while there is nothing else."""
        return comment(event)

    def notice(self, notice: Notice) -> None:
        """Take a notice, which is in a header."""

    def end(self) -> bytes:
        """Return what is sent before the answer, or before the error in its place; empty for nothing."""
        return b""


class StatusEvents(Comments):
    """Says it in events that a page shows, until the answer begins."""

    def __init__(self, head: CompletionHead) -> None:
        """Take what all chunks of the response repeat."""
        self._head = head
        self._words: dict[NoticeKind, str] = {}
        self._shown = ""
        self._ended = False

    def waiting(self, event: Waiting) -> bytes:
        """Return an event if there is something new to say, else a comment, which keeps the connection alive."""
        words = waiting_words(event)
        if self._ended or words == self._shown:
            return comment(event)
        self._shown = words
        return self._frame(words, done=False)

    def notice(self, notice: Notice) -> None:
        """Keep the words of a notice for the end; the newest of its kind counts."""
        self._words[notice.kind] = notice.words

    def end(self) -> bytes:
        """Return the last event: the words of the notices, else one that hides what was waited for.

        A hidden one hides all that the page shows of a search too, so there is none where sources came.
        """
        words = " ".join(filter(None, self._words.values()))
        said, self._ended = bool(words or self._shown) and not self._ended, True
        return self._frame(words or ANSWERING, done=True, hidden="sources" not in self._words) if said else b""

    def _frame(self, words: str, *, done: bool, hidden: bool = False) -> bytes:
        status = Status(data=StatusData(description=words, done=done, hidden=hidden))
        return sse(structs.replace(with_head(ChatCompletionChunk, self._head, [], UNSET), event=status))


def waiting_words(event: Waiting) -> str:
    """Return what a request waits for, in words for a person."""
    match event.phase:
        case "queued":
            return f"Waiting: {event.position} other request{'s' if event.position > 1 else ''} first"
        case "loading":
            return "Loading the model"
        case "reading":
            return f"Reading the document: part {event.position} of {event.parts}"
        case "retry":
            return "Trying again"
        case "decode":
            return "Writing the answer"
        case "prefill":
            # In steps of a tenth: a page keeps each line that it was shown.
            share = "" if event.progress is None else f": {10 * int(10 * event.progress)}%"
            return f"Reading the question{share}"
