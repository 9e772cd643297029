"""The board check's trial of a model, on the simulated runtime."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.boardcheck.finding import Finding
from services.boardcheck.limits import check_reasoning
from services.boardcheck.model_client import ModelClient, Reply
from services.boardcheck.trial import run_trials
from services.core.events import Done, Usage
from services.core.message import Message
from services.engines.rkllm.spec import RKLLM
from tests.engines import ROOT, write_fake_model
from tests.npu import lock_is_free, npu_model, npu_settings
from tests.simulator import build
from tests.simulator.build import RELEASES


def tried(folder: Path, release: str, *, tokenizer: bool = True, **values: Any) -> dict[str, Finding]:
    """The findings by name; nothing of the trial is left."""
    model = npu_model(folder, tokenizer=tokenizer, **values)
    found = {finding.name: finding for finding in run_trials(npu_settings(folder, release), model, RKLLM.make)}
    assert lock_is_free(folder / "npu.lock")
    return found


def bad(found: dict[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.level not in ("good", "unknown")}


@pytest.mark.parametrize("release", RELEASES)
def test_a_runtime_that_reuses_prefixes_passes(tmp_path: Path, release: str) -> None:
    found = tried(tmp_path, release, prefill_us=200)
    assert not bad(found)
    assert f"runtime {release}" in found["load, prefix"].found
    assert "temperature 0.8," in found["load, prefix"].found
    assert "tokens/s, at most 124 MB" in found["speed, history"].found
    assert "after the first turn the cache had 1" in found["reuse, prefix"].found
    cancel = r"in prefill, took .*; last state FINISH, rkllm_run returned 0; afterwards the same answer as before"
    assert re.fullmatch(cancel, found["cancel, prefix"].found)
    assert found["counts, prefix"].found == "as many tokens as were given"
    assert found["end, history"].found.startswith("a short answer ended within ")
    over = r"refused: 5\d{3} tokens; at most 508 fit \(last state ERROR, rkllm_run returned -1\)"
    assert re.fullmatch(over, found["prompt over the context"].found)
    assert found["full context"] == Finding("full context", "unknown", found["full context"].found)
    assert found["settings to use"].found == "kv_strategy: prefix"


@pytest.mark.parametrize(
    ("thread", "fault", "words"),
    [
        ("caller", "", "on the caller's thread; FINISH came with no text; last state FINISH, rkllm_run returned 0"),
        ("own", "finish_text", "on another thread; FINISH came with the text ' "),
    ],
)
def test_what_the_callback_does_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thread: str, fault: str, words: str
) -> None:
    monkeypatch.setenv("RKLLM_SIM_THREAD", thread)
    monkeypatch.setenv("RKLLM_SIM_FAULT", fault)
    found = tried(tmp_path, "1.2.3")
    assert found["callback, prefix"].found.startswith(words)
    assert found["callback, history"].found.startswith(words)


def test_an_answer_that_fills_the_context_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RKLLM_SIM_TOKENS", "600")
    found = tried(tmp_path, "1.3.0")["full context"]
    assert found.level == "good"
    assert re.match(r"ended with 51\d of 512 tokens \(last state ERROR, rkllm_run returned -1\)", found.found)


@pytest.mark.parametrize("release", RELEASES)
def test_reasoning_and_its_switch_are_seen(tmp_path: Path, release: str) -> None:
    found = tried(tmp_path, release, thinking=1)
    assert found["reasoning"].found == "an answer follows it, and enable_thinking false is obeyed"
    assert found["reasoning"].level == "good"


@pytest.mark.parametrize(
    ("thinks", "quiet", "level", "words"),
    [
        ("Five.", "Five.", "good", "does not show any"),
        ("<think>Two and three</think>", "5", "bad", "no answer followed it (last state FINISH"),
        ("Two and three</think>5", "5", "slow", "without having begun"),
        ("<think>Two and", "5", "unknown", "did not end"),
        ("<think>Two</think>5", "<think>Two</think>5", "slow", "did not keep it"),
        ("<think>Two</think>5", "<think>\n\n</think>\n\n5", "good", "an answer follows"),
    ],
)
def test_what_is_said_of_reasoning(thinks: str, quiet: str, level: str, words: str) -> None:
    class ScriptedClient(ModelClient):
        def __init__(self) -> None:
            pass

        def ask(self, *messages: Message, **options: Any) -> Reply:
            text = thinks if options["thinking"] else quiet
            return Reply(text, Done("stop", Usage()), 0, 0, {"last_state": "FINISH", "returned": 0})

    found = check_reasoning(ScriptedClient())
    assert found.level == level
    assert words in found.found


def test_a_runtime_that_drops_its_cache_needs_the_other_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RKLLM_SIM_KV", "stale")
    found = tried(tmp_path, "1.2.3")
    assert bad(found) == {"reuse, prefix"}
    assert found["reuse, prefix"].found.startswith("0 of ")
    assert "the cache had 0" in found["reuse, prefix"].found
    assert found["settings to use"].found == "kv_strategy: history"


def test_the_runtimes_own_template_is_tried_too(tmp_path: Path) -> None:
    found = tried(tmp_path, "1.2.3", tokenizer=False)
    assert "conversations apart, history" not in bad(found)
    assert found["settings to use"].found == "kv_strategy: history"


def test_a_runtime_that_wraps_tokens_too_is_tried_without_its_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RKLLM_SIM_TOKEN_TEMPLATE", "1")
    found = tried(tmp_path, "1.2.3")
    assert re.match(r"it read \d+ tokens of a prompt of at most \d+ tokens", found["counts, prefix"].found)
    assert found["counts, prefix, no template"].level == "good"
    assert found["settings to use"].found == "kv_strategy: prefix, npu_clear_template: true"


def test_a_runtime_that_needs_its_template_to_end_an_answer_is_not_recommended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RKLLM_SIM_TOKEN_TEMPLATE", "1")
    monkeypatch.setenv("RKLLM_SIM_TEMPLATE_ENDS", "1")
    found = tried(tmp_path, "1.2.3")
    assert found["end, prefix, no template"].level == "bad"
    assert found["settings to use"].remedy.startswith("set npu_prompt: template")


def test_a_runtime_that_drops_the_beginning_of_a_prompt_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RKLLM_SIM_OVERFLOW", "shift")
    monkeypatch.setenv("RKLLM_SIM_FULL", "finish")
    found = tried(tmp_path, "1.2.3", tokenizer=False)
    assert "dropped its beginning" in found["prompt over the context"].found
    assert found["prompt over the context"].level == "bad"
    assert found["overflow, prefix"].level == "good"


def test_a_toolkit_that_users_reported_with_this_release_is_named(tmp_path: Path) -> None:
    found = tried(tmp_path, "1.3.0", toolkit="1.2.2")
    assert found["model"].found == "sim.rkllm with runtime 1.3.0"
    assert "not to end their answers" in found["model"].remedy


def test_a_model_that_does_not_load_is_reported_with_its_reason(tmp_path: Path) -> None:
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
