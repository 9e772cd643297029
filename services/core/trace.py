"""What is measured of one request, from its arrival to its end; the access log and the request counters read it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.core.events import Usage

Step = Literal["queue", "load", "prefill", "decode"]
"""Waiting for the turn; for the model to load; from there to the first token; from the first token to the last."""


@dataclass(slots=True)
class Trace:
    """Written by the thread that serves the request alone. A request with several choices adds them up."""

    id: str = ""
    endpoint: str = ""
    """The route's template, so never anything a client made up; empty where there is none."""
    started: float = field(default_factory=time.monotonic)
    key: str = ""
    """The name of the API key it came with; empty for none."""
    model: str = ""
    """The id of a model on disk; empty for a request that did not get so far."""
    outcome: str = ""
    """``stop``, ``length``, ``tool_calls``, ``abort`` or ``error``; empty where no answer was asked for."""
    first_token: float | None = None
    """Seconds from the first choice's arrival in line to its first token."""
    seconds: dict[Step, float] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)

    def add_time(self, step: Step, seconds: float) -> None:
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds

    def end(self, status: int) -> Mapping[str, object]:
        """Settle the outcome with the response's status; returns the fields of the log line that are known."""
        if status >= 400:
            self.outcome = "abort" if status == 499 else "error"
        fields: dict[str, object] = {"outcome": self.outcome or "ok", "total_ms": _ms(time.monotonic() - self.started)}
        if self.key:
            fields["key"] = self.key
        if self.model:
            fields["model"] = self.model
        if self.first_token is not None:
            fields["first_token_ms"] = _ms(self.first_token)
        fields |= {f"{step}_ms": _ms(seconds) for step, seconds in self.seconds.items()}
        if self.usage != Usage():
            fields |= {
                "prompt_tokens": self.usage.prompt_tokens,
                "cached_tokens": self.usage.cached_tokens,
                "completion_tokens": self.usage.completion_tokens,
            }
        return fields


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
