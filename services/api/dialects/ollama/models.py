"""Models as Ollama describes them: what their files and their settings tell, and nothing guessed."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.api.dialects.ollama.answers import rfc3339
from services.core.errors import ModelNotFound, ServiceError
from services.core.model import Model
from services.engines.rkllm.tokens import template_text
from services.models import gguf
from services.models.catalog import Catalog
from services.models.chat_templates import OFF

TAG = ":latest"
"""What Ollama's clients expect behind a name; every id answers to it."""

FOREVER = "9999-12-31T23:59:59Z"
"""When a model expires that is never unloaded."""

AGES = 1e11
"""Seconds beyond which is never: some 3000 years, which the calendar still has."""

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""``general.file_type`` of a GGUF, by llama.cpp's names."""

SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?[bm])(?![a-z0-9])", re.IGNORECASE)
QUANTIZATION = re.compile(r"(?<![a-z0-9])(w\d+a\d+(?:[-_]g\d+)?)(?![a-z0-9])", re.IGNORECASE)
"""How the publishers of NPU models name them: ``Qwen3-1.7B-w8a8-rk3588.rkllm``."""

THINKING = ("enable_thinking", "<think>", "reasoning_content")
"""Words in the chat template of a model that thinks."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a model's files tell."""

    metadata: dict[str, gguf.Value] = field(default_factory=dict)
    template: str = ""


@functools.lru_cache(maxsize=64)
def card(model: Model) -> Card:
    """Reads the head of the file, once for each model and change. What cannot be read tells nothing."""
    with contextlib.suppress(OSError, ValueError, gguf.NotGguf, ServiceError):
        if model.path.suffix.lower() == ".gguf":
            return Card(gguf.metadata(model.path), gguf.chat_template(model.path))
        return Card(template=template_text(model.path.parent))
    return Card()


def resolve(catalog: Catalog, name: str) -> Model:
    """The model of ``name``, ``name:latest`` or ``name:tag``, whose tag is a part of an id. Raises `ModelNotFound`."""
    bare = name.removesuffix(TAG)
    with contextlib.suppress(ModelNotFound):
        return catalog.resolve(bare.replace(":", "-"))
    return catalog.resolve(bare)


def tags(model: Model) -> dict[str, Any]:
    """An entry of ``/api/tags``."""
    return {
        **identity(model),
        "modified_at": rfc3339(model.created),
        "details": details(model),
        "capabilities": capabilities(model),
    }


def identity(model: Model) -> dict[str, Any]:
    name = model.id + TAG
    return {"name": name, "model": name, "size": model.size_bytes, "digest": digest(model)}


def digest(model: Model) -> str:
    """Stable for a file. Of its name, size and time of change: reading gigabytes would take a minute."""
    return hashlib.sha256(f"{model.id} {model.size_bytes} {model.created}".encode()).hexdigest()


def details(model: Model) -> dict[str, Any]:
    """Empty where nothing tells."""
    found = card(model).metadata
    family = str(found.get("general.architecture", ""))
    return {
        "parent_model": "",
        "format": model.path.suffix.lower().removeprefix("."),
        "family": family,
        "families": [family] if family else [],
        "parameter_size": str(found.get("general.size_label") or named(SIZE, model)).upper(),
        "quantization_level": quantization(model, found),
        "context_length": model.context_length,
    }


def quantization(model: Model, metadata: dict[str, gguf.Value]) -> str:
    kind = metadata.get("general.file_type")
    return FILE_TYPES.get(kind, "") if isinstance(kind, int) else named(QUANTIZATION, model).upper()


def named(pattern: re.Pattern[str], model: Model) -> str:
    """What the name of the file tells, else that of the folder."""
    found = pattern.search(model.path.stem) or pattern.search(model.id)
    return found[1] if found else ""


def capabilities(model: Model) -> list[str]:
    return list(_capabilities(model))


def _capabilities(model: Model) -> Iterator[str]:
    if model.capabilities & {"chat", "completion"}:
        yield "completion"
    if "chat" in model.capabilities and thinks(model):
        yield "thinking"
    if "chat" in model.capabilities and model.tools != OFF:
        yield "tools"
    if "embedding" in model.capabilities:
        yield "embedding"


def thinks(model: Model) -> bool:
    """Whether the model's settings or its chat template know of thinking."""
    return model.thinking is not None or any(word in card(model).template for word in THINKING)


def show(model: Model) -> dict[str, Any]:
    """The answer of ``/api/show``."""
    found = card(model)
    licence = found.metadata.get("general.license")
    told = {
        "license": str(licence) if licence else "",
        "parameters": "\n".join(f"{name:<30} {value:g}" for name, value in model.sampling),
        "template": found.template,
        "system": model.system_prompt,
    }
    return {
        **{name: text for name, text in told.items() if text},
        "details": details(model),
        "model_info": model_info(model, found.metadata),
        "capabilities": capabilities(model),
        "modified_at": rfc3339(model.created),
    }


def model_info(model: Model, metadata: dict[str, gguf.Value]) -> dict[str, Any]:
    """The file's metadata; but the context is the one a request can use, for clients fill what this says."""
    family = str(metadata.get("general.architecture") or model.engine)
    return {
        "general.basename": model.name,
        **metadata,
        "general.architecture": family,
        f"{family}.context_length": model.context_length,
    }


def running(model: Model, expires: float) -> dict[str, Any]:
    """An entry of ``/api/ps``; `expires` in seconds from now."""
    return {
        **identity(model),
        "details": details(model),
        "expires_at": FOREVER if expires > AGES else rfc3339(time.time() + max(0.0, expires)),
        "size_vram": 0 if model.engine == "llama" else model.size_bytes,
        "context_length": model.context_length,
    }
