"""Read one folder under ``models_dir``: the model in it, from its files, its name and its ``model.yaml``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from services.core.model import OFF, REQUIRED_ONLY, Model
from services.core.sampling import Sampling, given
from services.core.settings import nearest
from services.core.yaml_file import YamlError, read_yaml
from services.models import chat_templates, context_length, gguf

SETTINGS_FILE = "model.yaml"

BESIDE = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""Files beside a model file from which its engine renders prompts; a GGUF has all of it inside."""

SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
"""End of the name of each part of a split GGUF, before ``.gguf``."""

EMBEDDING_NAME = re.compile(r"(?<![a-z])embed")
"""Names of embedding models, for files without metadata: ``Qwen3-Embedding-0.6B``."""

WRITING = frozenset({"chat", "completion"})
"""Capabilities of a model that generates text."""

READ_LENGTH_MAX = 2048
"""Tokens. An embedding model reads each text in one step, and the memory for a step grows with its length."""

LFS_POINTER = b"version https://git-lfs"


class Unusable(Exception):
    """The folder has no usable model; the message says why and what to do. It reads on from "is not used:"."""


Positive = Annotated[int, Meta(ge=1)]


class SamplingFile(Sampling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``sampling:`` of a ``model.yaml``: defaults for what a request does not set. A seed or a bias is a request's."""

    seed: None = None
    logit_bias: None = None
    max_tokens: Positive | None = None

    def defaults(self) -> dict[str, float]:
        """Return what has a value, by name."""
        return given(self) | ({} if self.max_tokens is None else {"max_tokens": self.max_tokens})


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
    tools: str | bool = True


def read_model(
    folder: Path,
    files: Sequence[Path],
    default_length: int,
    max_length: int,
    engines: Mapping[str, str],
    tool_families: Collection[str] | None = None,
) -> Model:
    """Return the model of `folder`, whose model files are `files`. Reads the files' headers.

    `default_length` is the context length in tokens where nothing else says it. `max_length` limits what a GGUF's
    metadata says, since the memory for a context grows with its length. `engines` and `tool_families` are those of
    `Catalog`. Raises `Unusable` and `OSError`.
    """
    own = read_settings(folder / SETTINGS_FILE)
    parts = model_parts(files, own.file)
    metadata = checked_metadata(parts[0])
    capabilities = frozenset(own.capabilities or default_capabilities(parts[0], metadata))
    longest = max_length if capabilities & WRITING else min(max_length, READ_LENGTH_MAX)
    return Model(
        id=model_id(folder.name),
        path=parts[0],
        engine=own.engine or engines[parts[0].suffix.lower()],
        context_length=own.context_length or context_length.of(parts[0], metadata, default_length, longest),
        created=int(parts[0].stat().st_mtime),
        size_bytes=sum(part.stat().st_size for part in parts),
        aliases=tuple(model_id(alias) for alias in own.aliases),
        name=own.name or folder.name,
        description=own.description,
        capabilities=capabilities,
        # A file made for embeddings has a pooling of its own; that of a chat model has none.
        pooling=own.pooling or ("" if gguf.purpose(metadata) else "mean"),
        matryoshka=own.matryoshka,
        sampling=tuple(own.sampling.defaults().items()),
        runtime=own.runtime or "",
        system_prompt=own.system_prompt.strip(),
        rag=own.rag,
        rag_tokens=own.rag_tokens,
        thinking=own.thinking,
        opens_reasoning=own.opens_reasoning,
        beside=() if gguf.named_gguf(parts[0]) else tuple(beside_signatures(folder)),
        tools=tools(own.tools, tool_families),
        chat_template=chat_templates.read_template(parts[0]),
    )


def tools(wanted: str | bool, families: Collection[str] | None) -> str:
    """Return `Model.tools` for the value in ``model.yaml``; YAML reads ``off`` as false.

    Raises `Unusable` for a name that is not among `families`.
    """
    if isinstance(wanted, bool):
        return "" if wanted else OFF
    known = sorted([*(families or ()), OFF, REQUIRED_ONLY])
    if families is not None and wanted not in known:
        raise Unusable(f"its {SETTINGS_FILE} has the unknown tools: {wanted}; write one of {', '.join(known)}")
    return wanted


def default_capabilities(path: Path, metadata: dict[str, gguf.Value]) -> frozenset[str]:
    """Return the capabilities of a model whose ``model.yaml`` does not list them."""
    purpose = gguf.purpose(metadata)
    if not metadata and EMBEDDING_NAME.search(f"{path.parent.name}/{path.stem}".lower()):
        purpose = "embedding"
    return frozenset({purpose}) if purpose else WRITING


def beside_signatures(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, modification time in nanoseconds and size of each file of `BESIDE` that exists.

    With these a model differs after one of them changed, so that the engine loads it again.
    """
    for path in map(folder.joinpath, BESIDE):
        if path.exists():
            status = path.stat()
            yield path.name, status.st_mtime_ns, status.st_size


def model_id(name: str) -> str:
    """Return the id for a folder's name: ``Qwen2.5 1.5B_Instruct`` -> ``qwen2.5-1.5b-instruct``."""
    return re.sub(r"[\s_]", "-", name.strip().lower())


def read_settings(path: Path) -> ModelFile:
    """Return the content of a ``model.yaml``, all defaults where there is none. Raises `Unusable` and `OSError`."""
    try:
        values = read_yaml(path) or {}
        refuse_unknown(values, ModelFile, "")
        return msgspec.convert(values, ModelFile)
    except FileNotFoundError:
        return ModelFile()
    except YamlError as error:
        raise Unusable(f"its {SETTINGS_FILE} {error}") from error
    except msgspec.ValidationError as error:
        raise Unusable(f"its {SETTINGS_FILE} is wrong: {error}") from error


def refuse_unknown(values: Any, kind: type[Struct], where: str) -> None:
    """Raise `Unusable` for an unknown key and suggest the nearest. msgspec checks all else, but suggests nothing."""
    known = kind.__struct_fields__
    for key in values if isinstance(values, dict) else ():
        if key not in known:
            raise Unusable(f"its {SETTINGS_FILE} has the unknown key {f'{where}{key}'!r}{nearest(key, known)}")
        if key == "sampling":
            refuse_unknown(values[key], SamplingFile, "sampling.")


def model_parts(files: Sequence[Path], name: str | None) -> list[Path]:
    """Return the files of the one model among `files`, in order; `name` selects one of several. Raises `Unusable`."""
    if name is not None:
        files = [file for file in files if without_part(file) == without_part(Path(name))]
        if not files:
            raise Unusable(f"its {SETTINGS_FILE} names the file {name!r}, which is not there; correct the name")
    models = sorted({without_part(file) for file in files})
    if len(models) > 1:
        raise Unusable(
            f"it has {len(models)} models ({', '.join(models)}); give each a folder of its own, or name the one to use "
            f"in {SETTINGS_FILE} (file: ...)"
        )
    parts = sorted(files)
    check_complete(parts)
    return parts


def without_part(file: Path) -> str:
    """Return the file's name without its part number, which is the same for all parts of a model."""
    return SHARD.sub("", file.stem) + file.suffix.lower()


def check_complete(parts: list[Path]) -> None:
    """Check that all parts of a split model are there. Raises `Unusable`."""
    # llama.cpp loads the first part and looks for the others by itself.
    match = SHARD.search(parts[0].stem)
    if match and len(parts) != int(match[2]):
        raise Unusable(f"{len(parts)} of the {int(match[2])} parts of {parts[0].name} are there; fetch the others")


def checked_metadata(path: Path) -> dict[str, gguf.Value]:
    """Return the metadata of a GGUF, an empty dict for other files.

    Raises `Unusable` for a file that cannot be a model, and `OSError`.
    """
    with path.open("rb") as file:
        beginning = file.read(len(LFS_POINTER))
    if not beginning:
        raise Unusable(f"{path.name} is empty; fetch it again")
    if beginning == LFS_POINTER:
        raise Unusable(f"{path.name} is a Git LFS pointer and not the model; run 'git lfs pull' in its repository")
    if not gguf.named_gguf(path):
        return {}
    try:
        return gguf.read_metadata(path)
    except gguf.NotGguf as error:
        raise Unusable(f"{path.name} is no model that llama.cpp can read: {error}; fetch it again") from error
