"""Logprobs in OpenAI's two shapes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def chat_logprobs(entries: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    content = [{**bare(entry), "top_logprobs": [bare(top) for top in entry["top_logprobs"]]} for entry in entries]
    return {"content": content, "refusal": None} if content else None


def bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {"token": entry["token"], "logprob": entry["logprob"], "bytes": entry["bytes"]}


def text_logprobs(entries: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The older shape of ``/v1/completions``."""
    entries = list(entries)
    if not entries:
        return None
    return {
        "tokens": [entry["token"] for entry in entries],
        "token_logprobs": [entry["logprob"] for entry in entries],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in [*entry["top_logprobs"], entry]} for entry in entries
        ],
        "text_offset": offsets(entries),
    }


def offsets(entries: list[dict[str, Any]]) -> list[int]:
    """Where each token starts, in characters from the first."""
    starts = [0]
    for entry in entries[:-1]:
        starts.append(starts[-1] + len(entry["token"]))
    return starts
