"""Compute vectors and scores with llama.cpp, one text at a time, so that a cancel takes effect between two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.engines.llama.refusals import refusal, refused
from services.engines.worker.loop import Run

POOLING = {"": -1, "mean": 1, "cls": 2, "last": 3, "rank": 4}
"""llama.cpp's numbers; the first leaves it to the file."""


def setup(params: Any, options: dict[str, Any]) -> None:
    """Make llama.cpp give out vectors besides answers, and read each text in one step."""
    params.embedding = True
    params.pooling_type = POOLING[options.get("pooling", "")]
    params.n_batch = params.n_ubatch = max(params.n_batch, options["read_length"])


def run_data(server: Any, request: dict[str, Any], run: Run) -> str:
    """Report the data of `request` and return the finish reason. Blocks. Raises `RequestRefused`."""
    *query, texts = (
        [request["inputs"][0], request["inputs"][1:]] if request["kind"] == "rerank" else [request["inputs"]]
    )
    found: list[Any] = []
    run.progress(0, len(texts))
    for text in texts:
        if run.over:
            return "cancel"
        found.append(relevance(server, query[0], text, run) if query else vector(server, text, run))
        run.progress(len(found), len(texts))
    run.data(found)
    return "stop"


def vector(server: Any, text: str | list[int], run: Run) -> list[float]:
    """Return the embedding of a text or of token ids. Blocks. Raises `RequestRefused`."""
    answer = call(server.handle_embeddings, {"input": [text] if isinstance(text, list) else text}, run)
    # Nine digits are enough for every 32-bit float; more make the line longer and no number more exact.
    return [float(f"{value:.9g}") for value in answer["data"][0]["embedding"]]


def relevance(server: Any, query: str, text: str, run: Run) -> float:
    """Return how near `text` is to `query`, the higher the nearer. Blocks. Raises `RequestRefused`."""
    answer = call(server.handle_rerank, {"query": query, "documents": [text]}, run)
    return float(answer["results"][0]["relevance_score"])


def call(handle: Callable[[dict[str, Any]], Any], body: dict[str, Any], run: Run) -> dict[str, Any]:
    """Return llama.cpp's answer, and add its tokens to the usage of `run`. Blocks. Raises `RequestRefused`."""
    try:
        answer: dict[str, Any] = handle(body)
    except ValueError as error:
        raise refused(error) from error
    if "error" in answer:
        raise refusal(answer["error"])
    prompt = run.usage["prompt_tokens"] + answer["usage"]["prompt_tokens"]
    run.usage = {"prompt_tokens": prompt, "completion_tokens": 0, "cached_tokens": 0}
    return answer
