"""The 40 requests of Ollama's own documentation (docs/api.md there), sent as its curl lines send them.

`ollama_examples.json` has the requests, and what this server refuses on purpose. curl sends a body of `-d` as a form,
also where it is JSON, and so does this suite.
"""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

EXAMPLES: list[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text())
FORM, JSON = "application/x-www-form-urlencoded", "application/json"

COUNTS = {"total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"}
STREAMED = {"model", "created_at", "done"}
DETAILS = {"format", "family", "families", "parameter_size", "quantization_level"}
LISTED = {"name", "model", "size", "digest", "details"}


def curl(example: dict[str, Any]) -> tuple[int, list[Any]]:
    """Status, and the JSON values of the answer: one, or one a line."""
    connection = http.client.HTTPConnection(urlsplit(os.environ["CONFORMANCE_URL"]).netloc, timeout=300)
    headers = {"User-Agent": "curl/8.5.0", "Accept": "*/*"}
    body = b"no model" if example.get("upload") else None
    if "body" in example:
        body = json.dumps(example["body"], indent=2).encode()
        headers["Content-Type"] = JSON if example.get("json") else FORM
    connection.request(example.get("method", "POST"), example["path"], body, headers)
    answer = connection.getresponse()
    lines = answer.read().decode().splitlines()
    connection.close()
    return answer.status, [json.loads(line) for line in lines if line.strip()]


def test_all_examples_are_here() -> None:
    assert len(EXAMPLES) == 40


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_example(example: dict[str, Any]) -> None:
    status, values = curl(example)
    refused = example.get("refused")
    assert status == (refused["status"] if refused else 200), values
    SHAPES[example["shape"]](values)
    if example.get("object"):
        said = values[-1].get("response") or values[-1]["message"]["content"]
        assert set(json.loads(said)) == {"age", "available"}
    if refused:
        pytest.skip(refused["because"])


def generated(values: list[Any]) -> None:
    assert all(STREAMED | {"response"} <= value.keys() for value in values)
    ended(values)


def chatted(values: list[Any]) -> None:
    assert all(STREAMED | {"message"} <= value.keys() for value in values)
    assert all(value["message"]["role"] == "assistant" and "content" in value["message"] for value in values)
    ended(values)


def ended(values: list[Any]) -> None:
    *pieces, last = values
    assert not any(piece["done"] for piece in pieces)
    assert last["done"] is True
    assert last.keys() >= COUNTS | {"done_reason"}
    assert all(isinstance(last[name], int) for name in COUNTS)


def loaded(values: list[Any]) -> None:
    (value,) = values
    assert value["done"] is True
    assert value["done_reason"] in {"load", "unload"}


def tags(values: list[Any]) -> None:
    models = values[0]["models"]
    assert models
    assert all(LISTED | {"modified_at"} <= model.keys() and model["details"].keys() >= DETAILS for model in models)


def running(values: list[Any]) -> None:
    models = values[0]["models"]
    assert models
    assert all(LISTED | {"expires_at", "size_vram"} <= model.keys() for model in models)


def show(values: list[Any]) -> None:
    assert values[0].keys() >= {"modelfile", "parameters", "template", "details", "model_info", "capabilities"}
    assert values[0]["details"].keys() >= DETAILS
    assert {"general.architecture", "general.parameter_count"} <= values[0]["model_info"].keys()


def embed(values: list[Any]) -> None:
    assert values[0].keys() >= {"model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"}
    assert all(isinstance(number, float) for vector in values[0]["embeddings"] for number in vector)


def embedding(values: list[Any]) -> None:
    assert all(isinstance(number, float) for number in values[0]["embedding"])


def version(values: list[Any]) -> None:
    assert isinstance(values[0]["version"], str)


def error(values: list[Any]) -> None:
    assert isinstance(values[-1]["error"], str)


def nothing(values: list[Any]) -> None:
    assert values == []


SHAPES = {
    "generate": generated, "chat": chatted, "loaded": loaded, "tags": tags, "running": running, "show": show,
    "embed": embed, "embedding": embedding, "version": version, "error": error, "nothing": nothing,
}  # fmt: skip
