"""Convert all-MiniLM-L6-v2 from its ONNX file to GGUF, for llama.cpp. Standard library only; takes about a second.

The ONNX file has int8 weights with one scale per output of a layer and no zero points. GGUF's Q8_0 is blocks of 32
int8 values with a scale each, so the weights are copied as they are, not quantised anew. Formats:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 (the few fields read here) and
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LAYERS = 6
WIDTH = 384
INNER = 1536
HEADS = 12
CONTEXT = 512
"""Tokens. The model was trained on half of it, which is what its makers advise for long texts."""

F32, Q8_0 = 0, 8
"""Tensor types of GGUF."""
BLOCK = 32
ALIGNMENT = 32

MEAN = 1
"""Pooling type."""
NORMAL, UNKNOWN, CONTROL = 1, 2, 3
"""Token types."""

WEIGHTS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down")
"""The matrices of a layer, in the order in which the ONNX file has them."""

NAMES = {
    "attention.self.query.bias": "attn_q.bias",
    "attention.self.key.bias": "attn_k.bias",
    "attention.self.value.bias": "attn_v.bias",
    "attention.output.dense.bias": "attn_output.bias",
    "attention.output.LayerNorm.weight": "attn_output_norm.weight",
    "attention.output.LayerNorm.bias": "attn_output_norm.bias",
    "intermediate.dense.bias": "ffn_up.bias",
    "output.dense.bias": "ffn_down.bias",
    "output.LayerNorm.weight": "layer_output_norm.weight",
    "output.LayerNorm.bias": "layer_output_norm.bias",
}
"""ONNX to GGUF, after ``inner.encoder.layer.N.`` and ``blk.N.``."""

Pair = tuple[int, "int | memoryview"]


@dataclass(frozen=True)
class Tensor:
    """Describe one tensor of the GGUF file."""

    shape: tuple[int, ...]
    """GGUF's order: the row's length first."""
    kind: int
    data: bytes


def convert(onnx: bytes, tokenizer: Mapping[str, object]) -> bytes:
    """Return the GGUF file. Raises `KeyError` or `ValueError` for an ONNX file that is another."""
    return written(metadata(tokenizer), tensors(initializers(memoryview(onnx))))


# --- ONNX: protobuf's wire format


def initializers(model: memoryview) -> dict[str, tuple[list[int], memoryview]]:
    """Return dimensions and raw data of each tensor in the file by name, in the order of the file."""
    (graph,) = (value for number, value in fields(model) if number == 7)
    found = {}
    for number, value in fields(graph):
        if number == 5:
            parts = list(fields(value))
            dims = [part for number, part in parts if number == 1 and isinstance(part, int)]
            name = next(bytes(part).decode() for number, part in parts if number == 8 and not isinstance(part, int))
            raw = [part for number, part in parts if number == 9 and not isinstance(part, int)]
            found[name] = dims, raw[0] if raw else memoryview(b"")
    return found


def fields(message: int | memoryview) -> Iterator[Pair]:
    """Yield number and value of each field of a protobuf message; nested messages and packed data are bytes."""
    assert not isinstance(message, int)
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = varint(message, at)
            yield tag >> 3, value
        else:
            size, at = (8, at) if wire == 1 else (4, at) if wire == 5 else varint(message, at)
            yield tag >> 3, message[at : at + size]
            at += size


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number at the offset `at`, and the offset behind it."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


# --- tensors


def tensors(found: dict[str, tuple[list[int], memoryview]]) -> dict[str, Tensor]:
    """Return the GGUF tensors by name. Raises `KeyError` or `ValueError` for an ONNX file that is another."""
    made = {
        "token_embd.weight": rows(*quantised(found, "inner.embeddings.word_embeddings.weight"), WIDTH),
        "position_embd.weight": plain_rows(*quantised(found, "inner.embeddings.position_embeddings.weight"), WIDTH),
        "token_types.weight": plain(found["inner.embeddings.token_type_embeddings.weight"]),
        "token_embd_norm.weight": plain(found["inner.embeddings.LayerNorm.weight"]),
        "token_embd_norm.bias": plain(found["inner.embeddings.LayerNorm.bias"]),
    }
    matrices = [name.removesuffix("_q") for name in found if name.startswith("val_") and name.endswith("_q")]
    if len(matrices) != LAYERS * len(WEIGHTS):
        raise ValueError(f"the ONNX file has {len(matrices)} matrices, needed are {LAYERS * len(WEIGHTS)}")
    for layer in range(LAYERS):
        for name, there in NAMES.items():
            made[f"blk.{layer}.{there}"] = plain(found[f"inner.encoder.layer.{layer}.{name}"])
        for index, name in enumerate(WEIGHTS):
            made[f"blk.{layer}.{name}.weight"] = matrix(found, matrices[layer * len(WEIGHTS) + index])
    return made


def quantised(found: dict[str, tuple[list[int], memoryview]], name: str) -> tuple[memoryview, array[float]]:
    """Return the int8 values of a matrix and its scales."""
    return found[f"{name}_q"][1], array("f", found[f"{name}_scale"][1].tobytes())


def plain(tensor: tuple[list[int], memoryview]) -> Tensor:
    """Return the tensor with its values as they are, in GGUF's order of dimensions."""
    dims, data = tensor
    return Tensor(tuple(reversed(dims)), F32, bytes(data))


def plain_rows(values: memoryview, scales: array[float], width: int) -> Tensor:
    """Return the rows as floats: llama.cpp adds them, and takes no other type."""
    data = array("f")
    for index, scale in enumerate(scales):
        data.extend(value * scale for value in values[index * width : (index + 1) * width].cast("b"))
    return Tensor((width, len(scales)), F32, data.tobytes())


def rows(values: memoryview, scales: array[float], width: int) -> Tensor:
    """Return rows of int8 with one scale each as blocks that repeat the scale."""
    parts = []
    for index, scale in enumerate(scales):
        head, row = struct.pack("<e", scale), bytes(values[index * width : (index + 1) * width])
        parts += [head + row[at : at + BLOCK] for at in range(0, width, BLOCK)]
    return Tensor((width, len(scales)), Q8_0, b"".join(parts))


def matrix(found: dict[str, tuple[list[int], memoryview]], name: str) -> Tensor:
    """Return a transposed matrix: ONNX has the inputs in rows, GGUF the outputs."""
    inputs, outputs = found[f"{name}_q"][0]
    values, scales = quantised(found, name)
    data = bytes(values)
    turned = b"".join(data[column::outputs] for column in range(outputs))
    return rows(memoryview(turned), scales, inputs)


# --- GGUF


def metadata(tokenizer: Mapping[str, object]) -> list[tuple[str, bytes]]:
    """Return the keys of the GGUF file and their encoded values."""
    model = tokenizer["model"]
    assert isinstance(model, dict)
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return [
        ("general.architecture", text("bert")),
        ("general.name", text("all-MiniLM-L6-v2")),
        ("general.license", text("apache-2.0")),
        ("general.file_type", number(7)),
        ("general.quantization_version", number(2)),
        ("bert.context_length", number(CONTEXT)),
        ("bert.embedding_length", number(WIDTH)),
        ("bert.feed_forward_length", number(INNER)),
        ("bert.block_count", number(LAYERS)),
        ("bert.attention.head_count", number(HEADS)),
        ("bert.attention.layer_norm_epsilon", struct.pack("<If", 6, 1e-12)),
        ("bert.attention.causal", struct.pack("<I?", 7, False)),
        ("bert.pooling_type", number(MEAN)),
        ("tokenizer.ggml.model", text("bert")),
        ("tokenizer.ggml.token_type_count", number(2)),
        ("tokenizer.ggml.tokens", struct.pack("<IIQ", 9, 8, len(tokens)) + b"".join(string(marked(t)) for t in tokens)),
        ("tokenizer.ggml.token_type", struct.pack("<IIQ", 9, 5, len(tokens)) + types(tokens)),
        ("tokenizer.ggml.unknown_token_id", number(tokens.index("[UNK]"))),
        ("tokenizer.ggml.seperator_token_id", number(tokens.index("[SEP]"))),
        ("tokenizer.ggml.padding_token_id", number(tokens.index("[PAD]"))),
        ("tokenizer.ggml.cls_token_id", number(tokens.index("[CLS]"))),
        ("tokenizer.ggml.mask_token_id", number(tokens.index("[MASK]"))),
    ]


def special(token: str) -> bool:
    """Return whether the token is a mark such as ``[CLS]`` and no text."""
    return token.startswith("[") and token.endswith("]") and len(token) > 2


def marked(token: str) -> str:
    """Return the token as llama.cpp spells it: it marks the beginnings of words, WordPiece what continues them."""
    return token if special(token) else token[2:] if token.startswith("##") else f"\u2581{token}"


def types(tokens: Sequence[str]) -> bytes:
    """Return GGUF's type of each token, as an encoded array."""
    found = [UNKNOWN if token == "[UNK]" else CONTROL if special(token) else NORMAL for token in tokens]
    return struct.pack(f"<{len(found)}i", *found)


def number(value: int) -> bytes:
    """Return an unsigned 32-bit value, encoded with its type."""
    return struct.pack("<II", 4, value)


def text(value: str) -> bytes:
    """Return a string value, encoded with its type."""
    return struct.pack("<I", 8) + string(value)


def string(value: str) -> bytes:
    """Return a string, encoded with its length."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def written(keys: Sequence[tuple[str, bytes]], parts: Mapping[str, Tensor]) -> bytes:
    """Return the whole file: head, keys, where each tensor is, the tensors."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(parts), len(keys))
    head += b"".join(string(key) + value for key, value in keys)
    offset = 0
    for name, tensor in parts.items():
        head += string(name) + struct.pack("<I", len(tensor.shape))
        head += struct.pack(f"<{len(tensor.shape)}QIQ", *tensor.shape, tensor.kind, offset)
        offset += len(padded(tensor.data))
    return padded(head) + b"".join(padded(tensor.data) for tensor in parts.values())


def padded(data: bytes) -> bytes:
    """Return the data with zeros up to the next multiple of `ALIGNMENT`."""
    return data + b"\0" * (-len(data) % ALIGNMENT)
