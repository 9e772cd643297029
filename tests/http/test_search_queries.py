"""Requests for search queries over HTTP: answered at once, in every dialect, without an engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.core.errors import ServiceError
from tests.engines import write_fake_model
from tests.http.conftest import Api, chunks
from tests.openwebui import QUERY_GENERATION, query_prompt

PROMPT = query_prompt(QUERY_GENERATION, "How tall is the Eiffel Tower?", "330 metres.", "And when was it completed?")
ANSWER = '{"queries": ["And when was it completed? Eiffel Tower"]}'
MESSAGES = [{"role": "user", "content": PROMPT}]


@pytest.fixture
def api(make: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The application with a model that nothing may load."""
    write_fake_model(tmp_path, "fake")
    api = make()

    def serve(*_: Any, **__: Any) -> None:
        raise ServiceError("An engine was asked.")

    monkeypatch.setattr(api.app.service.scheduler, "serve", serve)
    return api


def test_a_chat_gets_its_queries_without_an_engine(api: Api) -> None:
    result = api.post("/v1/chat/completions", {"messages": MESSAGES})
    (choice,) = result.json["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (ANSWER, "stop")
    assert result.json["usage"]["total_tokens"] == 0
    counted = {"endpoint": "/v1/chat/completions", "model": "fake", "finished_reason": "stop", "status": "200"}
    assert api.app.service.metrics.registry.get_sample_value("rkllm_requests_total", counted) == 1


def test_they_stream(api: Api) -> None:
    events = chunks(api.post("/v1/chat/completions", {"messages": MESSAGES, "stream": True}))
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events[:-1]) == ANSWER
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": PROMPT}),
        ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
        ("/api/chat", {"model": "fake", "messages": MESSAGES, "stream": False}),
    ],
)
def test_every_dialect_has_them(api: Api, path: str, body: dict[str, Any]) -> None:
    result = api.post(path, body)
    assert result.status_code == 200
    assert json.dumps(ANSWER)[1:-1] in result.text


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [*MESSAGES, {"role": "assistant", "content": "{"}, {"role": "user", "content": "go on"}]},
        {"messages": MESSAGES, "response_format": {"type": "json_object"}},
    ],
    ids=["a talk", "a promise"],
)
def test_another_request_goes_to_the_engine(api: Api, body: dict[str, Any]) -> None:
    assert "An engine was asked." in api.post("/v1/chat/completions", body).text
