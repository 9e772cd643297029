"""Requests with sources over HTTP: prepared, told about, answered from the cache, switched off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.chat.rag.prompt import DATA
from tests.engines import write_fake_model
from tests.http.conftest import Api, chunks
from tests.openwebui import as_json, document, messages, web

QUESTION = "How high is the water tower of Eastwick?"
ANSWER = "The water tower of Eastwick is 61 metres high."


def sent(question: str, sources: list[str], system: str = "") -> list[dict[str, str]]:
    """Return the messages of a chat as a client sends them."""
    return as_json(messages(question, sources, system=system))


ASKED = sent(
    QUESTION, [web(1, QUESTION, ANSWER), document(2, "notes.txt", "The tower opened in 1906.")], system="Be kind."
)


def post(api: Api, asked: Any = ASKED, **more: Any) -> Any:
    return api.post("/v1/chat/completions", {"messages": asked, **more})


def content(result: Any) -> str:
    return str(result.json["choices"][0]["message"]["content"])


def metric(api: Api, name: str, **labels: str) -> float | None:
    return api.app.service.metrics.registry.get_sample_value(name, labels)


def test_the_model_gets_the_selected_sources(api: Api) -> None:
    result = post(api)
    assert content(result).startswith(f"You said: {DATA['en']}\n<sources>\n[1]\n{ANSWER}")
    assert content(result).endswith(QUESTION)
    assert "### Task" not in content(result)
    assert result.headers["X-RKLLM-RAG"].startswith("used; reason=relevant; sources=2; kept=2; dropped=0; tokens=")
    assert metric(api, "rkllm_rag_decisions_total", decision="context") == 1


PAGE = "\n".join(
    f"东关水塔的第{number}号台阶在1906年修好。高61厘米。用红砖砌成。是城里最老的。" for number in range(300)
)
CHINESE = sent("东关水塔的台阶有多高", [web(1, "q", PAGE), web(2, "q", "东关水塔高61米。")])


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_turns_out_too_long_is_made_once_more(
    make: Callable[..., Api], tmp_path: Path, stream: bool
) -> None:
    """A vocabulary without Chinese needs four times the tokens that were estimated."""
    write_fake_model(tmp_path, "bytes", '{"run": {"bytes_are_tokens": true, "text": "61"}}')
    api = make()
    result = post(api, CHINESE, stream=stream)
    assert result.status_code == 200
    assert '"61"' in result.text
    told = dict(part.split("=") for part in result.headers["X-RKLLM-RAG"].split("; ")[1:])
    assert 2000 < int(told["tokens"]) < 3072
    if not stream:
        assert 2000 < result.json["usage"]["prompt_tokens"] < 4096


def test_a_prompt_that_is_too_long_without_its_sources_is_a_400(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "bytes", '{"run": {"bytes_are_tokens": true}}')
    long = sent("东关水塔的台阶有多高", [web(1, "q", PAGE)], system="高" * 1500)
    error = post(make(), long)
    assert error.status_code == 400
    assert error.json["error"]["code"] == "context_length_exceeded"


def test_irrelevant_sources_are_left_out(api: Api) -> None:
    result = post(api, sent("Who wrote the symphony of the stars?", [web(1, "q", ANSWER)]))
    assert content(result) == "You said: Who wrote the symphony of the stars?"
    assert result.headers["X-RKLLM-RAG"].startswith("not used; reason=irrelevant; sources=1; kept=0; dropped=1")
    assert metric(api, "rkllm_rag_decisions_total", decision="follow_up") == 1


def test_a_plain_chat_has_no_such_header(api: Api) -> None:
    assert "X-RKLLM-RAG" not in api.chat("hello").headers
    assert metric(api, "rkllm_rag_decisions_total", decision="plain") == 1


def test_the_same_question_is_answered_from_the_cache_before_any_engine(api: Api) -> None:
    first, again = post(api), post(api)
    assert (first.headers["X-RKLLM-Cache"], again.headers["X-RKLLM-Cache"]) == ("miss", "hit")
    assert content(again) == content(first)
    assert again.json["usage"]["prompt_tokens_details"]["cached_tokens"] == first.json["usage"]["prompt_tokens"]
    assert metric(api, "rkllm_rag_cache_total", result="hit") == 1
    assert metric(api, "rkllm_rag_cache_total", result="miss") == 1


def test_a_hit_streams_as_a_stream(api: Api) -> None:
    first = content(post(api))
    events = chunks(post(api, stream=True))
    pieces = [event["choices"][0]["delta"].get("content", "") for event in events[:-1]]
    assert "".join(pieces) == first
    assert events[-1] is None


@pytest.mark.parametrize(
    "more",
    [{"temperature": 0.9}, {"max_tokens": 5}, {"stop": ["x"]}, {"enable_thinking": True}],
    ids=["temperature", "length", "stop", "thinking"],
)
def test_another_request_is_another_answer(api: Api, more: dict[str, Any]) -> None:
    post(api)
    assert post(api, **more).headers["X-RKLLM-Cache"] == "miss"


def test_other_sources_or_another_persona_are_another_answer(api: Api) -> None:
    post(api)
    assert post(api, sent(QUESTION, [web(1, QUESTION, ANSWER + " It leans.")])).headers["X-RKLLM-Cache"] == "miss"
    assert (
        post(api, (*ASKED[:-1], {"role": "system", "content": "Be brief."}, ASKED[-1])).headers["X-RKLLM-Cache"]
        == "miss"
    )


def test_several_choices_and_logprobs_are_never_from_the_cache(api: Api) -> None:
    post(api)
    assert "X-RKLLM-Cache" not in post(api, n=2).headers
    assert post(api, logprobs=True).headers["X-RKLLM-Cache"] == "miss"


def test_a_cache_that_is_off_keeps_nothing(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    api = make(rag_cache_ttl=0)
    assert [post(api).headers["X-RKLLM-Cache"] for _ in range(2)] == ["miss", "miss"]


def test_switched_off_by_a_request(api: Api) -> None:
    result = post(api, rag=False)
    assert "<source" in content(result)
    assert "X-RKLLM-RAG" not in result.headers


def test_switched_off_for_the_server(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    assert "<source" in content(post(make(rag_enabled=False)))


def test_switched_off_for_a_model(make: Callable[..., Api], tmp_path: Path) -> None:
    (write_fake_model(tmp_path, "fake") / "model.yaml").write_text("rag: false\n")
    assert "<source" in content(post(make()))


def test_the_preview_says_what_would_be_sent(api: Api) -> None:
    result = api.post("/v1/rag/preview", {"messages": ASKED})
    assert result.status_code == 200
    system, user = result.json["messages"]
    assert system == {"role": "system", "content": "Be kind."}
    assert user["content"] == content(post(api)).removeprefix("You said: ")
    assert result.json["thinking"] is False
    assert result.json["decision"]["used"] is True
    assert (result.json["decision"]["sources"], result.json["decision"]["dropped"]) == (2, 0)
    assert result.json["decision"]["note"] == ""


def test_what_the_engine_counts_corrects_the_estimate(api: Api) -> None:
    def estimated() -> int:
        return int(api.post("/v1/rag/preview", {"messages": ASKED}).json["decision"]["tokens"])

    before = estimated()
    system = {"role": "system", "content": "Be kind. " * 300}
    post(api, [system, {"role": "user", "content": json.dumps({"prefill_steps": 500})}])
    assert estimated() > 2 * before


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"messages": 5}', b'{"messages": [], "rag": "yes"}'])
def test_a_bad_preview_is_a_bad_request(api: Api, body: bytes) -> None:
    assert api.post("/v1/rag/preview", body).status_code == 400
