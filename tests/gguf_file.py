"""Writes GGUF files that are nothing but a head: enough for the catalogue, nothing for llama.cpp."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

Value = str | int | float | bool | list[str]


def write_gguf(path: Path, metadata: Mapping[str, Value], version: int = 3) -> Path:
    """A GGUF without tensors; its numbers are uint32 and float32."""
    body = b"".join(text(key) + typed(value) for key, value in metadata.items())
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, len(metadata)) + body)
    return path


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value: Value) -> bytes:
    match value:
        case str():
            return struct.pack("<I", 8) + text(value)
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case list():
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
