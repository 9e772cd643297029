"""The `ollama` package against the real server: with the scripted engine, and with the real model."""

from __future__ import annotations

import asyncio
import json
import operator
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ollama
import pytest

from services.models import manifest
from tests.appliance.fake_hub import Hub
from tests.engines import REAL_MODELS
from tests.gguf_file import write_gguf
from tests.live.conftest import Server

Start = Callable[..., Server]

MODEL = "smollm2-135m-instruct"
EMBEDDER = "all-MiniLM-L6-v2"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "num_predict": 20}


def asked(script: object) -> list[dict[str, str]]:
    return [{"role": "user", "content": script if isinstance(script, str) else json.dumps(script)}]


def test_whole_and_streamed_and_async(scripted: Server) -> None:
    async def both() -> tuple[Any, list[Any]]:
        async with ollama.AsyncClient(scripted.url) as client:
            whole = await client.chat("fake", asked("hello"))
            stream = await client.chat("fake", asked({"tokens": 4}), stream=True)
            return whole, [part async for part in stream]

    with ollama.Client(scripted.url) as client:
        assert client.chat("fake", asked("hello")).message.content == "You said: hello"
        assert client.generate("fake", "hello").response == "You said: hello"
        parts = list(client.chat("fake", asked({"tokens": 4}), stream=True))
        words = list(client.generate("fake", json.dumps({"tokens": 4}), stream=True))
    whole, later = asyncio.run(both())
    assert whole.message.content == "You said: hello"
    for found in ([part.message.content for part in parts], [part.message.content for part in later],
                  [part.response for part in words]):  # fmt: skip
        assert "".join(found) == "tok " * 4
    assert parts[-1].done
    assert parts[-1].done_reason == "stop"
    assert parts[-1].total_duration > 0


def test_what_is_sent_while_it_waits_is_no_trouble(start: Start) -> None:
    server = start(heartbeat_interval=0.05)
    script = {"prefill_steps": 2, "prefill_delay": 0.1, "text": "<think>why</think>so"}
    with ollama.Client(server.url) as client:
        parts = list(client.chat("fake", asked(script), stream=True))
    assert len(parts) == 3
    assert "".join(part.message.content for part in parts) == "so"
    assert "".join(part.message.thinking or "" for part in parts) == "why"


def test_errors_are_the_packages_own(scripted: Server) -> None:
    with ollama.Client(scripted.url) as client:
        with pytest.raises(ollama.ResponseError, match="There is no model") as caught:
            client.chat("missing", asked("hello"))
        assert caught.value.status_code == 404
        with pytest.raises(ollama.ResponseError, match="on purpose"):
            list(client.chat("fake", asked({"tokens": 3, "fault": "error", "at": 1}), stream=True))
        with pytest.raises(ollama.ResponseError, match="each is a folder") as caught:
            client.copy("fake", "other")
        assert caught.value.status_code == 501
        assert client.chat("fake", asked("hello")).message.content == "You said: hello"


def test_models_and_how_long_they_stay(start: Start) -> None:
    server = start("fake", "other")
    with ollama.Client(server.url) as client:
        assert [model.model for model in client.list().models] == ["fake:latest", "other:latest"]
        client.chat("fake:latest", asked("hello"), keep_alive=-1)
        (running,) = client.ps().models
        assert (running.model, running.context_length) == ("fake:latest", 4096)
        assert running.expires_at.year == 9999
        client.generate("fake", "", keep_alive=0)
        assert not client.ps().models
        assert not server.engine_pids()
        client.generate("other", "")
        assert client.ps().models[0].model == "other:latest"
        list(client.chat("other", asked("hello"), stream=True, keep_alive=0))
    server.until(lambda health: health["current_model"] is None)


def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: Its name.
    """
    return f"rain in {city}"


def test_a_tool_is_called_and_its_result_sent_back(scripted: Server) -> None:
    script = {"text": '{"name": "weather", "arguments": {"city": "Köln"}}'}
    with ollama.Client(scripted.url) as client:
        answer = client.chat("fake", asked(script), tools=[weather])
        assert answer.message.tool_calls is not None
        (call,) = answer.message.tool_calls
        assert weather(**call.function.arguments) == "rain in Köln"
        parts = list(client.chat("fake", asked(script), tools=[weather], stream=True))
        (piece,) = [part for part in parts if part.message.tool_calls]
        assert piece.message.tool_calls == [call]
        result = {"role": "tool", "tool_name": "weather", "content": "rain"}
        later = client.chat("fake", [*asked("what is it like?"), answer.message, result], tools=[weather])
    assert "rain" in later.message.content


def test_the_real_model_answers(real: Server) -> None:
    with ollama.Client(real.url) as client:
        whole = client.chat(MODEL, QUESTION, options=GREEDY)
        parts = list(client.chat(MODEL, QUESTION, options=GREEDY, stream=True))
    assert "Paris" in whole.message.content
    assert "".join(part.message.content for part in parts) == whole.message.content
    for last in (whole, parts[-1]):
        assert last.prompt_eval_count > 5
        assert 0 < last.eval_count <= 20
        assert 0 < last.eval_duration < last.total_duration
        assert last.prompt_eval_duration > 0


def test_what_is_known_of_the_real_model(real: Server) -> None:
    with ollama.Client(real.url) as client:
        shown = client.show(MODEL)
        listed = {model.model: model for model in client.list().models}
    assert shown.modelinfo["general.architecture"] == "llama"
    assert shown.modelinfo["llama.context_length"] == 8192
    assert "<|im_start|>" in shown.template
    assert shown.license == "apache-2.0"
    details = listed[f"{MODEL}:latest"].details
    assert (details.family, details.parameter_size, details.quantization_level) == ("llama", "135M", "Q4_1")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = tmp_path_factory.mktemp("embedder") / "models"
    models.mkdir()
    (models / EMBEDDER).symlink_to(REAL_MODELS / EMBEDDER)
    server = Server(models, "services.api.app:create()", {})
    yield server
    assert server.end() == 0


def test_the_real_embedder_knows_what_is_alike(embedder: Server) -> None:
    with ollama.Client(embedder.url) as client:
        found = client.embed(EMBEDDER, ["A cat sits there.", "A kitten is sitting.", "Shares fell on Monday."])
        older = client.embeddings(EMBEDDER, "A cat sits there.")
        with pytest.raises(ollama.ResponseError, match="384"):
            client.embed(EMBEDDER, "x", dimensions=64)
        assert "embedding" in (client.show(EMBEDDER).capabilities or [])
    cat, kitten, shares = found.embeddings
    assert sum(a * a for a in cat) == pytest.approx(1)
    assert sum(map(operator.mul, cat, kitten)) > sum(map(operator.mul, cat, shares)) + 0.2
    assert older.embedding == pytest.approx(cat, abs=1e-5)
    assert found.prompt_eval_count > 10


def test_a_model_is_pulled_and_deleted(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = next(e for e in manifest.load_manifest(manifest.MANIFEST).values() if e.soc == "any" and e.sha256 is None)
    hub = Hub()
    file = write_gguf(tmp_path / "model.gguf", {"general.architecture": "fake"}).read_bytes()
    hub.files = {f"{entry.repository}/{entry.file}": file}
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    try:
        server = start()
        with ollama.Client(server.url) as client:
            statuses = [part.status for part in client.pull(entry.id, stream=True)]
            assert (statuses[0], statuses[-1]) == ("pulling manifest", "success")
            assert client.chat(entry.id, asked("hello")).message.content == "You said: hello"
            assert client.delete(entry.id).status == "success"
            assert [model.model for model in client.list().models] == ["fake:latest"]
    finally:
        hub.end()


def test_a_pull_ends_with_its_client(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = next(e for e in manifest.load_manifest(manifest.MANIFEST).values() if e.soc == "any")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        server = start()
        connection = server.post("/api/pull", {"model": entry.id})
        asking, _ = silent.accept()
        assert server.engine_pids()
        assert server.ask("meanwhile") == "You said: meanwhile"
        (engine,) = server.engine_pids() - {fetcher(server)}
        connection.close()
        while server.engine_pids() != {engine}:
            pass
        asking.close()


def fetcher(server: Server) -> int:
    """The process that fetches."""
    for pid in server.engine_pids():
        if b"services.models" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("nothing fetches")
