"""Headers of GGUF files: whatever stands in them, there are values or one kind of error."""

from __future__ import annotations

import random
from pathlib import Path

from services.models import gguf
from tests.gguf_file import Value, write_gguf

HEADER: dict[str, Value] = {
    "general.architecture": "llama", "general.tags": ["a", "b"], "llama.context_length": 2048, "x": 0.5, "y": True,
    "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a"] * 20, "tokenizer.chat_template": "{{ x }}",
}  # fmt: skip

NUMBERS = [bytes(8), b"\xff" * 8, b"\x01" + bytes(7), b"\xff\xff\xff\x7f" + bytes(4), bytes(7) + b"\x80"]
"""Counts, sizes and kinds that damage puts in place of others."""


def damaged(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(4, len(data))
    match dice.randrange(4):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + dice.choice(NUMBERS) + data[place + 8 :]
        case 2:
            return data[:place] + dice.randbytes(dice.randrange(1, 40)) + data[place:]
    return data[:place] + bytes([dice.randrange(256)]) + data[place + 1 :]


def outcome(path: Path) -> str:
    try:
        metadata, template = gguf.read_metadata(path), gguf.chat_template(path)
    except gguf.NotGguf:
        return "refused"
    gguf.no_model_kind(metadata), gguf.purpose(metadata), gguf.context_length(metadata)
    return "read" if template or metadata else "empty"


def test_damaged_headers_are_values_or_refused(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "a.gguf", HEADER).read_bytes()
    dice = random.Random(7)
    path = tmp_path / "b.gguf"
    found = set()
    for _ in range(500):
        path.write_bytes(damaged(whole, dice))
        found.add(outcome(path))
    assert {"read", "refused"} <= found
