"""Estimate the memory of a model. Standard library only: workers use it before they load one."""

from __future__ import annotations

OVERHEAD = 1.1
"""Peak memory over the file's size, as measured for published models, before a long context adds to it."""

KV_SHARE = 1.6e-5
"""KV cache per byte of the file and token of context: the least among common models (Qwen2.5 1.5B: 28 layers, 2 KV
heads of 128 values, 28 KiB per token, for a file of 1.8 GB), so that only what surely does not fit is refused."""


def memory_needed(file_bytes: int, context: int) -> float:
    """Return the bytes that a model of `file_bytes` takes at least with `context` tokens."""
    return file_bytes * (OVERHEAD + KV_SHARE * context)
