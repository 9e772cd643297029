"""What all dialects promise of their answers: headers before the first byte, and a cancel when the client leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from tests.engines import write_fake_model
from tests.http.bodies import ANSWERS, CHATS, DATA, asking, good
from tests.http.conftest import Api
from tests.openwebui import as_json, messages, web


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
    assert impatient.post(path, asking(path, stream=stream)).headers["X-RKLLM-State"] == "loading"


@pytest.mark.parametrize("path", [path for path in ANSWERS if not path.startswith("/api/")])
def test_no_empty_line_follows_a_comment(impatient: Api, path: str) -> None:
    text = impatient.post(path, asking(path, {"prefill_delay": 0.005}, stream=True)).text
    assert re.search(r"^: \w+", text, re.MULTILINE)
    assert not re.search(r"^: .*\n\n", text, re.MULTILINE)


@pytest.mark.parametrize("path", DATA)
def test_data_says_what_it_waited_for(impatient: Api, path: str) -> None:
    result = impatient.post(path, good(path))
    assert (result.status_code, result.headers["X-RKLLM-State"]) == (200, "loading")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", CHATS)
def test_sources_are_told_of_in_headers(api: Api, path: str, stream: bool) -> None:
    question = "How high is the water tower of Eastwick?"
    asked = as_json(messages(question, [web(1, question, "The water tower of Eastwick is 61 metres high.")]))
    first, again = (api.post(path, asking(path, asked, stream=stream)).headers for _ in range(2))
    assert first["X-RKLLM-RAG"].startswith("used; reason=relevant; sources=1; kept=1; ")
    assert (first["X-RKLLM-Cache"], again["X-RKLLM-Cache"]) == ("miss", "hit")


JSON_FORMATS: dict[str, dict[str, Any] | None] = {
    "/v1/chat/completions": {"response_format": {"type": "json_object"}},
    "/v1/responses": {"text": {"format": {"type": "json_object"}}},
    "/v1/messages": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    "/api/chat": {"format": "json"},
}
"""What asks for JSON, by the path of a chat; None where nothing does."""


@pytest.mark.parametrize("path", CHATS)
def test_a_retry_is_a_warning(plain: Api, path: str) -> None:
    assert path in JSON_FORMATS, "add what asks for JSON in this dialect, or None"
    wanted = JSON_FORMATS[path]
    if wanted is None:
        pytest.skip("this dialect has nothing that asks for JSON")
    result = plain.post(path, asking(path, {"text": "no", "again": {"text": "{}"}}, **wanted))
    assert (result.status_code, result.headers["X-RKLLM-Warning"]) == (200, "retried: response_format")


def streamed(api: Api, path: str, script: object) -> Any:
    """Return the body that a server would iterate and close."""
    sent = json.dumps(asking(path, script, stream=True))
    env = falcon.testing.create_environ(path, method="POST", host="localhost", body=sent)
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
    assert api.post(path, asking(path, stream=True)).status_code == 200
    assert api.app.service.scheduler.status().engine_pid == pid
