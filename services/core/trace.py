"""Collect what is measured of one request, for the access log and the request counters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.core.events import Usage

Step = Literal["queue", "load", "prefill", "decode"]
"""Waiting for the slot; loading the model; from there to the first token; from the first token to the last."""


@dataclass(slots=True)
class Trace:
    """The measurements of one request; those of several choices are added up. Only its own thread may use it."""

    id: str = ""
    endpoint: str = ""
    """The template of the route, so it never has a client's text; empty where no route matched."""
    started: float = field(default_factory=time.monotonic)
    key: str = ""
    """The name of its API key; empty for none."""
    model: str = ""
    """The id of a model on disk; empty until one is known."""
    outcome: str = ""
    """``stop``, ``length``, ``tool_calls``, ``abort`` or ``error``; empty for a request that wants no answer."""
    first_token: float | None = None
    """Seconds from the arrival in the queue to the first token, of the first choice."""
    seconds: dict[Step, float] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)

    def add_time(self, step: Step, seconds: float) -> None:
        """Add `seconds` to the time of `step`."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds

    def end(self, status: int) -> Mapping[str, object]:
        """Set the final outcome from the status of the response, and return the known fields of the log line."""
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
        if self.usage.prompt_tokens:
            fields |= {"prompt_tokens": self.usage.prompt_tokens, "cached_tokens": self.usage.cached_tokens}
        if self.usage != Usage():
            fields["completion_tokens"] = self.usage.completion_tokens
        return fields


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
