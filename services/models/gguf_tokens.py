"""Read the control tokens of a GGUF file: the texts that its tokenizer takes for more than text."""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

from services.models.gguf import ARRAY, STRING

TOKENS, TYPES = b"tokenizer.ggml.tokens", b"tokenizer.ggml.token_type"

INT32 = 5
"""GGUF's type of the numbers in `TYPES`."""

UNKNOWN, CONTROL = 2, 3
"""Types of tokens that no text may become."""

OPENING, CLOSING = ("<|", "<\uff5c"), ("|>", "\uff5c>")
"""The ends of a text that llama.cpp takes for a control token, whatever type the file gives it."""

WITHIN = 64 * 1024 * 1024
"""Bytes searched for the lists; those of 260,000 tokens take some 10 MB."""


def control_tokens(path: Path) -> list[str]:
    """Return the texts of the control tokens in a GGUF; none where it has no tokenizer.

    Blocks for 0.1 s per 50,000 tokens. Raises `OSError`, and `ValueError` and `struct.error` for a damaged file.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        types = array("i", numbers(data))
        pairs = zip(types, texts(data), strict=False)
        return [text for kind, text in pairs if kind in (UNKNOWN, CONTROL) or looks_like_control(text)]


def looks_like_control(text: str) -> bool:
    """Return whether llama.cpp takes a token for a control token by its text alone."""
    return text.startswith(OPENING) and text.endswith(CLOSING) and len(text) > len("<||>")


def numbers(data: mmap.mmap) -> bytes:
    """Return the bytes of the types of all tokens."""
    place, count = beginning(data, TYPES, INT32)
    return data[place : place + 4 * count]


def texts(data: mmap.mmap) -> Iterator[str]:
    """Yield the text of each token. Raises `struct.error` where the file ends before."""
    place, count = beginning(data, TOKENS, STRING)
    for _ in range(count):
        (size,) = struct.unpack_from("<Q", data, place)
        yield data[place + 8 : place + 8 + size].decode(errors="replace")
        place += 8 + size


def beginning(data: mmap.mmap, key: bytes, kind: int) -> tuple[int, int]:
    """Return where the items of the list `key` begin, and how many there are; none where it is missing."""
    mark = struct.pack("<Q", len(key)) + key + struct.pack("<II", ARRAY, kind)
    place = data.find(mark, 0, WITHIN)
    if place < 0:
        return 0, 0
    (count,) = struct.unpack_from("<Q", data, place + len(mark))
    return place + len(mark) + 8, count
