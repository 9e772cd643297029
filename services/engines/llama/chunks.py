"""Report the chunks of an answer, as llama.cpp sends them, to a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.engines.llama.hidden import Entry, Ledger
from services.engines.llama.refusals import too_long
from services.engines.worker.loop import Run


class ChunkReporter:
    """Report llama.cpp's chunks to a run. `take` is its callback and runs in the thread that called it."""

    def __init__(self, run: Run, alternatives: int, context: int) -> None:
        """Report to `run`. A token with logprobs comes with at most `alternatives` other tokens.

        The run ends when prompt and answer have `context` tokens: llama.cpp rounds its own limit up.
        """
        self._run, self._alternatives, self._context = run, alternatives, context
        self.finish_reason = "stop"
        self.error: dict[str, Any] | None = None
        self._reasoned = False
        self.ledger = Ledger()

    def take(self, chunk: dict[str, Any]) -> bool:
        """Report one chunk; return True to make llama.cpp stop."""
        if "error" in chunk:
            self.error = {**chunk["error"], "n_ctx": self._context}
            return True
        self._count(chunk.get("timings"))
        if progress := chunk.get("prompt_progress"):
            self._run.progress(progress["processed"], progress["total"])
            if progress["total"] >= self._context:
                self.error = too_long(progress["total"], self._context)
                return True
        for choice in chunk["choices"]:
            self._choice(choice)
        return self._run.over or self._full()

    def _full(self) -> bool:
        """Return whether the context is full; the finish reason is ``length`` then."""
        usage = self._run.usage
        full = usage["completion_tokens"] > 0 and usage["prompt_tokens"] + usage["completion_tokens"] >= self._context
        if full:
            self.finish_reason = "length"
        return full

    def _count(self, timings: dict[str, Any] | None) -> None:
        if timings:
            self._run.usage = {
                "prompt_tokens": timings["cache_n"] + timings["prompt_n"],
                "completion_tokens": timings["predicted_n"],
                "cached_tokens": timings["cache_n"],
            }
            self._run.timings = {"prefill": timings["prompt_ms"] / 1000, "decode": timings["predicted_ms"] / 1000}

    def _choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta") or {}
        if reasoning := delta.get("reasoning_content"):
            self._reasoning(reasoning)
        if text := delta.get("content") or choice.get("text"):
            entries = (choice.get("logprobs") or {}).get("content") or ()
            if entries:
                entries = self.ledger.take(text, entries, self._run.usage["completion_tokens"])
            self._run.text(text, self.cut(entries))
        self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def _reasoning(self, piece: str) -> None:
        """Report a piece of the reasoning, without the line breaks between its tag and its first word."""
        self.ledger.skip(self._run.usage["completion_tokens"])
        if piece := piece if self._reasoned else piece.lstrip("\n"):
            self._reasoned = True
            self._run.reasoning(piece)

    def cut(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return `entries` with as many alternatives as were requested."""
        return [{**entry, "top_logprobs": entry["top_logprobs"][: self._alternatives]} for entry in entries]
