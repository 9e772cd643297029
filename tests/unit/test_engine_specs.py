"""What the rest of the server reads in the specifications of the engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.core.errors import Unavailable
from services.core.model import Model
from services.core.settings import Settings
from services.engines.base import EngineSpec
from services.engines.llama.spec import LLAMA
from services.engines.registry import SPECS, SUFFIXES, maker, spec_of
from services.engines.rkllm.spec import RKLLM
from services.engines.rkllm_cli.spec import RKLLM_CLI

MODEL = Model("m", Path("m.gguf"), "llama", 1000, 0, 1_000_000)


def test_no_two_engines_have_one_name_or_want_the_same_files() -> None:
    assert len({spec.name for spec in SPECS}) == len(SPECS)
    assert len(SUFFIXES) == sum(len(spec.suffixes) for spec in SPECS)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_file_goes_to_the_engine_of_its_suffix(spec: EngineSpec) -> None:
    assert [SUFFIXES[suffix] for suffix in spec.suffixes] == [spec.name] * len(spec.suffixes)
    assert spec_of(replace(MODEL, engine=spec.name)) is spec


def test_the_npu_takes_one_model_whatever_the_engine() -> None:
    assert {spec.exclusive_device for spec in SPECS if spec.device == "npu"} == {"npu"}
    assert {spec.exclusive_device for spec in SPECS if spec.device == "cpu"} == {None}


@pytest.mark.parametrize(
    ("spec", "prompt", "renders"),
    [(LLAMA, "auto", True), (RKLLM, "auto", True), (RKLLM, "template", False), (RKLLM_CLI, "auto", False)],
)
def test_which_engine_renders_the_models_template(spec: EngineSpec, prompt: str, renders: bool) -> None:
    settings = Settings(npu_prompt=prompt)  # type: ignore[arg-type]
    assert spec.renders_template(settings) == renders


def test_the_memory_of_a_model_grows_with_its_file_and_its_context() -> None:
    assert LLAMA.memory(MODEL) == 1_116_000
    assert LLAMA.memory(replace(MODEL, context_length=2000)) > LLAMA.memory(MODEL)


def test_an_engine_that_is_not_installed_promises_nothing_and_refuses_its_models() -> None:
    model = replace(MODEL, engine="missing")
    spec = spec_of(model)
    assert (spec.name, spec.grammar, spec.renders_template(Settings())) == ("missing", False, False)
    known = ", ".join(sorted(spec.name for spec in SPECS))
    with pytest.raises(Unavailable, match=f"needs the engine 'missing'; this installation has: {known}"):
        maker(Settings())(model)


def test_the_specifications_given_to_the_server_make_its_engines() -> None:
    made = object()
    other = replace(LLAMA, make=lambda settings, model: made)  # type: ignore[arg-type, return-value]
    assert maker(Settings(), [other])(MODEL) is made
