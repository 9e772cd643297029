"""Reads the head of a GGUF file: the scalar metadata that comes before the tokenizer's, and the chat template after it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The ``gguf`` package does this too, and pulls in
numpy for it.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LIMIT = 1024 * 1024
"""Bytes of a string, items of a list: what is larger is damage, found before it is allocated."""

TEMPLATE_WITHIN = 16 * 1024 * 1024
"""Bytes: a tokenizer of 260 000 tokens takes some 10 MB, and the chat template stands behind it."""

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9

EMBEDDERS = frozenset(
    {
        "bert", "nomic-bert", "nomic-bert-moe", "modern-bert", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
        "gemma-embedding",
    }
)  # fmt: skip
"""Architectures without a next token: they read a text, and never write one."""

POOLED, RANK = (1, 2, 3), 4
"""``<architecture>.pooling_type`` of models made for vectors (mean, first, last token), and of those for scores."""

TEMPLATE_KEY = b"tokenizer.chat_template"

Value = str | int | float | bool


class NotGguf(Exception):
    """The file is no GGUF that could be read; the message says why."""


def metadata(path: Path) -> dict[str, Value]:
    """Keys and scalar values up to the tokenizer, whose lists are long. Reads kilobytes.

    Raises `NotGguf` and `OSError`.
    """
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGguf("it does not begin with GGUF")
        version, _, count = unpack(file, "<IQQ")
        if version not in VERSIONS:
            raise NotGguf(f"its GGUF version is {version}, known are 2 and 3")
        found: dict[str, Value] = {}
        for _ in range(count):
            key = string(file)
            if key.startswith("tokenizer."):
                break
            (kind,) = unpack(file, "<I")
            if kind == ARRAY:
                skip_list(file)
            else:
                found[key] = value(file, kind)
        return found


def context_length(found: dict[str, Value]) -> int | None:
    """The context the model was trained for, in tokens; None where the file does not tell."""
    length = found.get(f"{found.get('general.architecture')}.context_length")
    return length if isinstance(length, int) and length > 0 else None


def purpose(found: dict[str, Value]) -> str | None:
    """``embedding`` or ``rerank`` for a model made for that; None for all others."""
    architecture = found.get("general.architecture")
    pooling = found.get(f"{architecture}.pooling_type")
    if pooling == RANK:
        return "rerank"
    return "embedding" if pooling in POOLED or architecture in EMBEDDERS else None


def chat_template(path: Path) -> str:
    """The chat template of a GGUF, empty where it has none.

    The bytes of its key are searched for, in milliseconds; reading the tokenizer's lists up to it takes a second.
    Raises `NotGguf` and `OSError`.
    """
    mark = struct.pack("<Q", len(TEMPLATE_KEY)) + TEMPLATE_KEY + struct.pack("<I", STRING)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = data.find(mark, 0, TEMPLATE_WITHIN)
        if place < 0:
            return ""
        file.seek(place + len(mark))
        return string(file)


def value(file: BinaryIO, kind: int) -> Value:
    if kind == STRING:
        return string(file)
    if kind not in SCALARS:
        raise NotGguf(f"its metadata has the unknown type {kind}")
    (found,) = unpack(file, SCALARS[kind])
    return found


def skip_list(file: BinaryIO) -> None:
    kind, count = unpack(file, "<IQ")
    if count > LIMIT or kind == ARRAY:
        raise NotGguf(f"its metadata has a list of {count} items of type {kind}")
    for _ in range(count):
        value(file, kind)


def string(file: BinaryIO) -> str:
    (size,) = unpack(file, "<Q")
    if size > LIMIT:
        raise NotGguf(f"its metadata has a string of {size} bytes")
    return take(file, size).decode(errors="replace")


def unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, take(file, struct.calcsize(form)))


def take(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise NotGguf("it ends inside its metadata")
    return data
