"""Follow one run of the runtime to its end: collect its text and counts, or abort it. Standard library only."""

from __future__ import annotations

import codecs
import time
from dataclasses import dataclass, field

from services.engines.rkllm.abi import ERROR, FINISH, NORMAL, WAITING
from services.engines.rkllm.pieces import Piece
from services.engines.rkllm.runtime import Returned, Runtime
from services.engines.worker.loop import Run
from services.engines.worker.reasoning import ReasoningGate

ABORT_AGAIN = 0.1
"""Seconds between two aborts of one run: the first may have come before the library had really begun."""


STATES = {NORMAL: "NORMAL", WAITING: "WAITING", FINISH: "FINISH", ERROR: "ERROR"}

QUOTED = 60
"""Bytes of a text in a report."""


@dataclass
class RunOutcome:
    """Record how a run ended, and what it wrote."""

    code: int = 0
    """Result of ``rkllm_run``."""
    error: bool = False
    finished: bool = False
    """The library reported the end by itself."""
    aborted: bool = False
    """It was asked to stop, so the content of its cache is unknown."""
    text: str = ""
    ids: list[int] = field(default_factory=list)
    """One per token of the answer; -1 where the library does not give it."""
    shown: int = 0
    """Tokens that callbacks showed: those of the answer, and those after its limit or its stop string."""
    perf: dict[str, float] = field(default_factory=dict)
    hidden: tuple[float, ...] = ()
    """The hidden state of the prompt's last token, in runs about it."""
    last_state: str = "none"
    finish: str = "none"
    """What came with the library's first FINISH."""

    @property
    def clean(self) -> bool:
        """Return whether the run ended by itself and without an error."""
        return self.finished and not (self.aborted or self.error or self.code)

    @property
    def generated(self) -> int:
        """Return the tokens that the library has put into its cache behind the prompt."""
        # An aborted run may have generated a token that it did not show.
        return self.shown if self.clean else max(self.shown, self.counter("generate_tokens"))

    def counter(self, name: str) -> int:
        """Return a counter of the library for this run; 0 where it gave none."""
        return int(self.perf.get(name, 0))


class Follower:
    """Report the pieces of one run to the parent."""

    def __init__(self, run: Run, limit: int, opening: str = "") -> None:
        """Report to `run` at most `limit` tokens; `opening` is the tag of a reasoning that the prompt has begun."""
        self._run, self._limit = run, limit
        self._gate = ReasoningGate(opening)
        self._opening = opening
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = b""
        self._next_abort = 0.0
        self.outcome = RunOutcome()

    @property
    def _full(self) -> bool:
        return len(self.outcome.ids) >= self._limit

    def follow(self, runtime: Runtime) -> RunOutcome:
        """Block until the run has returned, and return what it came to; the run has returned when this raises, too."""
        try:
            while not isinstance(event := self._next(runtime, self._run.over), Returned):
                if event is not None:
                    self._take(event)
        except Exception:
            # A run that went on would end the next one with its events.
            while not isinstance(self._next(runtime, over=True), Returned):
                pass
            raise
        self.outcome.code = event.code
        self._emit(self._waiting, final=True)
        self._send("", self._gate.flush())
        return self.outcome

    def _next(self, runtime: Runtime, over: bool) -> Piece | Returned | None:
        """Return what happened next, after an abort of a run that is `over` or long enough. Blocks."""
        # A library that was given the limit ends by itself, and then the content of its cache is known.
        stop = over or (self._full and not runtime.features.limit_per_run)
        if stop:
            self._abort(runtime)
        return runtime.next(ABORT_AGAIN if stop else None)

    def _abort(self, runtime: Runtime) -> None:
        self.outcome.aborted = True
        if time.monotonic() >= self._next_abort:
            self._next_abort = time.monotonic() + ABORT_AGAIN
            runtime.abort()

    def _take(self, piece: Piece) -> None:
        outcome = self.outcome
        outcome.error |= piece.state == ERROR
        outcome.hidden = outcome.hidden or piece.hidden
        outcome.last_state = STATES.get(piece.state, str(piece.state))
        # Some releases report FINISH twice.
        if (piece.text or piece.state == WAITING) and not outcome.finished:
            outcome.shown += 1
            if not (self._full or self._run.over):
                outcome.ids.append(piece.token)
                self._join(piece)
        if piece.state == FINISH:
            outcome.finish = outcome.finish if outcome.finished else carried(piece)
            outcome.finished = True
            outcome.perf = outcome.perf or piece.perf

    def _join(self, piece: Piece) -> None:
        """Join the bytes of a character that comes in several pieces: all but the last of them are WAITING.

        Releases differ in whether a piece repeats the bytes of the one before.
        """
        text = piece.text or b""
        joined = text if text.startswith(self._waiting) else self._waiting + text
        self._waiting = joined if piece.state == WAITING else b""
        if piece.state != WAITING:
            self._emit(joined)

    def _emit(self, data: bytes, final: bool = False) -> None:
        text = self._decoder.decode(data, final)
        self.outcome.text += text
        self._send(*self._gate.feed(text))

    def _send(self, reasoning: str, answer: str) -> None:
        # The parent knows reasoning by its opening tag alone. The tag goes with the first token; it is no token itself.
        if reasoning or answer:
            reasoning, self._opening = self._opening + reasoning, ""
        if reasoning and not self._run.over:
            self._run.tagged_reasoning(reasoning)
        if answer and not self._run.over:
            self._run.text(answer)


def carried(piece: Piece) -> str:
    """Return what came with a FINISH, in words."""
    if not piece.perf:
        return "no result"
    if piece.text is None:
        return "no text"
    return f"the text {piece.text[:QUOTED].decode(errors='replace')!r}" if piece.text else "an empty text"
