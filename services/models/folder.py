"""Read one folder under ``models_dir``: the model in it, from its files, its name and its ``model.yaml``."""

from __future__ import annotations

import re
import unicodedata
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
from services.models.model_files import SETTINGS_FILE, Unusable, choose_model
from services.models.names import model_id

BESIDE = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""Files beside a model file from which its engine renders prompts; a GGUF has all of it inside."""

EMBEDDING_NAME = re.compile(r"(?<![a-z])embed")
"""Names of embedding models, for files without metadata: ``Qwen3-Embedding-0.6B``."""

WRITING = frozenset({"chat", "completion"})
"""Capabilities of a model that generates text."""

LAST_SECOND = 253_402_300_799
"""The end of the year 9999. The time of a file may be any number, and no calendar writes a later one."""

READ_LENGTH_MAX = 2048
"""Tokens. An embedding model reads each text in one step, and the memory for a step grows with its length."""

Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]


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
    parts, metadata = choose_model(files, own.file)
    check_names(parts[0])
    capabilities = frozenset(own.capabilities or default_capabilities(parts[0], metadata))
    longest = max_length if capabilities & WRITING else min(max_length, READ_LENGTH_MAX)
    return Model(
        id=model_id(folder.name),
        path=parts[0],
        engine=own.engine or engines[parts[0].suffix.lower()],
        context_length=own.context_length or context_length.of(parts[0], metadata, default_length, longest),
        created=min(max(int(parts[0].stat().st_mtime), 0), LAST_SECOND),
        size_bytes=sum(part.stat().st_size for part in parts),
        aliases=tuple(filter(None, map(model_id, own.aliases))),
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


def check_names(path: Path) -> None:
    """Check that names can stand in answers and logs. Raises `Unusable`."""
    if not model_id(path.parent.name):
        raise Unusable("its name has only blanks; rename it")
    if any(unicodedata.category(character) == "Cc" for character in str(path)):
        raise Unusable("its path has a name with a control character; rename it")
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise Unusable("its path has a name that is no UTF-8; rename it") from error


def tools(wanted: str | bool, families: Collection[str] | None) -> str:
    """Return `Model.tools` for the value in ``model.yaml``; YAML reads ``off`` as false.

    Raises `Unusable` for a name that is not among `families`.
    """
    if isinstance(wanted, bool):
        return "" if wanted else OFF
    known = sorted([*(families or ()), OFF, REQUIRED_ONLY])
    if families is not None and wanted not in known:
        raise Unusable(f"its {SETTINGS_FILE} has the unknown tools: {wanted[:50]}; write one of {', '.join(known)}")
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


def read_settings(path: Path) -> ModelFile:
    """Return the content of a ``model.yaml``, all defaults where there is none. Raises `Unusable` and `OSError`."""
    try:
        values = read_yaml(path) or {}
        refuse_unknown(values, ModelFile, "")
        return msgspec.convert(values, ModelFile)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise Unusable(f"its {SETTINGS_FILE} is a link to a file that is not there; correct the link") from error
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
            raise Unusable(
                f"its {SETTINGS_FILE} has the unknown key {f'{where}{key[:50]}'!r}{nearest(key[:50], known)}"
            )
        if key == "sampling":
            refuse_unknown(values[key], SamplingFile, "sampling.")
