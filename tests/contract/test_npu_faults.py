"""The NPU engine when the runtime misbehaves: a true error, the next request succeeds, and nothing is left behind."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from services.core.client import NOBODY
from services.core.errors import BadRequest, EngineFailed, EngineTimeout, Unavailable
from services.core.events import Text, Waiting
from tests.npu import Bench, ask, events_of, expected, npu_engine, npu_settings

IMPATIENT = {
    "heartbeat_interval": 0.05,
    "first_token_timeout": 0.4,
    "first_token_timeout_per_token": 0.0,
    "fallback_silence": 0.4,
    "cancel_timeout": 0.4,
}


LOAD_FAULTS = {
    "magic": r"invalid rkllm model.*newer toolkit",
    "no_module": r"need to insmod.*groups video and render",
    "no_device": r"failed to open rknn device!\..*vendor kernel",
    "no_memory": r"failed to malloc npu memory.*npu_domain",
    "init_failed": r"rkllm_init failed.*fetch the one for this board",
    "load_error": r"load model file error!.*for this board",
    "cpus": r"number of enabled CPUs.*Fewer CPUs",
    "no_tokenizer": r"Tokenizer is unavailable.*convert it again",
    "no_embedding": r"no embedding layer.*convert it again",
    "silent": r"rkllm_init returned -1, and it printed no reason.*docs/npu\.md",
    "null_handle": r"could not load sim\.rkllm: rkllm_init returned no handle.*The NPU memory is short",
    "platform": r"could not load sim\.rkllm: Platform error: must be either RK3588.*does not know this chip",
    "segv": r"signal SIGSEGV; the last line of its log: I rkllm: Enabled cpus num: 4",
    "abort": r"signal SIGABRT",
    "exit": r"exit code 7",
    "hang": r"did not load within",
}


@pytest.mark.parametrize("fault", LOAD_FAULTS)
def test_a_load_that_fails_says_why_and_the_next_one_succeeds(bench: Bench, fault: str) -> None:
    limit = {"model_load_timeout": 1.5 if fault == "hang" else 60}
    engine = bench.engine(settings=limit, model={"load_fault": fault})
    with pytest.raises(EngineTimeout if fault == "hang" else EngineFailed, match=LOAD_FAULTS[fault]):
        list(engine.ready(NOBODY))
    bench.check_empty()
    assert ask(bench.loaded(), "Hello.")[0] == expected("Hello.")


DEADLY = {
    "error": (EngineFailed, r"broke off the answer: .*matmul"),
    "error_return_0": (EngineFailed, r"broke off"),
    "fail": (EngineFailed, r"broke off"),
    "segv": (EngineFailed, r"SIGSEGV"),
    "abort": (EngineFailed, r"SIGABRT"),
    "exit": (EngineFailed, r"exit code 7"),
    "hang": (EngineTimeout, r"silent for"),
    "stall": (EngineTimeout, r"silent for"),
    "silent": (EngineFailed, r"without a token"),
}
PHASES = {"prefill": -1, "decode": 3}


# A return without FINISH after some tokens is an end, see below.
BREAKS = [pair for pair in itertools.product(DEADLY, PHASES) if pair != ("silent", "decode")]


@pytest.mark.parametrize(("fault", "phase"), BREAKS)
def test_a_run_that_breaks_is_told_and_the_next_one_succeeds(bench: Bench, fault: str, phase: str) -> None:
    error, words = DEADLY[fault]
    engine = bench.loaded(settings=IMPATIENT if error is EngineTimeout else {})
    text: list[str] = []

    def collect() -> None:
        for event in events_of(engine, f"Hello. [[fault={fault} at={PHASES[phase]}]]"):
            text.extend([event.text] if isinstance(event, Text) else [])

    with pytest.raises(error, match=words):
        collect()
    assert "".join(text) in expected(f"Hello. [[fault={fault} at={PHASES[phase]}]]")
    assert not engine.alive
    bench.check_empty()
    assert ask(bench.loaded(), "Hello.")[0] == expected("Hello.")


HARMLESS = ("no_finish", "two_finish", "finish_text", "null_text", "null_result", "pause", "linger")


@pytest.mark.parametrize("thread", ["caller", "own"])
def test_oddities_of_the_runtime_change_no_answer(bench: Bench, thread: str) -> None:
    engine = bench.loaded(RKLLM_SIM_THREAD=thread)
    for fault in HARMLESS:
        prompt = f"Hello. [[fault={fault} at=2 ms=20]]"
        text, done = ask(engine, prompt)
        assert text == expected(prompt), fault
        assert done.finish_reason == "stop"
        assert done.usage.completion_tokens == len(text.split())
        assert ask(engine, "Hello.")[0] == expected("Hello."), fault


def test_a_return_without_finish_after_some_tokens_is_an_end(bench: Bench) -> None:
    engine = bench.loaded()
    prompt = "Hello. [[fault=silent at=3]]"
    assert ask(engine, prompt)[0] == expected(prompt, 3)
    assert ask(engine, "Hello.")[0] == expected("Hello.")


def test_characters_cut_by_tokens_arrive_whole(bench: Bench) -> None:
    """Cut into raw bytes, or with WAITING states until a character is whole."""
    engine = bench.loaded()
    for how in ("chunk=1", "chunk=2", "chunk=3", "chunk=5", "chunk=1 waiting=1"):
        order = f"[[say=caf%C3%A9%20%F0%9F%98%80%20%E4%BD%A0! {how}]]"
        assert ask(engine, order)[0] == "café 😀 你!", how


def test_bytes_that_are_no_utf8_end_as_replacement_characters(bench: Bench) -> None:
    engine = bench.loaded()
    assert ask(engine, "[[say=a%FFb%C3 chunk=1]]")[0] == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("cuts", ["0", "1"])
def test_a_cancel_in_prefill_and_in_decode_leaves_the_engine_usable(bench: Bench, cuts: str) -> None:
    engine = bench.loaded(RKLLM_SIM_PREFILL_US="2000", RKLLM_SIM_ABORT_CUTS_PREFILL=cuts)
    events = events_of(engine, "word " * 60)
    assert isinstance(next(events), Waiting)
    events.close()  # type: ignore[attr-defined]
    assert engine.alive
    assert ask(engine, "Hello.")[0] == expected("Hello.")
    events = events_of(engine, "[[tokens=5000 us=500]]", max_tokens=3000)
    next(event for event in events if isinstance(event, Text))
    events.close()  # type: ignore[attr-defined]
    assert engine.alive
    assert ask(engine, "Hello.")[0] == expected("Hello.")


@pytest.mark.parametrize("fault", ["hang", "slow_abort"])
def test_a_run_that_does_not_stop_is_killed(bench: Bench, fault: str) -> None:
    engine = bench.loaded(settings={**IMPATIENT, "fallback_silence": 60, "first_token_timeout": 60})
    events = events_of(engine, f"Hello. [[fault={fault} at=1 ms=60000]]")
    next(event for event in events if isinstance(event, Text))
    events.close()  # type: ignore[attr-defined]
    assert not engine.alive
    bench.check_empty()
    assert ask(bench.loaded(), "Hello.")[0] == expected("Hello.")


def test_a_cancel_that_comes_when_the_answer_is_told_hits_nobody_else(bench: Bench) -> None:
    engine = bench.loaded()
    prompt = "Hello. [[fault=linger ms=300]]"
    events = events_of(engine, prompt)
    words = len(expected(prompt).split())
    for _ in range(words):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert engine.alive
    assert ask(engine, "Hello.")[0] == expected("Hello.")


def test_a_cache_that_cannot_be_cleared_costs_a_load_and_no_answer(bench: Bench) -> None:
    engine = bench.loaded(RKLLM_SIM_CLEAR_FAILS="1")
    events = events_of(engine, "[[tokens=5000 us=500]]", max_tokens=3000)
    next(event for event in events if isinstance(event, Text))
    events.close()  # type: ignore[attr-defined]
    pid = engine.pid
    assert ask(engine, "Hello.")[0] == expected("Hello.")
    assert engine.pid == pid


def test_memory_that_does_not_suffice_is_told_before_the_load(bench: Bench) -> None:
    meminfo = bench.folder / "meminfo"
    meminfo.write_text("MemTotal:       100 kB\nMemAvailable:       0 kB\n")
    with pytest.raises(Unavailable, match=r"Not enough memory for sim\.rkllm.*smaller model"):
        list(bench.engine(options={"meminfo": str(meminfo)}).ready(NOBODY))


def test_a_second_user_of_the_npu_has_to_wait(bench: Bench) -> None:
    first = bench.loaded()
    with pytest.raises(Unavailable, match=rf"Another process uses the NPU \(process {first.pid}, lock ") as caught:
        list(bench.engine().ready(NOBODY))
    assert caught.value.retry_after
    assert ask(first, "Hello.")[0] == expected("Hello.")
    first.stop()
    assert ask(bench.loaded(), "Hello.")[0] == expected("Hello.")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"platform": "RK3576"}, r"converted for RK3576, and this board is an RK3588"),
        ({"context_limit": 2048}, r"max_context\[4096\] must be less than .*\[2048\].*context_length in"),
    ],
)
def test_a_model_that_does_not_fit_the_board_says_so(bench: Bench, model: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineFailed, match=words):
        list(bench.engine(model=model).ready(NOBODY))


def test_a_file_that_is_no_model_says_so(bench: Bench) -> None:
    model = bench.model()
    model.path.write_text("something else")
    engine = npu_engine(npu_settings(bench.folder, bench.release))(model)
    bench.made.append(engine)
    engine.start()
    with pytest.raises(EngineFailed, match="invalid rkllm model"):
        list(engine.ready(NOBODY))


def test_a_refused_job_leaves_the_engine_alive(bench: Bench) -> None:
    engine = bench.loaded(model={"tokenizer": False})
    with pytest.raises(BadRequest, match="completes no raw prompt"):
        list(events_of(engine, "", kind="completion", messages=(), prompt="Once"))
    assert engine.alive
