"""Requests for the fuzzer: paths and bodies from /openapi.json, with few tokens to write, so that a run ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.conformance.fuzz.values import ANYTHING, Described, encoded, spoiled
from tests.conformance.server import CHAT, EMBEDDER
from tests.http.bodies import BODIES

LIMITS = {"max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict", "n", "best_of"}
MOST = 2
"""Tokens, and answers, that a request may ask for."""
ENDLESS = 10**9
"""Numbers above it are refused, and those below mean a long answer."""

TYPES = [
    *["application/json"] * 12,
    "application/json; charset=utf-16",
    "text/plain",
    "",
    "multipart/form-data",
    "x" * 200,
]
PRIORITIES = [*["interactive", "background"] * 20, "high", "", "\xc3\xa9", "x" * 500]
NAMES = ["fake", CHAT, EMBEDDER, CHAT + ":latest", "..%2f..%2fetc", "%00", "%ff", "a" * 3000, "a%20b", "%F0%9F%99%82"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X" * 20]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def few(value: Any, name: str = "") -> Any:
    """Return `value` with every limit that would let an answer run for minutes made small."""
    match value:
        case dict():
            return {key: few(inner, key) for key, inner in value.items()}
        case list():
            return [few(inner) for inner in value]
        case bool():
            return value
        case int() | float() if name in LIMITS and -MOST <= value <= ENDLESS:
            return MOST
    return value


class Maker:
    """Draws requests for the operations of one description."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._described = Described(document)
        self._operations = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]

    def requests(self) -> st.SearchStrategy[Request]:
        return st.composite(self._request)()

    def _request(self, draw: st.DrawFn) -> Request:
        method, path, operation = draw(st.sampled_from(self._operations))
        path = path.replace("{name}", draw(st.sampled_from(NAMES))).replace("{digest}", "sha256:" + "a" * 64)
        if draw(st.integers(0, 19)) == 0:
            method = draw(st.sampled_from(METHODS))
        headers = {"X-RKLLM-Priority": draw(st.sampled_from(PRIORITIES))}
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return Request(method, path, b"{}" if method == "POST" else None, headers)
        body = encoded(draw, few(self._body(draw, path, schema)))
        return Request(method, path, body, {"Content-Type": draw(st.sampled_from(TYPES)), **headers})

    def _body(self, draw: st.DrawFn, path: str, schema: dict[str, Any]) -> Any:
        """Draw what the schema allows, a good body with some of it, or one of these spoiled."""
        kind = draw(st.sampled_from(["allowed", "good", "good", "spoiled", "spoiled", "spoiled", "anything"]))
        if kind == "anything":
            return draw(ANYTHING)
        allowed = self._described.value(draw, schema)
        good = {
            "model": EMBEDDER if "embed" in path or "rerank" in path else CHAT,
            **BODIES.get("/v1" + path, BODIES.get(path, {})),
        }
        body = allowed if kind == "allowed" else {**allowed, **good}
        return spoiled(draw, body) if kind == "spoiled" else body
