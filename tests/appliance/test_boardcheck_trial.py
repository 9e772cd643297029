"""The board check's trial of a model, on the simulated runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.boardcheck.finding import Finding
from services.boardcheck.trial import trial
from services.engines.factory import ENGINES
from tests.engines import ROOT, write_fake_model
from tests.npu import lock_is_free, npu_model, npu_settings
from tests.simulator import build


def tried(folder: Path, release: str, *, tokenizer: bool = True, **values: Any) -> dict[str, Finding]:
    """The findings by name; nothing of the trial is left."""
    model = npu_model(folder, tokenizer=tokenizer, **values)
    found = {finding.name: finding for finding in trial(npu_settings(folder, release), model, ENGINES["rkllm"])}
    assert lock_is_free(folder / "npu.lock")
    return found


def bad(found: dict[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.level != "good"}


@pytest.mark.parametrize("release", ["1.2.3", "1.3.0"])
def test_a_runtime_that_reuses_prefixes_passes(tmp_path: Path, release: str) -> None:
    found = tried(tmp_path, release)
    assert not bad(found)
    assert f"runtime {release}" in found["load, prefix"].found
    assert "tokens/s" in found["speed, history"].found
    assert found["settings to use"].found == "kv_strategy: prefix"


def test_a_runtime_that_drops_its_cache_needs_the_other_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RKLLM_SIM_KV", "stale")
    found = tried(tmp_path, "1.2.3")
    assert bad(found) == {"reuse, prefix"}
    assert found["reuse, prefix"].found.startswith("0 of ")
    assert found["settings to use"].found == "kv_strategy: history"


def test_the_runtimes_own_template_is_tried_too(tmp_path: Path) -> None:
    found = tried(tmp_path, "1.2.3", tokenizer=False)
    assert "conversations apart, history" not in bad(found)
    assert found["settings to use"].found == "kv_strategy: history"


def test_a_model_that_does_not_load_is_told_with_its_reason(tmp_path: Path) -> None:
    found = tried(tmp_path, "1.2.3", load_fault="no_device")
    assert bad(found) == {"model, prefix", "model, history", "settings to use"}
    assert "failed to open rknn device" in found["model, prefix"].found


def test_the_command_tries_the_model_it_is_given(tmp_path: Path) -> None:
    npu_model(tmp_path, "sim", tokenizer=True)
    write_fake_model(tmp_path, "other")
    env = {
        **os.environ,
        "RKLLM_MODELS_DIR": str(tmp_path),
        "RKLLM_RUNTIME_LIBRARY": str(build.folder()),
        "RKLLM_NPU_LOCK": str(tmp_path / "npu.lock"),
    }

    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.boardcheck", name]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert "settings to use: kv_strategy: prefix" in run("sim").stdout
    assert "only those models are tried" in run("other").stderr
    assert "There is no model 'nothing'" in run("nothing").stderr
