"""The cache of answers, and how fast models read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.chat.rag.cache import AnswerCache, cache_key
from services.chat.rag.ratios import TokenRatios
from services.chat.rag.speed import PrefillSpeeds
from services.chat.tokens import estimate_tokens
from services.core.events import Done, Event, FinishReason, Reasoning, Text, Usage
from services.core.message import message
from services.core.model import Model
from services.core.request import EngineRequest, Tool
from services.core.sampling import Sampling

MODEL = Model("m", Path("m.gguf"), "llama", 4096, 0, 0)
REQUEST = EngineRequest(
    id="1",
    model=MODEL,
    kind="chat",
    messages=(message("user", "[1] text\n\nWhy?"),),
    max_tokens=9,
    sampling=Sampling(temperature=0, seed=1),
    prompt_tokens_estimate=9,
    sources_used=True,
)
USAGE = Usage(100, 3)


def answer(reason: FinishReason = "stop") -> Iterator[Event]:
    yield Reasoning("Hm")
    yield Text("Be")
    yield Text("cause")
    yield Done(reason, USAGE, {"prefill": 2.0})


def kept(cache: AnswerCache, request: EngineRequest = REQUEST, reason: FinishReason = "stop") -> bool:
    assert list(cache.caching(request, "a", answer(reason))) == list(answer(reason))
    return cache.find(request, "a") is not None


def test_a_complete_answer_comes_again_with_its_reasoning_apart() -> None:
    cache = AnswerCache(2, 60)
    assert kept(cache)
    found = cache.find(replace(REQUEST, id="2"), "a")
    assert found
    assert list(found.events()) == [Reasoning("Hm"), Text("Because"), Done("stop", Usage(100, 3, 100))]


@pytest.mark.parametrize("reason", ["length", "error", "tool_calls"])
def test_incomplete_answers_are_not_kept(reason: FinishReason) -> None:
    assert not kept(AnswerCache(2, 60), reason=reason)


def test_an_answer_that_was_broken_off_is_not_kept() -> None:
    cache = AnswerCache(2, 60)
    events = cache.caching(REQUEST, "a", answer())
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert cache.find(REQUEST, "a") is None


@pytest.mark.parametrize("cache", [AnswerCache(0, 60), AnswerCache(2, 0)])
def test_off(cache: AnswerCache) -> None:
    assert not kept(cache)


def test_answers_without_sources_are_not_kept() -> None:
    assert not kept(AnswerCache(2, 60), replace(REQUEST, sources_used=False))


def test_the_least_recently_used_goes_first() -> None:
    cache = AnswerCache(2, 60)
    one, two, three = (replace(REQUEST, max_tokens=n) for n in (1, 2, 3))
    kept(cache, one)
    kept(cache, two)
    cache.find(one, "a")
    kept(cache, three)
    assert [cache.find(request, "a") is not None for request in (one, two, three)] == [True, False, True]


def test_a_seed_matters_only_where_chance_does() -> None:
    assert cache_key(REQUEST, "a") == cache_key(replace(REQUEST, sampling=Sampling(temperature=0, seed=2)), "a")
    warm = replace(REQUEST, sampling=Sampling(temperature=1, seed=1))
    assert cache_key(warm, "a") != cache_key(replace(REQUEST, sampling=Sampling(temperature=1, seed=2)), "a")


def test_a_lone_surrogate_has_a_key() -> None:
    assert cache_key(replace(REQUEST, messages=(message("user", "\ud800"),)), "a")


def test_speeds_are_measured_and_follow() -> None:
    speeds = PrefillSpeeds()
    assert speeds.speed_of(MODEL) is None
    speeds.record(MODEL, Done("stop", USAGE, {"prefill": 2.0}))
    assert speeds.speed_of(MODEL) == 50
    speeds.record(MODEL, Done("stop", USAGE, {"prefill": 1.0}))
    assert speeds.speed_of(MODEL) == pytest.approx(65)


@pytest.mark.parametrize("done", [Done("stop", USAGE), Done("stop", Usage(100, 3, 90), {"prefill": 1.0})])
def test_what_says_nothing_is_not_measured(done: Done) -> None:
    speeds = PrefillSpeeds()
    speeds.record(MODEL, done)
    assert speeds.speed_of(MODEL) is None


ENGLISH = "The tower at the edge of the town was built in the summer of that year. " * 40
CHINESE = "这座古老的水塔位于城市边缘，于夏天建成。" * 120


def counted(ratios: TokenRatios, text: str, share: float, times: int = 1, **changes: Any) -> None:
    """An engine counts `share` of what is estimated."""
    request = replace(REQUEST, messages=(message("user", text),), **changes)
    for _ in range(times):
        ratios.record(request, int(estimate_tokens(text) * share))


def test_the_estimate_holds_until_a_model_was_measured() -> None:
    assert TokenRatios().counter(MODEL)(ENGLISH) == estimate_tokens(ENGLISH)


def test_a_model_that_needs_more_is_believed_at_once_and_one_that_needs_less_in_time() -> None:
    ratios = TokenRatios()
    counted(ratios, ENGLISH, 0.7, times=3)
    assert ratios.counter(MODEL)(ENGLISH) == estimate_tokens(ENGLISH)
    counted(ratios, ENGLISH, 0.7)
    assert 0.7 * estimate_tokens(ENGLISH) < ratios.counter(MODEL)(ENGLISH) < 0.75 * estimate_tokens(ENGLISH)
    counted(ratios, ENGLISH, 1.3)
    assert 1.3 * estimate_tokens(ENGLISH) < ratios.counter(MODEL)(ENGLISH) < 1.4 * estimate_tokens(ENGLISH)
    counted(ratios, ENGLISH, 0.8, times=40)
    assert ratios.counter(MODEL)(ENGLISH) < 0.85 * estimate_tokens(ENGLISH)


def test_scripts_and_models_are_measured_apart() -> None:
    ratios = TokenRatios()
    counted(ratios, CHINESE, 1.5)
    assert ratios.counter(MODEL)(CHINESE) > 1.5 * estimate_tokens(CHINESE)
    assert ratios.counter(MODEL)(ENGLISH) == estimate_tokens(ENGLISH)
    assert ratios.counter(replace(MODEL, id="n"))(CHINESE) == estimate_tokens(CHINESE)


@pytest.mark.parametrize(
    ("text", "share", "changes"),
    [
        (ENGLISH[:500], 3.0, {}),
        (ENGLISH * 20, 3.0, {}),
        (ENGLISH, 0.0, {}),
        (ENGLISH, 3.0, {"tools": (Tool("f"),)}),
    ],
    ids=["short", "long", "not counted", "tools are no message"],
)
def test_prompts_that_say_nothing_of_the_ratio(text: str, share: float, changes: dict[str, Any]) -> None:
    ratios = TokenRatios()
    counted(ratios, text, share, **changes)
    assert ratios.counter(MODEL)(ENGLISH) == estimate_tokens(ENGLISH)


def test_no_ratio_is_believed_without_bounds() -> None:
    ratios = TokenRatios()
    counted(ratios, ENGLISH, 50)
    assert ratios.counter(MODEL)(ENGLISH) <= 4.5 * estimate_tokens(ENGLISH) + 1


def test_an_answer_is_its_own_key_s_alone() -> None:
    cache = AnswerCache(4, 60)
    list(cache.caching(REQUEST, "a", answer()))
    assert cache.find(REQUEST, "b") is None
    assert cache.find(REQUEST, "a") is not None
