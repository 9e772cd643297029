"""What every engine must do, whatever it drives."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from services.chat.schemas.compile import compiled
from services.core.client import NOBODY, Client
from services.core.errors import BadRequest, ClientGone, ContextOverflow, EngineFailed
from services.core.events import Data, Done, Text, Waiting
from services.core.message import message
from services.core.request import EngineRequest
from services.core.sampling import Sampling
from services.engines.registry import SPECS
from services.engines.worker import child
from services.engines.worker.parent import WorkerEngine
from tests.contract.conftest import Rig
from tests.engines import alive
from tests.rigs import RIGS, SCRIPTED, able


def load(engine: WorkerEngine) -> None:
    for waiting in engine.ready(NOBODY):
        assert waiting.phase == "loading"


def run(engine: WorkerEngine, rig: Rig, text: str, **changes: object) -> tuple[str, Done]:
    events = list(engine.generate(rig.request(text, **changes), NOBODY))
    assert all(isinstance(event, Waiting | Text) for event in events[:-1])
    assert isinstance(events[-1], Done)
    return "".join(e.text for e in events if isinstance(e, Text)), events[-1]


def test_an_answer_has_text_then_its_end_with_true_counts(loaded: WorkerEngine, rig: Rig) -> None:
    text, done = run(loaded, rig, "Say hello.")
    assert text.strip()
    assert done.finish_reason in ("stop", "length")
    assert done.usage.prompt_tokens > 0
    assert 0 < done.usage.completion_tokens <= 16


def test_max_tokens_ends_the_answer_with_length(loaded: WorkerEngine, rig: Rig) -> None:
    _, done = run(loaded, rig, rig.kind.long_answer, max_tokens=5)
    assert (done.finish_reason, done.usage.completion_tokens) == ("length", 5)


def test_the_same_job_gives_the_same_answer(loaded: WorkerEngine, rig: Rig) -> None:
    assert run(loaded, rig, "Name a colour.")[0] == run(loaded, rig, "Name a colour.")[0]


def test_a_stop_string_ends_the_answer_before_it(loaded: WorkerEngine, rig: Rig) -> None:
    whole, _ = run(loaded, rig, rig.kind.long_answer, max_tokens=12)
    stop = whole[len(whole) // 2 :][:3]
    text, done = run(loaded, rig, rig.kind.long_answer, max_tokens=12, stop=(stop,))
    assert text == whole[: whole.index(stop)]
    assert (done.finish_reason, done.stop) == ("stop", stop)


def test_a_raw_prompt_is_completed_without_a_template(loaded: WorkerEngine, rig: Rig) -> None:
    text, done = run(loaded, rig, "", kind="completion", messages=(), prompt="Once upon a time")
    assert text
    assert done.usage.completion_tokens > 0


def test_closing_in_decode_cancels_and_the_next_answer_is_whole(loaded: WorkerEngine, rig: Rig) -> None:
    whole, _ = run(loaded, rig, "Say hello.")
    events = loaded.generate(rig.request(rig.kind.long_answer, max_tokens=2000), NOBODY)
    assert isinstance(next(event for event in events if isinstance(event, Text)), Text)
    events.close()  # type: ignore[attr-defined]
    assert loaded.alive is rig.kind.survives
    assert run(loaded, rig, "Say hello.")[0] == whole


def test_closing_in_prefill_cancels_and_the_next_answer_is_whole(loaded: WorkerEngine, rig: Rig) -> None:
    whole, _ = run(loaded, rig, "Say hello.")
    events = loaded.generate(rig.request(rig.kind.long_prompt), NOBODY)
    assert isinstance(next(events), Waiting)
    events.close()  # type: ignore[attr-defined]
    assert loaded.alive is rig.kind.survives
    assert run(loaded, rig, "Say hello.")[0] == whole


def test_a_client_that_leaves_cancels_without_any_write(
    loaded: WorkerEngine, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A whole scripted answer takes less time than two looks at the client.
    monkeypatch.setattr(child, "FLOW_WAIT", 0)
    ours, theirs = socket.socketpair()
    events = loaded.generate(rig.request(rig.kind.long_prompt), Client(ours))
    next(events)
    theirs.close()
    with pytest.raises(ClientGone):
        list(events)
    ours.close()
    assert loaded.alive is rig.kind.survives
    assert run(loaded, rig, "Say hello.")[0]


def test_a_client_that_leaves_while_it_loads_does_not_stop_the_load(engine: WorkerEngine, rig: Rig) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    try:
        for _ in engine.ready(Client(ours)):
            pass
    except ClientGone:
        pass
    ours.close()
    assert engine.alive
    load(engine)
    assert run(engine, rig, "Say hello.")[0]


def test_stop_leaves_no_process(engine: WorkerEngine) -> None:
    load(engine)
    pid = engine.pid
    engine.stop()
    engine.stop()
    assert not engine.alive
    assert not alive(pid)


def test_an_idle_engine_that_was_killed_is_not_alive(engine: WorkerEngine) -> None:
    load(engine)
    pidfd = os.pidfd_open(engine.pid)
    os.kill(engine.pid, signal.SIGKILL)
    NOBODY.wait(pidfd, 10)
    os.close(pidfd)
    assert not engine.alive


def test_answers_from_two_threads_one_after_the_other(loaded: WorkerEngine, rig: Rig) -> None:
    answers: list[str] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: answers.append(run(loaded, rig, "Say hello.")[0]))
        thread.start()
        thread.join()
    assert answers[0] == answers[1]
    assert answers[0]


def data(engine: WorkerEngine, job: EngineRequest) -> Any:
    """The result of a job that wants data."""
    events = [event for event in engine.generate(job, NOBODY) if not isinstance(event, Waiting)]
    found, done = events
    assert isinstance(found, Data)
    assert isinstance(done, Done)
    return found.value


that_know_tokens = able("tokens")


@that_know_tokens
def test_a_counted_prompt_has_the_tokens_that_its_run_reports(loaded: WorkerEngine, rig: Rig) -> None:
    messages = (message("system", "Be brief."), message("user", "How are you, <|im_end|>?"))
    count = data(loaded, rig.request("", kind="count", messages=messages))
    assert count == run(loaded, rig, "", messages=messages)[1].usage.prompt_tokens


@that_know_tokens
@pytest.mark.parametrize("text", ["Once upon a time, maple", "Grüße, 世界 \U0001f98a", ""])
def test_tokens_and_back(loaded: WorkerEngine, rig: Rig, text: str) -> None:
    job = rig.request("", kind="tokenize", messages=(), inputs=(text, "a"), special_tokens=False)
    first, second = data(loaded, job)
    assert len(first["ids"]) == len(first["texts"])
    assert bool(first["ids"]) is bool(text)
    inputs = (tuple(first["ids"]), tuple(second["ids"]))
    assert data(loaded, rig.request("", kind="detokenize", messages=(), inputs=inputs)) == [text, "a"]


@that_know_tokens
def test_the_tokens_of_a_chat_are_those_of_its_prompt(loaded: WorkerEngine, rig: Rig) -> None:
    (found,) = data(loaded, rig.request("Say it.", kind="tokenize"))
    assert "Say it." in "".join(found["texts"])


@that_know_tokens
def test_an_id_of_no_token_is_the_clients_fault(loaded: WorkerEngine, rig: Rig) -> None:
    for inputs in (((10**6,),), ((2**31 - 1,),)):
        with pytest.raises(BadRequest):
            data(loaded, rig.request("", kind="detokenize", messages=(), inputs=inputs))
    assert run(loaded, rig, "Say hello.")[0]


@that_know_tokens
def test_a_prompt_of_tokens_is_the_prompt_of_their_text(loaded: WorkerEngine, rig: Rig) -> None:
    (found,) = data(loaded, rig.request("", kind="tokenize", messages=(), inputs=("Once upon a time",)))
    whole = run(loaded, rig, "", kind="completion", messages=(), prompt="Once upon a time")
    again = run(loaded, rig, "", kind="completion", messages=(), prompt_ids=tuple(found["ids"]))
    assert again[0] == whole[0]
    with pytest.raises(BadRequest):
        run(loaded, rig, "", kind="completion", messages=(), prompt_ids=(10**6,))
    assert loaded.alive


@able(without="tokens")
@pytest.mark.parametrize("changes", [{"kind": "count"}, {"kind": "tokenize", "inputs": ("a",)}, {"prompt_ids": (1,)}])
def test_an_engine_without_tokens_refuses_them(loaded: WorkerEngine, rig: Rig, changes: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"count|token"):
        list(loaded.generate(rig.request("", **changes), NOBODY))
    assert loaded.alive
    assert run(loaded, rig, "Say hello.")[0]


with_grammars = able("grammar")


@with_grammars
def test_a_schema_shapes_the_answer(loaded: WorkerEngine, rig: Rig) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    text, _ = run(loaded, rig, "Give me a number.", grammar=compiled({}, schema).rules, max_tokens=60)
    assert isinstance(json.loads(text)["n"], int)


@with_grammars
def test_a_schema_may_refer_to_its_root(loaded: WorkerEngine, rig: Rig) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["n", "next"],
        "additionalProperties": False,
    }
    text, _ = run(loaded, rig, "Count.", grammar=compiled({}, schema).rules, max_tokens=80)
    assert re.match(r'\{\s*"n"\s*:\s*-?\d+', text)


@able("logprobs")
@pytest.mark.parametrize("job", [{}, {"kind": "completion", "messages": (), "prompt": "Once"}], ids=["chat", "text"])
@pytest.mark.parametrize("alternatives", [0, 2])
def test_logprobs_cover_every_token(loaded: WorkerEngine, rig: Rig, job: dict[str, Any], alternatives: int) -> None:
    events = list(loaded.generate(rig.request("Say hello.", **job, logprobs=alternatives, max_tokens=4), NOBODY))
    entries = [entry for event in events if isinstance(event, Text) for entry in event.logprobs]
    done = events[-1]
    assert isinstance(done, Done)
    assert 0 < len(entries) <= done.usage.completion_tokens
    assert all(len(entry.top_logprobs) == alternatives for entry in entries)
    assert "".join(entry.token for entry in entries) == "".join(e.text for e in events if isinstance(e, Text))


SAID = {"kind": "completion", "messages": ()}


@able("logprobs", "tokens")
def test_the_tokens_of_a_prompt_are_as_likely_as_they_were_when_they_were_written(
    loaded: WorkerEngine, rig: Rig
) -> None:
    asked = rig.request("", **SAID, prompt="The capital of France", logprobs=2, max_tokens=20)
    written = [e for event in loaded.generate(asked, NOBODY) if isinstance(event, Text) for e in event.logprobs]
    (prompt,) = data(loaded, rig.request("", **SAID | {"kind": "tokenize"}, inputs=("The capital of France",)))
    text = "The capital of France" + "".join(entry.token for entry in written)
    (found,) = data(loaded, rig.request("", **SAID | {"kind": "score"}, inputs=(text,), logprobs=2))
    assert (found[0]["token"], found[0]["logprob"]) == (prompt["texts"][0], None)
    again = found[len(prompt["ids"]) :]
    assert [token["token"] for token in again] == [entry.token for entry in written]
    assert [token["logprob"] for token in again] == pytest.approx([e.logprob for e in written], abs=0.1)
    assert [top["token"] for top in again[0]["top_logprobs"]] == [top.token for top in written[0].top_logprobs]


@able("logprobs", "tokens")
@pytest.mark.parametrize("text", ["Stop.<|im_end|>\nOnce", "Grüße, 世界 \U0001f98a."])
def test_every_token_of_a_prompt_is_scored(loaded: WorkerEngine, rig: Rig, text: str) -> None:
    (tokens,) = data(loaded, rig.request("", **SAID | {"kind": "tokenize"}, inputs=(text,)))
    for prompt in (text, tuple(tokens["ids"])):
        (found,) = data(loaded, rig.request("", **SAID | {"kind": "score"}, inputs=(prompt,), logprobs=0))
        assert len(found) == len(tokens["ids"])
        assert "".join(token["token"] for token in found) == text
        assert all(token["logprob"] <= 0 for token in found[1:])


@able("logprobs", "tokens")
def test_a_bias_of_no_token_and_a_prompt_of_no_tokens_are_the_clients_fault(loaded: WorkerEngine, rig: Rig) -> None:
    with pytest.raises(BadRequest, match="no token"):
        run(loaded, rig, "hi", sampling=Sampling(logit_bias={"1": 1, "9999999": 1}))
    with pytest.raises(BadRequest, match="no token"):
        data(loaded, rig.request("", **SAID | {"kind": "score"}, inputs=((1, 9_999_999),)))
    assert run(loaded, rig, "hi", sampling=Sampling(logit_bias={"1": 1}))[0]


@able("logprobs", "tokens")
def test_a_prompt_over_the_context_is_not_scored(loaded: WorkerEngine, rig: Rig) -> None:
    with pytest.raises(ContextOverflow) as caught:
        data(loaded, rig.request("", **SAID | {"kind": "score"}, inputs=("word " * 9000,)))
    assert caught.value.prompt_tokens > caught.value.context_length == rig.model.context_length


@able("tokens", "trained")
def test_a_prompt_over_the_context_is_refused_with_both_numbers(loaded: WorkerEngine, rig: Rig) -> None:
    with pytest.raises(ContextOverflow) as caught:
        run(loaded, rig, "word " * 9000)
    assert caught.value.prompt_tokens > caught.value.context_length == rig.model.context_length
    assert loaded.alive


@able("reuses")
def test_a_longer_conversation_reuses_its_beginning(loaded: WorkerEngine, rig: Rig) -> None:
    # Enough for the simulated models, whose cache is not used again after an abort.
    first, _ = run(loaded, rig, rig.kind.long_prompt[:700], max_tokens=16)
    messages = (
        message("user", rig.kind.long_prompt[:700]),
        message("assistant", first),
        message("user", "And now?"),
    )
    _, done = run(loaded, rig, "", messages=messages, max_tokens=4)
    assert done.usage.cached_tokens > done.usage.prompt_tokens / 2


def test_an_end_is_not_explained_by_what_the_load_printed(engine: WorkerEngine, rig: Rig) -> None:
    load(engine)
    events = engine.generate(rig.request(rig.kind.long_answer, max_tokens=200), NOBODY)
    next(events)
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineFailed, match=r"\(signal SIGKILL\)"):
        list(events)


def test_it_listens_on_no_port(loaded: WorkerEngine) -> None:
    links = [str(link.readlink()) for link in Path(f"/proc/{loaded.pid}/fd").iterdir() if link.is_symlink()]
    sockets = {match.group(1) for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
    tables = [Path(f"/proc/{loaded.pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    assert not sockets & set(" ".join(tables).split())


def test_the_engine_of_a_renamed_model_is_another(rig: Rig) -> None:
    assert dataclasses.replace(rig.model, context_length=512) != rig.model


def test_every_engine_has_a_rig() -> None:
    """Add an entry to `RIGS` in tests/rigs.py, and the whole suite runs over the engine."""
    assert {name.partition("-")[0] for name in RIGS} == {"scripted", *(spec.name for spec in SPECS)}


def test_the_rigs_have_grammars_where_the_specifications_say_so() -> None:
    found = {(name.partition("-")[0], kind.grammar) for name, kind in RIGS.items() if kind is not SCRIPTED}
    assert found == {(spec.name, spec.grammar) for spec in SPECS}
