"""What an engine does not do is named, and nothing else."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest

from services.core.message import message
from services.core.model import Model
from services.core.request import Tool
from services.core.sampling import Sampling
from services.core.settings import Settings
from services.engines.base import no_limits
from services.engines.registry import SPECS, unsupported
from services.engines.rkllm import spec as rkllm_spec
from services.engines.rkllm.abi import SUPPORTED
from tests.engines import ROOT, request
from tests.npu import features_of

ASKED = message("user", "hi")


def named(engine: str = "rkllm_cli", **changes: Any) -> list[str]:
    model = Model("m", Path("m.rkllm"), engine, 4096, 0, 0)
    return unsupported(Settings(), request(model, "hi", **changes))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"sampling": Sampling(temperature=0, top_p=1, top_k=1, min_p=0, repeat_penalty=1, seed=7)}, []),
        ({"sampling": Sampling(temperature=0.7, top_k=40)}, ["temperature", "top_k"]),
        ({"sampling": Sampling(logit_bias={"1": 5})}, ["logit_bias"]),
        ({"messages": (message("system", "x"), ASKED)}, ["roles of messages"]),
        ({"messages": (message("system", "x"),)}, ["roles of messages"]),
        ({"kind": "completion", "messages": (), "prompt": "x"}, ["prompt without a chat template"]),
        ({"logprobs": 0}, ["logprobs"]),
        ({"template_kwargs": {"enable_thinking": False}}, []),
        ({"template_kwargs": {"enable_thinking": True}}, ["enable_thinking"]),
        ({"template_kwargs": {"a\r\nSet-Cookie: b": 1}}, ["chat_template_kwargs"]),
    ],
)
def test_the_rkllm_program_says_what_it_does_not_do(changes: dict[str, Any], names: list[str]) -> None:
    assert named(**changes) == names


def test_an_engine_that_does_everything_says_nothing() -> None:
    assert named("llama", sampling=Sampling(temperature=0.7), logprobs=3, answer_schema={}) == []


ASKS: dict[str, dict[str, Any]] = {
    **{
        name: {"sampling": Sampling(**{name: value})}
        for name, value in dict[str, Any]({
            "temperature": 0.123, "top_p": 0.123, "top_k": 7, "frequency_penalty": 0.123, "presence_penalty": 0.123,
            "repeat_penalty": 1.123, "seed": 7, "min_p": 0.123, "logit_bias": {"1": 5},
        }).items()
    },
    "max_tokens": {"max_tokens": 7},
    "stop": {"stop": ("x",)},
    "logprobs": {"logprobs": 1},
    "response_format": {"answer_schema": {}},
    "messages": {"messages": (message("system", "x"), ASKED)},
    "prompt": {"kind": "completion", "messages": (), "prompt": "x"},
    **{
        name: {"tools": (Tool("x"),), "parallel_calls": False, "check_call": True}
        for name in ("tools", "functions", "parallel_tool_calls", "tool_choice", "function_call")
    },
    "enable_thinking": {"template_kwargs": {"enable_thinking": True}},
}  # fmt: skip
"""For each parameter of the document's table a request that uses it."""

WORDS = {"messages": "roles of messages", "prompt": "prompt without a chat template"}


SECTION = (ROOT / "docs" / "api.md").read_text().partition("### On the NPU")[2].partition("\n## ")[0]


def columns() -> list[tuple[str, tuple[str, ...]]]:
    """The engine of each column of the document, and the releases of its library that the head names."""
    (head,) = re.findall(r"^\| parameter \| (.*) \|$", SECTION, re.MULTILINE)
    found: list[tuple[str, tuple[str, ...]]] = []
    for name in head.split(" | "):
        if name.startswith("librkllmrt "):
            found.append(("rkllm", tuple(fnmatch.filter(SUPPORTED, name.split()[1].replace("x", "*")))))
        else:
            found.append(("rkllm_cli" if name == "`rkllm` program" else name.strip("`"), ()))
    return found


def test_the_document_has_a_column_for_every_engine_with_limits_and_for_every_release() -> None:
    assert {name for name, _ in columns()} == {spec.name for spec in SPECS if spec.unsupported is not no_limits}
    assert sorted(release for _, releases in columns() for release in releases) == sorted(SUPPORTED)


def per_run(releases: tuple[str, ...]) -> bool:
    """Whether all `releases` take sampling per run, or none of them."""
    (answer,) = {features_of(release).sampling_per_run for release in releases} or {False}
    return answer


def table() -> dict[str, list[str]]:
    """Parameter to what the document says of the engine of each column."""
    rows = [line.strip("| ").split(" | ") for line in SECTION.splitlines() if line.startswith("| `")]
    rows = [[first, *(cells[0] if cell == "the same" else cell for cell in cells)] for first, *cells in rows]
    return {name: cells for first, *cells in rows for name in re.findall(r"`(\w+)`", first)}


def test_the_document_says_of_every_engine_what_the_code_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(table()) == set(ASKS)
    for name, cells in table().items():
        for column, (engine, releases) in enumerate(columns()):
            sampling = per_run(releases)
            monkeypatch.setattr(rkllm_spec, "samples_per_run", lambda *_, answer=sampling: answer)
            ignored = WORDS.get(name, name) in named(engine, **ASKS[name])
            assert ignored == ("ignored" in cells[column]), f"{name} on {engine} {releases}"
