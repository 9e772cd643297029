"""Embeddings and rerank over HTTP, on the scripted engine."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.chat.vectors import cosine
from tests.engines import write_fake_model
from tests.fake_worker import CONTEXT, vector
from tests.http.conftest import Api

MAKES_VECTORS = "capabilities: [embedding]\nmatryoshka: true\n"


@pytest.fixture
def api(make: Callable[..., Api], tmp_path: Path) -> Api:
    """The application with a model that chats, and one that makes vectors."""
    write_fake_model(tmp_path, "fake")
    write_fake_model(tmp_path, "vectors", settings=MAKES_VECTORS)
    return make(max_body_bytes=1_000_000)


def embed(api: Api, given: Any, **more: Any) -> Any:
    return api.post("/v1/embeddings", {"input": given, **more})


def test_what_does_not_change_the_vectors_is_named(api: Api) -> None:
    neutral = {"normalize": True, "add_special_tokens": True, "truncate": False, "input_type": None}
    assert "x-rkllm-warning" not in embed(api, "x", **neutral).headers
    more = {"input_type": "query", "add_special_tokens": False, "normalize": False, "truncate_prompt_tokens": 5}
    warning = embed(api, "x", **more).headers["x-rkllm-warning"]
    assert warning == f"ignored: {', '.join(more)}; see docs/api.md"


def test_a_text(api: Api) -> None:
    result = embed(api, "hello")
    assert result.status_code == 200
    assert result.json == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": pytest.approx(vector("hello"))}],
        "model": "vectors",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


def test_texts_and_tokens_in_their_order(api: Api) -> None:
    found = embed(api, ["a", "bc"]).json
    assert [entry["index"] for entry in found["data"]] == [0, 1]
    assert [entry["embedding"] for entry in found["data"]] == [pytest.approx(vector(text)) for text in ("a", "bc")]
    assert found["usage"]["prompt_tokens"] == 3
    assert embed(api, [1, 2, 3]).json["data"][0]["embedding"] == pytest.approx(vector([1, 2, 3]))
    assert len(embed(api, [[1], [2, 3]]).json["data"]) == 2


def test_base64_holds_the_same_numbers(api: Api) -> None:
    data = base64.b64decode(embed(api, "hello", encoding_format="base64").json["data"][0]["embedding"])
    assert struct.unpack("<8f", data) == pytest.approx(vector("hello"))


def test_ollama_cuts_what_is_too_long_and_says_so(api: Api) -> None:
    long = (1, 34)
    texts = [f"{index} " * (9_000 if index in long else 1) for index in range(40)]
    for more in ({}, {"truncate": True}):
        result = api.post("/api/embed", {"model": "vectors", "input": texts, **more})
        found = result.json["embeddings"]
        assert result.headers["x-rkllm-warning"] == "truncated: 2 of 40 texts; see docs/api.md"
        for index, text in enumerate(texts):
            beginnings = (
                [text] if index not in long else [text[:size] for size in range(CONTEXT * 9 // 10, CONTEXT + 1)]
            )
            assert any(found[index] == pytest.approx(vector(beginning)) for beginning in beginnings)
    assert len(api.post("/api/embeddings", {"model": "vectors", "prompt": "x" * 9000}).json["embedding"]) == 8
    for path, body in (("/api/embed", {"input": texts, "truncate": False}), ("/v1/embeddings", {"input": texts})):
        result = api.post(path, {"model": "vectors", **body})
        assert result.status_code == 400
        assert "18000 tokens" in result.text


def test_megabytes_reach_no_engine(api: Api, tmp_path: Path) -> None:
    write_fake_model(tmp_path, "small", settings="capabilities: [embedding, rerank]\ncontext_length: 100\n")
    text = "x" * 900_000
    for path, body in (("/v1/embeddings", {"input": text}), ("/v1/rerank", {"query": "x", "documents": [text]})):
        result = api.post(path, {"model": "small", **body})
        assert result.status_code == 400
        assert result.json["error"]["code"] == "context_length_exceeded"
    assert api.http.simulate_get("/health").json["current_model"] is None
    result = api.post("/api/embed", {"model": "small", "input": text})
    assert result.headers["x-rkllm-warning"] == "truncated: 1 of 1 texts; see docs/api.md"


def test_dimensions(api: Api, tmp_path: Path) -> None:
    short = embed(api, "hello", dimensions=3).json["data"][0]["embedding"]
    assert cosine(short, vector("hello")[:3]) == pytest.approx(1)
    write_fake_model(tmp_path, "rigid", settings="capabilities: [embedding]\n")
    refusal = embed(api, "hello", dimensions=3, model="rigid")
    assert refusal.status_code == 400
    assert refusal.json["error"]["param"] == "dimensions"
    assert embed(api, "hello", dimensions=8, model="rigid").status_code == 200


def test_many_texts_come_back_whole_in_several_runs(api: Api) -> None:
    texts = [f"text {index}" for index in range(100)]
    found = embed(api, texts).json
    assert [entry["embedding"] for entry in found["data"]] == [pytest.approx(vector(text)) for text in texts]
    assert found["usage"]["prompt_tokens"] == sum(map(len, texts))


def test_a_model_that_chats_makes_no_vectors_and_the_other_way_round(api: Api) -> None:
    for result in (embed(api, "x", model="fake"), api.chat(model="vectors"), api.text(model="vectors")):
        assert result.status_code == 400
        assert result.json["error"]["param"] == "model"


def test_who_names_no_model_gets_the_one_that_can(api: Api) -> None:
    assert api.chat().json["model"] == "fake"
    assert embed(api, "x").json["model"] == "vectors"
    assert api.http.simulate_get("/health").json["models_loaded"] == ["fake", "vectors"]


def test_a_default_model_is_for_chats(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    write_fake_model(tmp_path, "other")
    write_fake_model(tmp_path, "vectors", settings=MAKES_VECTORS)
    api = make(default_model="other")
    assert api.chat().json["model"] == "other"
    assert embed(api, "x").json["model"] == "vectors"


def test_a_text_that_is_too_long_is_refused(api: Api) -> None:
    result = embed(api, ["fine", json.dumps({"fault": "context", "phase": "prefill"})])
    assert result.status_code == 400
    assert result.json["error"]["code"] == "context_length_exceeded"
    assert result.json["error"]["param"] == "input"
    assert "5000" in result.json["error"]["message"]


def test_a_crash_is_a_502_and_the_next_request_is_served(api: Api) -> None:
    assert embed(api, json.dumps({"fault": "crash", "phase": "prefill"})).status_code == 502
    assert embed(api, "x").status_code == 200


def test_vectors_are_measured_as_no_answers(api: Api) -> None:
    embed(api, ["a", "bc"])
    page = api.http.simulate_get("/metrics").text
    assert 'rkllm_prompt_tokens_total{model="vectors"} 3.0' in page
    assert 'rkllm_turns_total{model="vectors"} 1.0' in page
    assert 'rkllm_kv_cache_usage_ratio{model="vectors"}' not in page
    assert 'endpoint="/v1/embeddings",finished_reason="stop",model="vectors",status="200"' in page


def test_rerank_by_cosines(api: Api) -> None:
    documents = [f"text {index}" for index in range(40)]
    result = api.post("/v1/rerank", {"query": "q", "documents": documents, "top_n": 3, "return_documents": True})
    assert result.status_code == 200
    scores = {text: cosine(vector("q"), vector(text)) for text in documents}
    expected = sorted(documents, key=lambda text: -scores[text])[:3]
    assert [entry["document"]["text"] for entry in result.json["results"]] == expected
    assert [entry["index"] for entry in result.json["results"]] == [documents.index(text) for text in expected]
    assert [entry["relevance_score"] for entry in result.json["results"]] == pytest.approx(
        [scores[t] for t in expected]
    )
    assert result.json["usage"]["prompt_tokens"] == 1 + sum(map(len, documents))


def test_a_model_made_for_reranking_goes_first(api: Api, tmp_path: Path) -> None:
    write_fake_model(tmp_path, "ranker", settings="capabilities: [rerank]\n")
    body = {"query": "q", "documents": [{"text": "a"}, "b"]}
    result = api.post("/rerank", body)
    assert result.json["model"] == "ranker"
    assert len(result.json["results"]) == 2
    assert "document" not in result.json["results"][0]
    assert api.post("/v1/rerank", {**body, "model": "vectors"}).json["model"] == "vectors"


def test_what_rerank_does_not_do_is_announced(api: Api) -> None:
    result = api.post("/v1/rerank", {"query": "q", "documents": ["a"], "max_tokens_per_doc": 5})
    assert "max_tokens_per_doc" in result.headers["x-rkllm-warning"]
