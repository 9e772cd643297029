"""What each dialect says where no attempt satisfied the schema: a refusal where its clients know one, else an error."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from services.api.dialects.anthropic import schemas as schemas_messages
from services.api.dialects.openai import schemas
from services.api.dialects.responses import schemas as schemas_responses
from tests.http.conftest import Api, chunks

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WRONG = {"text": '{"city": 5}', "again": {"text": "no"}}
RIGHT = {"text": 'It is {"city": "Rome"}.'}

CHAT = {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}}
RESPONSES = {"text": {"format": {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}}}
MESSAGES = {"output_config": {"format": {"type": "json_schema", "schema": CITY}}, "max_tokens": 50}


def ask(api: Api, path: str, script: object, **more: Any) -> Any:
    turns = [{"role": "user", "content": json.dumps(script)}]
    return api.post(path, {"input" if path == "/v1/responses" else "messages": turns, **more})


def test_chats(plain: Api) -> None:
    result = ask(plain, "/v1/chat/completions", WRONG, **CHAT)
    message = msgspec.json.decode(result.text, type=schemas.ChatCompletion).choices[0].message
    assert message.content is None
    assert isinstance(message.refusal, str)
    assert "3 attempts" in message.refusal


@pytest.mark.parametrize("stream", [True, False])
def test_responses(plain: Api, stream: bool) -> None:
    result = ask(plain, "/v1/responses", WRONG, **RESPONSES, stream=stream)
    body = chunks(result)[-1]["response"] if stream else result.json
    answer = msgspec.convert(body, schemas_responses.ResponseAnswer)
    (item,) = answer.output
    assert isinstance(item, schemas_responses.MessageItem)
    (part,) = item.content
    assert isinstance(part, schemas_responses.OutputRefusal)
    assert "3 attempts" in part.refusal
    assert (answer.status, answer.usage and answer.usage.output_tokens) == ("completed", 3)
    assert stream == ("response.refusal.delta" in result.text) == (": retry" in result.text)


@pytest.mark.parametrize("stream", [True, False])
def test_messages(plain: Api, stream: bool) -> None:
    result = ask(plain, "/v1/messages", WRONG, **MESSAGES, stream=stream)
    if stream:
        events = chunks(result)
        end = next(event["delta"] for event in events if event["type"] == "message_delta")
        text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    else:
        msgspec.json.decode(result.text, type=schemas_messages.MessageAnswer)
        end, text = result.json, result.json["content"][0]["text"]
    assert (end["stop_reason"], end["stop_details"]["explanation"]) == ("refusal", text)
    assert "3 attempts" in text


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("form", ["json", CITY])
def test_ollamas_clients_know_no_refusal(plain: Api, form: object, stream: bool) -> None:
    script = {"text": "no", "again": {"text": "no"}}
    result = ask(plain, "/api/chat", script, format=form, stream=stream)
    assert "3 attempts" in result.text
    if stream:
        *_, last = (json.loads(line) for line in result.text.splitlines())
        assert last.keys() == {"error"}
    else:
        assert (result.status_code, result.json.keys()) == (502, {"error"})


@pytest.mark.parametrize(
    "form", [{"type": "json_object"}, {"type": "json_schema", "name": "city", "schema": CITY, "strict": False}]
)
def test_responses_to_a_lax_schema_are_errors(plain: Api, form: dict[str, Any]) -> None:
    script = {"text": "no", "again": {"text": "no"}}
    result = ask(plain, "/v1/responses", script, text={"format": form})
    assert (result.status_code, result.json["error"]["code"]) == (502, "invalid_answer")
    last = chunks(ask(plain, "/v1/responses", script, text={"format": form}, stream=True))[-1]
    assert (last["type"], last["response"]["output"]) == ("response.failed", [])


@pytest.mark.parametrize(
    ("path", "more"), [("/v1/chat/completions", CHAT), ("/v1/responses", RESPONSES), ("/v1/messages", MESSAGES)]
)
def test_json_that_satisfies_the_schema_is_no_refusal(plain: Api, path: str, more: dict[str, Any]) -> None:
    result = ask(plain, path, RIGHT, **more)
    assert result.status_code == 200
    assert json.dumps(json.dumps({"city": "Rome"})) in result.text
    assert "3 attempts" not in result.text
