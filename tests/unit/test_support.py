"""What an engine does not do is named, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.core.job import Sampling
from services.core.model import Model
from services.core.settings import Settings
from services.engines.support import unsupported
from tests.engines import job

ASKED = {"role": "user", "content": "hi"}


def named(engine: str = "rkllm_cli", **changes: Any) -> list[str]:
    model = Model("m", Path("m.rkllm"), engine, 4096, 0, 0)
    return unsupported(Settings(), job(model, "hi", **changes))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"sampling": Sampling(temperature=0, top_p=1, top_k=1, min_p=0, repeat_penalty=1, seed=7)}, []),
        ({"sampling": Sampling(temperature=0.7, top_k=40)}, ["temperature", "top_k"]),
        ({"sampling": Sampling(logit_bias={"1": 5})}, ["logit_bias"]),
        ({"messages": ({"role": "system", "content": "x"}, ASKED)}, ["roles of messages"]),
        ({"messages": ({"role": "system", "content": "x"},)}, ["roles of messages"]),
        ({"kind": "completion", "messages": (), "prompt": "x"}, ["prompt without a chat template"]),
        ({"logprobs": 0}, ["logprobs"]),
        ({"json_schema": {}}, ["response_format"]),
        ({"template_kwargs": {"enable_thinking": False}}, []),
        ({"template_kwargs": {"enable_thinking": True}}, ["enable_thinking"]),
        ({"template_kwargs": {"a\r\nSet-Cookie: b": 1}}, ["chat_template_kwargs"]),
    ],
)
def test_the_rkllm_program_says_what_it_does_not_do(changes: dict[str, Any], names: list[str]) -> None:
    assert named(**changes) == names


def test_an_engine_that_does_everything_says_nothing() -> None:
    assert named("llama", sampling=Sampling(temperature=0.7), logprobs=3, json_schema={}) == []
