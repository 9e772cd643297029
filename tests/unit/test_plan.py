"""From what was asked to what is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.answering.answer_run import respond
from services.answering.plan import estimate_prompt, plan
from services.core.errors import BadRequest, ContextOverflow
from services.core.message import message
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.core.sampling import Sampling
from services.core.settings import Settings

MODEL = Model("m", Path("m.gguf"), "llama", 4096, 0, 0)
USER = message("user", "hi")
SYSTEM = message("system", "mine")


def planned(generation: GenerationRequest, model: Model = MODEL) -> EngineRequest:
    return plan(generation, model, Settings(max_tokens_default=77), "id")


def test_the_request_goes_before_the_model_and_the_model_before_the_settings() -> None:
    model = replace(MODEL, sampling=(("temperature", 0.2), ("top_p", 0.9), ("max_tokens", 5)))
    request = planned(GenerationRequest((USER,), sampling=Sampling(temperature=1.0)), model)
    assert (request.sampling.temperature, request.sampling.top_p, request.max_tokens) == (1.0, 0.9, 5)
    assert planned(GenerationRequest((USER,))).max_tokens == 77
    assert planned(GenerationRequest((USER,), max_tokens=3), model).max_tokens == 3


def test_temperature_zero_is_a_wish_and_no_gap() -> None:
    model = replace(MODEL, sampling=(("temperature", 0.2),))
    assert planned(GenerationRequest((USER,), sampling=Sampling(temperature=0)), model).sampling.temperature == 0


def test_the_models_system_prompt_is_for_requests_that_bring_none() -> None:
    model = replace(MODEL, system_prompt="its own")
    assert planned(GenerationRequest((USER,)), model).messages == (message("system", "its own"), USER)
    assert planned(GenerationRequest((SYSTEM, USER)), model).messages == (SYSTEM, USER)


@pytest.mark.parametrize(
    ("asked", "default", "sent"),
    [(None, None, {}), (None, False, {"enable_thinking": False}), (True, False, {"enable_thinking": True})],
)
def test_the_thinking_switch(asked: bool | None, default: bool | None, sent: dict[str, bool]) -> None:
    request = planned(
        GenerationRequest((USER,), thinking=asked, template_kwargs={"x": 1}), replace(MODEL, thinking=default)
    )
    assert request.template_kwargs == {"x": 1, **sent}


def test_a_model_does_only_what_it_can() -> None:
    with pytest.raises(BadRequest, match="it can: chat"):
        planned(GenerationRequest(prompt="x"), replace(MODEL, capabilities=frozenset({"chat"})))
    assert planned(GenerationRequest(prompt="x")).kind == "completion"


@pytest.mark.parametrize(
    ("generation", "tokens"),
    [
        (GenerationRequest((message("user", "😀" * 16 * 5000),)), 5000),
        (GenerationRequest((USER,) * 4096), 4096),
        (GenerationRequest(prompt="a" * 64 * 5000), 5000),
        (GenerationRequest(prompt="", prompt_ids=(1,) * 4096), 4096),
    ],
)
def test_a_prompt_that_is_too_long_in_any_case_reaches_no_engine(generation: GenerationRequest, tokens: int) -> None:
    with pytest.raises(ContextOverflow, match=f"{tokens} tokens at least"):
        respond(planned(generation), lambda request: iter(()))
    fits = replace(MODEL, context_length=tokens + 1)
    assert list(respond(planned(generation, fits), lambda request: iter(()))) == []


@pytest.mark.parametrize("text", ["hello " * 50, "你好世界" * 50, "🙂" * 50])
def test_the_estimate_is_high(text: str) -> None:
    generation = GenerationRequest(prompt=text)
    assert estimate_prompt((), generation) >= len(text.split())
    assert estimate_prompt((), generation) >= len(text) // 2
