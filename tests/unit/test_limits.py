"""How long an engine may be silent."""

from __future__ import annotations

import pytest

from services.core.errors import EngineTimeout
from services.core.settings import Settings
from services.engines.worker.limits import Limits, Pace

LIMITS = Limits.of(Settings())


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def paced(grammar: bool, tokens: int = 10) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(LIMITS, tokens, clock, grammar=grammar), clock


def test_a_grammar_has_ten_seconds_and_the_time_of_the_prompt() -> None:
    pace, clock = paced(grammar=True)
    clock.now = 12
    pace.silent()
    clock.now = 12.1
    with pytest.raises(EngineTimeout, match="schema"):
        pace.silent()


def test_progress_starts_its_time_anew() -> None:
    pace, clock = paced(grammar=True)
    clock.now = 12
    pace.progress(1.0)
    clock.now = 24
    pace.silent()


def test_a_request_without_a_grammar_has_the_usual_time() -> None:
    pace, clock = paced(grammar=False)
    clock.now = 120
    pace.silent()
    clock.now = 121
    with pytest.raises(EngineTimeout, match="prefill phase; it was stopped"):
        pace.silent()


def test_a_long_prompt_has_its_own_time_with_a_grammar_too() -> None:
    pace, clock = paced(grammar=True, tokens=5000)
    clock.now = 1000
    pace.silent()
