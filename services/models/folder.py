"""One folder under ``models_dir``: which model it holds, told from its files, its name and its ``model.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from services.core.model import Model
from services.core.settings import nearest
from services.models import chat_templates, gguf

ENGINES = {".gguf": "llama", ".rkllm": "rkllm"}
"""The engine of each kind of model file, where ``model.yaml`` names no other."""

SETTINGS_FILE = "model.yaml"

BESIDE = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""Files beside an ``.rkllm`` file from which its engine makes prompts."""

SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
"""How the parts of a split GGUF end, before ``.gguf``."""

LENGTH = re.compile(r"(?<![^-_. ])(\d{1,4})k(?![^-_. ])")
"""A context length as a token of its own: ``-4k``, ``_16K``; not the 2k of ``qwen-2kids``."""

EMBEDDING_NAME = re.compile(r"(?<![a-z])embed")
"""Names of embedding models, where the file itself tells nothing: ``Qwen3-Embedding-0.6B``."""

WRITING = frozenset({"chat", "completion"})
"""What a model that writes answers can do."""

READ_LENGTH_MAX = 2048
"""Tokens. A model that makes vectors reads each text in one step, and the memory for a step grows with its length."""

LFS_POINTER = b"version https://git-lfs"


class Unusable(Exception):
    """The folder holds no usable model; the message says why and what to do."""


Positive = Annotated[int, Meta(ge=1)]
Number = Annotated[float, Meta(ge=0)]


class SamplingFile(Struct, forbid_unknown_fields=True):
    """``sampling:`` of a ``model.yaml``: what holds where a request does not say."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    repeat_penalty: Annotated[float, Meta(gt=0, le=10)] | None = None
    max_tokens: Positive | None = None


class ModelFile(Struct, forbid_unknown_fields=True):
    """A ``model.yaml``; docs/models.md describes each key."""

    file: str | None = None
    name: str = ""
    description: str = ""
    engine: str | None = None
    context_length: Positive | None = None
    capabilities: frozenset[Literal["chat", "completion", "embedding", "rerank"]] | None = None
    pooling: Literal["mean", "cls", "last"] | None = None
    matryoshka: bool = False
    aliases: tuple[str, ...] = ()
    sampling: SamplingFile = msgspec.field(default_factory=SamplingFile)
    runtime: Annotated[str, Meta(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    system_prompt: str = ""
    thinking: bool | None = None
    rag: bool = True
    rag_tokens: Positive | None = None
    opens_reasoning: bool = False
    tools: Literal["hermes", "llama", "mistral", "json", "words", "off"] | bool = True


def read(folder: Path, files: Sequence[Path], default_length: int, max_length: int) -> Model:
    """The model of `folder`, whose model files are `files`. Reads their heads.

    `default_length` is the context of a model that does not tell its own; `max_length` caps what a GGUF's metadata
    tells, since the memory for a context grows with its length. Raises `Unusable` and `OSError`.
    """
    own = settings(folder / SETTINGS_FILE)
    parts = chosen(files, own.file)
    metadata = head(parts[0])
    capabilities = frozenset(own.capabilities or purposes(parts[0], metadata))
    family, rendered = tools(own.tools, parts[0])
    longest = max_length if capabilities & WRITING else min(max_length, READ_LENGTH_MAX)
    return Model(
        id=model_id(folder.name),
        path=parts[0],
        engine=own.engine or ENGINES[parts[0].suffix.lower()],
        context_length=own.context_length or length(parts[0], metadata, default_length, longest),
        created=int(parts[0].stat().st_mtime),
        size_bytes=sum(part.stat().st_size for part in parts),
        aliases=tuple(model_id(alias) for alias in own.aliases),
        name=own.name or folder.name,
        description=own.description,
        capabilities=capabilities,
        pooling=own.pooling or ("" if gguf.purpose(metadata) else "mean"),
        matryoshka=own.matryoshka,
        sampling=tuple((k, v) for k, v in msgspec.structs.asdict(own.sampling).items() if v is not None),
        runtime=own.runtime or "",
        system_prompt=own.system_prompt.strip(),
        rag=own.rag,
        rag_tokens=own.rag_tokens,
        thinking=own.thinking,
        opens_reasoning=own.opens_reasoning,
        beside=tuple(stamps(folder)) if parts[0].suffix.lower() == ".rkllm" else (),
        tools=family,
        tools_template=rendered,
    )


def tools(wanted: str | bool, path: Path) -> tuple[str, bool]:
    """How the model at `path` writes calls, and whether its template renders tools; `wanted` is ``model.yaml``'s.

    YAML takes ``off`` for false.
    """
    if wanted is False or wanted == chat_templates.OFF:
        return chat_templates.OFF, False
    template = chat_templates.of(path)
    family = wanted if isinstance(wanted, str) else chat_templates.family(template)
    return family, family not in (chat_templates.OTHER, chat_templates.WORDS) and chat_templates.knows_tools(template)


def purposes(path: Path, metadata: dict[str, gguf.Value]) -> frozenset[str]:
    """What a model can do that its ``model.yaml`` says nothing of."""
    purpose = gguf.purpose(metadata)
    if not metadata and EMBEDDING_NAME.search(f"{path.parent.name}/{path.stem}".lower()):
        purpose = "embedding"
    return frozenset({purpose}) if purpose else WRITING


def stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Name, time of change in nanoseconds and size of each of `BESIDE` that is there."""
    for path in map(folder.joinpath, BESIDE):
        if path.exists():
            found = path.stat()
            yield path.name, found.st_mtime_ns, found.st_size


def model_id(name: str) -> str:
    """``Qwen2.5 1.5B_Instruct`` -> ``qwen2.5-1.5b-instruct``."""
    return re.sub(r"[\s_]", "-", name.strip().lower())


def settings(path: Path) -> ModelFile:
    """What ``model.yaml`` says; all defaults where there is none. Raises `Unusable`."""
    if not path.exists():
        return ModelFile()
    try:
        found = yaml.safe_load(path.read_text()) or {}
        refuse_unknown(found, ModelFile, "")
        return msgspec.convert(found, ModelFile)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unusable(f"its {SETTINGS_FILE} is no YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise Unusable(f"its {SETTINGS_FILE} is wrong: {error}") from error


def refuse_unknown(found: Any, kind: type[Struct], where: str) -> None:
    """Name the nearest key for an unknown one; all else is left to msgspec."""
    known = kind.__struct_fields__
    for key in found if isinstance(found, dict) else ():
        if key not in known:
            raise Unusable(f"its {SETTINGS_FILE} has the unknown key {f'{where}{key}'!r}{nearest(str(key), known)}")
        if key == "sampling":
            refuse_unknown(found[key], SamplingFile, "sampling.")


def chosen(files: Sequence[Path], name: str | None) -> list[Path]:
    """The parts of the one model among `files`, in order. Raises `Unusable`."""
    if name is not None:
        files = [file for file in files if stem(file) == stem(Path(name))]
        if not files:
            raise Unusable(f"its {SETTINGS_FILE} names the file {name!r}, which is not there")
    stems = sorted({stem(file) for file in files})
    if len(stems) > 1:
        raise Unusable(
            f"it holds {len(stems)} models ({', '.join(stems)}); give each a folder of its own, or name the one to use "
            f"in {SETTINGS_FILE} (file: ...)"
        )
    return complete(sorted(files))


def stem(file: Path) -> str:
    """The file's name without its part number: the same for all parts of one model."""
    return SHARD.sub("", file.stem) + file.suffix.lower()


def complete(parts: list[Path]) -> list[Path]:
    found = SHARD.search(parts[0].stem)
    if found and len(parts) != int(found[2]):
        raise Unusable(f"{len(parts)} of the {int(found[2])} parts of {parts[0].name} are there; fetch the others")
    return parts


def head(path: Path) -> dict[str, gguf.Value]:
    """The metadata of a GGUF, nothing for other files. Raises `Unusable` for a file that cannot be a model."""
    with path.open("rb") as file:
        beginning = file.read(len(LFS_POINTER))
    if not beginning:
        raise Unusable(f"{path.name} is empty; fetch it again")
    if beginning == LFS_POINTER:
        raise Unusable(f"{path.name} is a Git LFS pointer and not the model; run 'git lfs pull' in its repository")
    if path.suffix.lower() != ".gguf":
        return {}
    try:
        return gguf.metadata(path)
    except gguf.NotGguf as error:
        raise Unusable(f"{path.name} is no model llama.cpp could read: {error}; fetch it again") from error


def length(path: Path, metadata: dict[str, gguf.Value], default: int, maximum: int) -> int:
    """Tokens: what the names say, else what the file says up to `maximum`, else `default`."""
    named = named_length([path.stem, path.parent.name])
    trained = gguf.context_length(metadata)
    if named and trained:
        return min(named, trained)
    return named or (min(trained, maximum) if trained else default)


def named_length(names: Iterable[str]) -> int | None:
    """The context length the first of `names` tells that tells one, the last of several in it."""
    for name in names:
        if found := LENGTH.findall(name.lower()):
            return int(found[-1]) * 1024 or None
    return None
