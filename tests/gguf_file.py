"""Writes GGUF files that are nothing but a head: enough for the catalogue, nothing for llama.cpp."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Mapping
from pathlib import Path

from scripts import minilm
from services.models import gguf

Value = str | int | float | bool | list[str]


def write_gguf(path: Path, metadata: Mapping[str, Value], version: int = 3) -> Path:
    """A GGUF without tensors; its numbers are uint32 and float32."""
    body = b"".join(text(key) + typed(value) for key, value in metadata.items())
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, len(metadata)) + body)
    return path


def with_template(source: Path, folder: Path, template: str) -> None:
    """A copy of the GGUF at `source` in a new `folder`, with another chat template, no longer than the one it has."""
    data = source.read_bytes()
    key = text("tokenizer.chat_template") + struct.pack("<I", 8)
    start = data.index(key) + len(key)
    (length,) = struct.unpack_from("<Q", data, start)
    # A comment, since blanks at its end would be a part of the prompt.
    padded = b"{#" + b"#}".rjust(length - 2 - len(template.encode())) + template.encode()
    assert len(padded) == length
    folder.mkdir()
    (folder / f"{folder.name}.gguf").write_bytes(data[: start + 8] + padded + data[start + 8 + length :])


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


def with_head(data: bytes, width: int = 384) -> bytes:
    """The file `data` of a bert that makes embeddings, as one that makes scores; nobody trained its head."""
    file = io.BytesIO(data)
    _, version, tensors, keys = gguf.read_struct(file, "<IIQQ")
    begin = file.tell()
    for _ in range(keys):
        gguf.read_string(file)
        (kind,) = gguf.read_struct(file, "<I")
        gguf.skip_list(file) if kind == gguf.ARRAY else gguf.read_value(file, kind)
    after_keys = file.tell()
    for _ in range(tensors):
        gguf.read_string(file)
        (dimensions,) = gguf.read_struct(file, "<I")
        file.seek(8 * dimensions + 12, io.SEEK_CUR)
    pooling = minilm.string("bert.pooling_type") + struct.pack("<I", 4)
    head = data[begin:after_keys].replace(
        pooling + struct.pack("<I", minilm.MEAN), pooling + struct.pack("<I", gguf.RANK)
    )
    infos = data[after_keys : file.tell()]
    body = data[-(-file.tell() // minilm.ALIGNMENT) * minilm.ALIGNMENT :]
    square = array("f", [float(row == column) for row in range(width) for column in range(width)])
    line = array("f", [(index * 37 % 11 - 5) / 10 for index in range(width)])
    for name, shape, values in (("cls.weight", (width, width), square), ("cls.output.weight", (width, 1), line)):
        infos += minilm.string(name) + struct.pack("<I2QIQ", 2, *shape, minilm.F32, len(body))
        body += minilm.padded(values.tobytes())
    return minilm.padded(struct.pack("<4sIQQ", b"GGUF", version, tensors + 2, keys) + head + infos) + body
