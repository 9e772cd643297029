"""What all dialects promise of their answers: headers before the first byte, and a cancel when the client leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from tests.engines import write_fake_model
from tests.http.conftest import Api
from tests.openwebui import as_json, messages, web

CHAT, TEXT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses"
OLLAMA_CHAT, OLLAMA_TEXT = "/api/chat", "/api/generate"
CHATS = (CHAT, RESPONSES, MESSAGES, OLLAMA_CHAT)
ANSWERS = (*CHATS, TEXT, OLLAMA_TEXT)


def body(path: str, asked: object = "hello", **more: Any) -> dict[str, Any]:
    """Return a request of `path`: a script for the engine, a text, or the messages of a chat."""
    text = asked if isinstance(asked, str) else json.dumps(asked)
    sent = asked if isinstance(asked, list) else [{"role": "user", "content": text}]
    fields: dict[str, dict[str, Any]] = {
        TEXT: {"prompt": text},
        OLLAMA_TEXT: {"prompt": text},
        RESPONSES: {"input": sent},
    }
    limit = {"max_tokens": 50} if path == MESSAGES else {}
    return {**fields.get(path, {"messages": sent}), **limit, **more}


@pytest.fixture
def impatient(make: Callable[..., Api], tmp_path: Path) -> Api:
    """The application with a model that can do everything, and a heartbeat that comes before any engine has started."""
    write_fake_model(tmp_path, "fake", settings="capabilities: [chat, completion, embedding, rerank]")
    return make(heartbeat_interval=0.001)


@pytest.mark.parametrize("stream", [True, False])
def test_several_choices_have_one_warning(api: Api, stream: bool) -> None:
    result = api.chat(n=3, store=True, verbosity="low", stream=stream)
    assert result.headers["X-RKLLM-Warning"] == "ignored: store, verbosity; see docs/api.md"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ANSWERS)
def test_an_answer_says_what_it_waited_for(impatient: Api, path: str, stream: bool) -> None:
    assert impatient.post(path, body(path, stream=stream)).headers["X-RKLLM-State"] == "loading"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/embeddings", {"input": "hello"}),
        ("/v1/rerank", {"query": "hello", "documents": ["a"]}),
        ("/v1/tokenize", {"prompt": "hello"}),
        ("/v1/detokenize", {"tokens": [65]}),
        ("/v1/responses/input_tokens", {"input": "hello"}),
        ("/v1/messages/count_tokens", body(CHAT)),
        ("/api/embed", {"input": "hello"}),
        ("/api/embeddings", {"prompt": "hello"}),
    ],
)
def test_data_says_what_it_waited_for(impatient: Api, path: str, sent: dict[str, Any]) -> None:
    result = impatient.post(path, sent)
    assert (result.status_code, result.headers["X-RKLLM-State"]) == (200, "loading")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", CHATS)
def test_sources_are_told_of_in_headers(api: Api, path: str, stream: bool) -> None:
    question = "How high is the water tower of Eastwick?"
    asked = as_json(messages(question, [web(1, question, "The water tower of Eastwick is 61 metres high.")]))
    first, again = (api.post(path, body(path, asked, stream=stream)).headers for _ in range(2))
    assert first["X-RKLLM-RAG"].startswith("used; reason=relevant; sources=1; kept=1; ")
    assert (first["X-RKLLM-Cache"], again["X-RKLLM-Cache"]) == ("miss", "hit")


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (CHAT, {"response_format": {"type": "json_object"}}),
        (RESPONSES, {"text": {"format": {"type": "json_object"}}}),
        (MESSAGES, {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
        (OLLAMA_CHAT, {"format": "json", "stream": False}),
    ],
)
def test_a_retry_is_a_warning(plain: Api, path: str, more: dict[str, Any]) -> None:
    result = plain.post(path, body(path, {"text": "no", "again": {"text": "{}"}}, **more))
    assert (result.status_code, result.headers["X-RKLLM-Warning"]) == (200, "retried: response_format")


def streamed(api: Api, path: str, script: object) -> Any:
    """Return the body that a server would iterate and close."""
    sent = json.dumps(body(path, script, stream=True))
    env = falcon.testing.create_environ(path, method="POST", body=sent)
    return api.app(env, lambda *args: lambda data: None)


@pytest.mark.parametrize("sent", [0, 1])
@pytest.mark.parametrize("path", ANSWERS)
def test_a_client_that_leaves_at_once_frees_the_engine(api: Api, path: str, sent: int) -> None:
    stream = streamed(api, path, {"tokens": 3, "fault": "hold", "at": 1})
    assert api.app.service.scheduler.status().active_request
    for _ in range(sent):
        next(stream)
    pid = api.app.service.scheduler.status().engine_pid
    stream.close()
    assert api.app.service.scheduler.status().active_request is None
    assert api.post(path, body(path, stream=True)).status_code == 200
    assert api.app.service.scheduler.status().engine_pid == pid
