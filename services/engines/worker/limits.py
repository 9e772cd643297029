"""How long an engine may take, and the one place that holds a run against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.core.errors import EngineTimeout
from services.core.events import Waiting


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an engine may take, in seconds."""

    load: float
    first_token: float
    """Floor of the limit for silence before the first token."""
    first_token_per_token: float
    """The same limit per prompt token; the larger of the two holds, and each progress report starts it anew."""
    silence: float
    """Between two tokens."""
    generation: float
    """From the first token to the last."""
    cancel: float
    """From a cancel to the end of the run; then the engine is killed."""
    heartbeat: float
    """Between two `Waiting` events while nothing else flows."""

    def prefill(self, prompt_tokens: int) -> float:
        return max(self.first_token, self.first_token_per_token * prompt_tokens)


class Pace:
    """One run, each silence held against the limit of its phase. Every method raises `EngineTimeout` or returns."""

    def __init__(self, limits: Limits, prompt_tokens: int, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._silence = limits.prefill(prompt_tokens)
        self._heard = self._told = clock()
        self._end = float("inf")
        self.waiting = Waiting("prefill")
        """What the client is told while nothing flows."""

    def silent(self) -> None:
        """A beat passed without a word."""
        complaint = f"The engine was silent for {self._silence:g} s in the {self.waiting.phase} phase"
        check(self._clock, self._heard + self._silence, complaint)

    def progress(self, share: float) -> None:
        """The engine reported `share` (0.0 to 1.0) of its prefill."""
        self._heard, self.waiting = self._clock(), Waiting("prefill", progress=share)

    def token(self) -> None:
        """Part of the answer arrived."""
        now = self._clock()
        if self.waiting.phase == "prefill":
            self.waiting, self._silence = Waiting("decode"), self._limits.silence
            self._end = now + self._limits.generation
        self._heard = self._told = now
        check(self._clock, self._end, f"The answer took longer than {self._limits.generation:g} s")

    def due(self) -> bool:
        """Whether to tell the client: reports of progress come faster than beats, it hears of them once per beat."""
        now = self._clock()
        if now - self._told < self._limits.heartbeat:
            return False
        self._told = now
        return True


def check(clock: Callable[[], float], deadline: float, complaint: str) -> None:
    """Raise `EngineTimeout` when `deadline` has passed."""
    if clock() > deadline:
        raise EngineTimeout(f"{complaint}; it was stopped. The next request starts it anew.")
