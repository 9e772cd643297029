"""Limit how long an engine may take, in the one place that checks a run against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.core.errors import EngineTimeout
from services.core.events import Waiting
from services.core.settings import Settings

GRAMMAR = 10.0
"""Seconds that a grammar may take before it gives the first token. Most take milliseconds; one that takes longer may
take any time, and all other requests wait for it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """State how long an engine may take, in seconds."""

    load: float
    first_token: float
    """Floor of the limit for silence before the first token."""
    first_token_per_token: float
    """The same limit per prompt token; the larger of the two counts, and each progress report starts it anew."""
    silence: float
    """Between two tokens."""
    generation: float
    """From the first token to the last."""
    cancel: float
    """From a cancel to the end of the run; then the engine is killed."""
    heartbeat: float
    """Between two `Waiting` events while nothing else flows."""

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits that `settings` set."""
        return cls(
            load=settings.model_load_timeout,
            first_token=settings.first_token_timeout,
            first_token_per_token=settings.first_token_timeout_per_token,
            silence=settings.fallback_silence,
            generation=settings.generation_timeout,
            cancel=settings.cancel_timeout,
            heartbeat=settings.heartbeat_interval,
        )

    def prefill(self, prompt_tokens: int, grammar: bool) -> float:
        """Return the limit for silence before the first token of a prompt of `prompt_tokens`.

        With a `grammar` it is lower: its floor is `GRAMMAR`, beside the time for the prompt.
        """
        prompt = self.first_token_per_token * prompt_tokens
        usual = max(self.first_token, prompt)
        return min(usual, GRAMMAR + prompt) if grammar else usual


class Pace:
    """Check each silence of one run against the limit of its phase. Every method may raise `EngineTimeout`."""

    def __init__(
        self, limits: Limits, prompt_tokens: int, clock: Callable[[], float], *, grammar: bool = False
    ) -> None:
        """Begin the run now, by `clock` (seconds, monotonic); `prompt_tokens` may be an estimate."""
        self._limits, self._clock = limits, clock
        self._silence = limits.prefill(prompt_tokens, grammar)
        self._cause = ", which a schema that is too large can cause" if grammar else ""
        self._heard = self._reported = clock()
        self._end = float("inf")
        self.waiting = Waiting("prefill")
        """What the client receives while nothing else flows."""

    def silent(self) -> None:
        """Note that a heartbeat passed without a line."""
        complaint = f"The engine was silent for {self._silence:g} s in the {self.waiting.phase} phase{self._cause}"
        check_deadline(self._clock, self._heard + self._silence, complaint)

    def progress(self, share: float) -> None:
        """Note that `share` (0.0 to 1.0) of the prefill is done."""
        self._heard, self.waiting = self._clock(), Waiting("prefill", progress=share)

    def token(self) -> None:
        """Note that part of the answer arrived."""
        now = self._clock()
        if self.waiting.phase == "prefill":
            self.waiting, self._silence, self._cause = Waiting("decode"), self._limits.silence, ""
            # The limit of the whole answer begins with its first token: a long prefill has limits of its own.
            self._end = now + self._limits.generation
        self._heard = self._reported = now
        if now > self._end:
            raise too_slow(f"The answer took longer than {self._limits.generation:g} s")

    def due(self) -> bool:
        """Return whether to yield `waiting` now: once per heartbeat, however fast the reports of progress come."""
        now = self._clock()
        if now - self._reported < self._limits.heartbeat:
            return False
        self._reported = now
        return True


def check_deadline(clock: Callable[[], float], deadline: float, complaint: str) -> None:
    """Raise `EngineTimeout` when `deadline` has passed."""
    if clock() > deadline:
        raise too_slow(complaint)


def too_slow(complaint: str) -> EngineTimeout:
    """Return the error of an engine that was stopped because of `complaint`."""
    return EngineTimeout(f"{complaint}; it was stopped. The next request starts it anew.")
