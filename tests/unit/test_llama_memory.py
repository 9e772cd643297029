"""How much memory the CPU engine's worker allows itself."""

from __future__ import annotations

import pytest

from services.engines.llama.memory import cache_bytes, step_bytes
from services.models import gguf

QWEN: dict[str, gguf.Value] = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 28,
    "qwen2.embedding_length": 1536,
    "qwen2.attention.head_count": 12,
    "qwen2.attention.head_count_kv": 2,
}
GEMMA = QWEN | {"qwen2.attention.key_length": 256, "qwen2.attention.value_length": 256}


@pytest.mark.parametrize(
    ("metadata", "per_token"),
    [
        (QWEN, 28 * 1024),
        (GEMMA, 56 * 1024),
        ({name: value for name, value in QWEN.items() if not name.endswith("head_count_kv")}, 6 * 28 * 1024),
        ({}, 0),
    ],
)
def test_the_cache_of_a_context(metadata: dict[str, gguf.Value], per_token: int) -> None:
    assert cache_bytes(metadata, 4096) == 4096 * per_token


def test_a_step_grows_with_its_tokens_and_the_context() -> None:
    assert step_bytes(QWEN, 128, 8192) == 4 * 128 * (300_000 + 12 * 8192)
