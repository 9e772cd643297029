"""Read the header of a GGUF file: the scalar metadata before the tokenizer's, and the chat template after it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The ``gguf`` package reads it too, but it depends on
numpy, which this server does not need otherwise.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

from services.core.owner_files import open_regular, read_beginning

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LIMIT = 1024 * 1024
"""Bytes of a string, items of a list. A larger count means a damaged file; it is refused before memory is allocated."""

HEADER = 256 * 1024
"""Bytes in which the metadata must end. It has some kilobytes; a damaged file could promise any number of values."""

TEMPLATE_WITHIN = 16 * 1024 * 1024
"""Bytes searched for the chat template. It follows the tokenizer, and one of 260 000 tokens takes some 10 MB."""

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""`struct` format of each scalar type."""

STRING, ARRAY = 8, 9

EMBEDDERS = frozenset(
    {
        "bert", "nomic-bert", "nomic-bert-moe", "modern-bert", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
        "gemma-embedding",
    }
)  # fmt: skip
"""Encoder architectures: they read a text and cannot generate one."""

POOLED, RANK = (1, 2, 3), 4
"""``<architecture>.pooling_type`` of embedding models (mean, first, last token) and of rerankers."""

TEMPLATE_KEY = "tokenizer.chat_template"

KINDS = {"mmproj": "an image encoder", "adapter": "an adapter (LoRA)", "imatrix": "an importance matrix"}
"""``general.type`` of files that are no language model."""

NO_MODELS = {"clip": "an image encoder", "controlvector": "a control vector"}
"""Architectures of the same."""

Value = str | int | float | bool


class NotGguf(Exception):
    """The file is no readable GGUF; the message says why."""


def named_gguf(path: Path) -> bool:
    """Return whether the name of the file at `path` says that it is a GGUF. Reads nothing."""
    return path.suffix.lower() == ".gguf"


def read_metadata(path: Path) -> dict[str, Value]:
    """Return the keys and scalar values before the tokenizer's lists. Reads `HEADER` bytes at most.

    Raises `NotGguf` and `OSError`.
    """
    with open_regular(path) as whole:
        file = io.BytesIO(read_beginning(whole, HEADER))
    if file.read(4) != MAGIC:
        raise NotGguf("it does not begin with GGUF")
    version, _, count = read_struct(file, "<IQQ")
    if version not in VERSIONS:
        raise NotGguf(f"its GGUF version is {version}; versions 2 and 3 are supported")
    values: dict[str, Value] = {}
    for _ in range(count):
        key = read_string(file)
        (kind,) = read_struct(file, "<I")
        if key == TEMPLATE_KEY or (kind == ARRAY and key.startswith("tokenizer.")):
            break  # they are long, and nothing after them is needed
        if kind == ARRAY:
            skip_list(file)
        else:
            values[key] = read_value(file, kind)
    return values


def context_length(metadata: dict[str, Value]) -> int | None:
    """Return the context length the model was trained with, in tokens; None where the file does not say."""
    length = metadata.get(f"{metadata.get('general.architecture')}.context_length")
    return length if isinstance(length, int) and length > 0 else None


def purpose(metadata: dict[str, Value]) -> str | None:
    """Return ``embedding`` or ``rerank`` for a model made for that; None for all others."""
    architecture = metadata.get("general.architecture")
    pooling = metadata.get(f"{architecture}.pooling_type")
    if pooling == RANK:
        return "rerank"
    return "embedding" if pooling in POOLED or architecture in EMBEDDERS else None


def no_model_kind(metadata: dict[str, Value]) -> str:
    """Return what the file is instead of a language model, such as ``an image encoder``; empty for a language model."""
    if any(key.startswith("imatrix.") for key in metadata):
        return KINDS["imatrix"]
    kind = KINDS.get(str(metadata.get("general.type")), "")
    return kind or NO_MODELS.get(str(metadata.get("general.architecture")), "")


def chat_template(path: Path) -> str:
    """Return the chat template of a GGUF; an empty string where it has none.

    Searches for the bytes of its key, which takes milliseconds: parsing the tokenizer's lists before it takes a second.
    Raises `NotGguf` and `OSError`.
    """
    mark = struct.pack("<Q", len(TEMPLATE_KEY)) + TEMPLATE_KEY.encode() + struct.pack("<I", STRING)
    with open_regular(path) as file:
        # Not mapped into memory: a disk that fails there, or a file that becomes shorter, kills the process.
        place = read_beginning(file, TEMPLATE_WITHIN).find(mark)
        if place < 0:
            return ""
        file.seek(place + len(mark))
        return read_string(file)


def read_value(file: BinaryIO, kind: int) -> Value:
    """Read a string or a scalar of the GGUF type `kind`. Raises `NotGguf` for any other type."""
    if kind == STRING:
        return read_string(file)
    if kind not in SCALARS:
        raise NotGguf(f"its metadata has the unknown type {kind}")
    (value,) = read_struct(file, SCALARS[kind])
    return value


def skip_list(file: BinaryIO) -> None:
    """Read past a list. Raises `NotGguf` for one that is too long, or a list of lists."""
    kind, count = read_struct(file, "<IQ")
    # A damaged file could name any count, and reading would not end.
    if count > LIMIT or kind == ARRAY:
        raise NotGguf(f"its metadata has a list of {count} items of type {kind}")
    if kind in SCALARS:
        file.seek(count * struct.calcsize(SCALARS[kind]), io.SEEK_CUR)
        return
    for _ in range(count):
        read_value(file, kind)


def read_string(file: BinaryIO) -> str:
    """Read a string; bytes that are no UTF-8 are replaced. Raises `NotGguf` for one that is too long."""
    (size,) = read_struct(file, "<Q")
    if size > LIMIT:
        raise NotGguf(f"its metadata has a string of {size} bytes")
    return read_exactly(file, size).decode(errors="replace")


def read_struct(file: BinaryIO, layout: str) -> tuple[int, ...]:
    """Read the values of a `struct` format. Raises `NotGguf` at the end of the file."""
    return struct.unpack(layout, read_exactly(file, struct.calcsize(layout)))


def read_exactly(file: BinaryIO, size: int) -> bytes:
    """Read `size` bytes. Raises `NotGguf` where fewer are left."""
    data = file.read(size)
    if len(data) < size:
        raise NotGguf("it ends inside its metadata")
    return data
