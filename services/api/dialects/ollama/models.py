"""Describe models as Ollama does, from their files and their settings; nothing is guessed."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import time
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET

from services.api.dialects.ollama.answers import rfc3339
from services.api.dialects.ollama.schemas import (
    OllamaListedModel,
    OllamaModelDetails,
    OllamaRunningModel,
    OllamaShownModel,
)
from services.core.model import OFF, REQUIRED_ONLY, Model
from services.engines.registry import spec_of
from services.models import gguf
from services.models.names import LATEST

FOREVER = "9999-12-31T23:59:59Z"
"""The time at which a model expires that is never unloaded."""

NEVER = 1e11
"""Seconds from which on a time is `FOREVER`: 3000 years; a calendar cannot count much further."""

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""llama.cpp's names for ``general.file_type`` of a GGUF."""

SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?[bm])(?![a-z0-9])", re.IGNORECASE)
QUANTIZATION = re.compile(r"(?<![a-z0-9])(w\d+a\d+(?:[-_]g\d+)?)(?![a-z0-9])", re.IGNORECASE)
"""Size and quantization in file names of NPU models, such as ``Qwen3-1.7B-w8a8-rk3588.rkllm``."""

SCALES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}

WORD_LENGTH = 64
"""The most characters of a word from a file."""

Metadata = dict[str, gguf.Value]


@functools.lru_cache(maxsize=64)
def metadata_of(model: Model) -> Metadata:
    """Return the metadata of a model's file, empty without a GGUF that can be read. Reads the file once per change."""
    with contextlib.suppress(OSError, ValueError, gguf.NotGguf):
        return gguf.read_metadata(model.path)
    return {}


def listed_model(model: Model) -> OllamaListedModel:
    """Return an entry of ``/api/tags``."""
    return OllamaListedModel(
        name=model.id + LATEST,
        model=model.id + LATEST,
        size=model.size_bytes,
        digest=file_digest(model),
        details=model_details(model),
        modified_at=rfc3339(model.created),
        capabilities=capabilities(model),
    )


def running_model(model: Model, expires: float) -> OllamaRunningModel:
    """Return an entry of ``/api/ps`` for a model that is unloaded in `expires` seconds."""
    return OllamaRunningModel(
        name=model.id + LATEST,
        model=model.id + LATEST,
        size=model.size_bytes,
        digest=file_digest(model),
        details=model_details(model),
        expires_at=FOREVER if expires > NEVER else rfc3339(time.time() + max(0.0, expires)),
        size_vram=0 if spec_of(model).device == "cpu" else model.size_bytes,
        context_length=model.context_length,
    )


def shown_model(model: Model) -> OllamaShownModel:
    """Return the answer of ``/api/show``."""
    metadata = metadata_of(model)
    return OllamaShownModel(
        license=str(metadata.get("general.license") or "") or UNSET,
        modelfile=modelfile(model),
        parameters="\n".join(f"{name:<30} {value}" for name, value in parameters(model).items()),
        template=model.chat_template or UNSET,
        system=model.system_prompt or UNSET,
        details=model_details(model),
        model_info=model_info(model, metadata),
        capabilities=capabilities(model),
        modified_at=rfc3339(model.created),
    )


def parameters(model: Model) -> dict[str, str]:
    """Return the defaults of the model, by Ollama's names. Clients read from ``num_ctx`` how much they can send."""
    names = {"max_tokens": "num_predict"}
    return {names.get(name, name): f"{value:.9g}" for name, value in model.sampling} | {
        "num_ctx": str(model.context_length)
    }


def modelfile(model: Model) -> str:
    """Return what Ollama would build the model from. It names the model and no file: paths are nobody's business."""
    lines = [f"FROM {model.id}"]
    texts = {"TEMPLATE": model.chat_template, "SYSTEM": model.system_prompt}
    lines += [f'{word} """{text}"""' for word, text in texts.items() if text]
    lines += [f"PARAMETER {name} {value}" for name, value in parameters(model).items()]
    return "\n".join(lines) + "\n"


def file_digest(model: Model) -> str:
    """Return a digest of the name, the size and the change time of a model's file.

    It is not one of the content: reading gigabytes would take a minute.
    """
    return hashlib.sha256(f"{model.id} {model.size_bytes} {model.created}".encode()).hexdigest()


def model_details(model: Model) -> OllamaModelDetails:
    """Return what the model's file and its name say; a field is empty where they say nothing."""
    metadata = metadata_of(model)
    family = word(metadata, "general.architecture")
    return OllamaModelDetails(
        parent_model="",
        format=model.path.suffix.lower().removeprefix("."),
        family=family,
        families=[family] if family else [],
        parameter_size=(word(metadata, "general.size_label") or part_of_name(SIZE, model)).upper(),
        quantization_level=quantization(model, metadata),
        context_length=model.context_length,
    )


def word(metadata: Metadata, key: str) -> str:
    """Return the beginning of a value that is one word; empty where it is missing. A list repeats it for each model."""
    return str(metadata.get(key) or "")[:WORD_LENGTH]


def quantization(model: Model, metadata: Metadata) -> str:
    """Return the quantization of the weights (``Q4_K_M``, ``W8A8``), empty where it is unknown."""
    kind = metadata.get("general.file_type")
    return FILE_TYPES.get(kind, "") if isinstance(kind, int) else part_of_name(QUANTIZATION, model).upper()


def part_of_name(pattern: re.Pattern[str], model: Model) -> str:
    """Return what `pattern` finds in the name of the file, else in the id of the model; empty for nothing."""
    found = pattern.search(model.path.stem) or pattern.search(model.id)
    return found[1] if found else ""


def capabilities(model: Model) -> list[str]:
    """Return what the model can do, in Ollama's words."""
    return list(_capabilities(model))


def _capabilities(model: Model) -> Iterator[str]:
    if model.capabilities & {"chat", "completion"}:
        yield "completion"
    if "chat" in model.capabilities and model.can_think:
        yield "thinking"
    if "chat" in model.capabilities and model.tools not in (OFF, REQUIRED_ONLY):
        yield "tools"
    if "embedding" in model.capabilities:
        yield "embedding"


def model_info(model: Model, metadata: Metadata) -> dict[str, Any]:
    """Return the metadata of the file, with the context length that requests can use: clients fill as much."""
    family = str(metadata.get("general.architecture") or model.engine)
    return {
        "general.basename": model.name,
        **parameter_count(model_details(model).parameter_size),
        **metadata,
        "general.architecture": family,
        f"{family}.context_length": model.context_length,
    }


def parameter_count(size: str) -> dict[str, int]:
    """Return ``general.parameter_count`` for a size such as ``1.7B``, as exact as that is; nothing for any other."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([KMBT])", size)
    return {"general.parameter_count": round(float(found[1]) * SCALES[found[2]])} if found else {}
