"""Every knob of the server: one YAML file, each key overridable by the environment variable ``RKLLM_<KEY>``.

`Settings` holds the defaults; ``config.example.yaml`` says what each key does, and a test compares the two.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

import msgspec
import yaml
from msgspec import Meta, Struct

PREFIX = "RKLLM_"

FOREIGN = frozenset({"RKLLM_CONFIG", "RKLLM_LOG_LEVEL"})
"""Environment variables that are no settings: where the file is, and the log level of Rockchip's own runtime."""

SECRETS = frozenset({"RKLLM_API_KEY", "RKLLM_ADMIN_KEY"})
"""Environment variables that no child process gets: what runs there is foreign code."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
SecondsOrOff = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class SettingsError(Exception):
    """The settings are unusable; the message says which, what was found and what is needed."""


class Settings(Struct, frozen=True, kw_only=True):
    """All settings, validated by `load`; times are seconds."""

    models_dir: Path = msgspec.field(default_factory=lambda: Path("~/models").expanduser())
    default_model: str = ""

    host: str = "127.0.0.1"
    port: Port = 8000
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: Positive = 16 * 1024 * 1024
    client_timeout: Seconds = 30
    shutdown_timeout: Seconds = 30

    keys_file: Path | None = None
    api_key: str = ""
    api_key_file: Path | None = None
    admin_key: str = ""
    admin_key_file: Path | None = None
    allow_anonymous: bool = False
    metrics_public: bool = True

    api_log_level: LogLevel = "INFO"
    log_file: Path | None = None

    queue_depth: Count = 16
    queue_overtakes: Count = 2
    queue_background_overtakes: Count = 8
    heartbeat_interval: Seconds = 2

    model_load_timeout: Seconds = 180
    first_token_timeout: Seconds = 120
    first_token_timeout_per_token: SecondsOrOff = 0.2
    fallback_silence: Seconds = 12
    generation_timeout: Seconds = 600
    cancel_timeout: Seconds = 10
    idle_unload_timeout: SecondsOrOff = 300
    memory_budget: Count = 0
    models_resident: Count = 0
    monitor_interval: Seconds = 10

    max_tokens_default: Positive = 2048
    context_length_default: Positive = 4096
    context_length_max: Positive = 8192

    tools_over_budget: Literal["refuse", "drop"] = "refuse"

    metrics_vllm_names: bool = True
    npu_debug_dir: Path = Path("/sys/kernel/debug/rknpu")
    sysfs_dir: Path = Path("/sys")
    procfs_dir: Path = Path("/proc")

    cpu_threads: Count = 0
    cpu_threads_batch: Count = 0
    cpu_batch_size: Positive = 128
    cpu_prompt_cache_mib: Count = 0

    runtime_library: Path | None = None
    kv_strategy: Literal["prefix", "history"] = "prefix"
    npu_prompt: Literal["auto", "tokens", "template"] = "auto"
    npu_domain: Annotated[int, Meta(ge=0, le=15)] = 0
    npu_embed_flash: bool = True
    npu_lock: Path | None = None

    binary: str = "rkllm"
    use_multiline_protocol: bool = False

    rag_enabled: bool = True
    rag_min_quality_score: float = 2
    rag_max_paragraphs: Positive = 40
    rag_quality_floor_threshold: float = 3
    rag_dedup_similarity: Share = 0.7
    rag_max_prefill_seconds: SecondsOrOff = 20
    rag_cache_ttl: SecondsOrOff = 300
    rag_cache_max_entries: Count = 50
    disable_think_for_rag_below_ctx: Count = 8192


def without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in SECRETS}


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def load(path: Path | None, env: Mapping[str, str]) -> Settings:
    """The settings of the file at `path` (None: no file), overridden by `env`. Raises `SettingsError`."""
    values = dict(from_file(path) if path else ())
    values.update(from_env(env))
    return Settings(**values)


def from_environment(env: Mapping[str, str]) -> Settings:
    """Return the settings of this process: of the file that ``RKLLM_CONFIG`` names, overridden by `env`.

    Raises `SettingsError`.
    """
    path = env.get("RKLLM_CONFIG")
    return load(Path(path).expanduser() if path else None, env)


def from_file(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        found = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(found or {}, dict):
        raise SettingsError(f"The settings file {path} holds {type(found).__name__}; needed are lines 'key: value'.")
    for name, value in (found or {}).items():
        yield known(str(name), FIELDS, f"in {path}"), convert(str(name), value, f"{name} in {path}", strict=True)


def from_env(env: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """An empty variable counts as not set: compose files pass unset ones on as empty."""
    for variable in sorted(env):
        if not variable.startswith(PREFIX) or variable in FOREIGN or not env[variable].strip():
            continue
        name = variable.removeprefix(PREFIX).lower()
        known(name, FIELDS, f"(environment variable {variable})")
        yield name, convert(name, split(name, env[variable].strip()), variable, strict=False)


def known(name: str, names: Iterable[str], where: str) -> str:
    """`name`, if it is one of `names`; raises `SettingsError` with the nearest one."""
    if name in names:
        return name
    raise SettingsError(f"There is no setting {name!r} {where}{nearest(name, names)}.")


def nearest(name: str, names: Iterable[str]) -> str:
    """How a sentence about an unknown name goes on: ``; the nearest is 'x'``."""
    found = difflib.get_close_matches(name, sorted(names), 1, cutoff=0.5)
    return f"; the nearest is {found[0]!r}" if found else f"; known are: {', '.join(sorted(names))}"


def split(name: str, text: str) -> str | list[str]:
    """Lists are written with commas in the environment."""
    if get_origin(FIELDS[name].type) is tuple:
        return [item.strip() for item in text.split(",") if item.strip()]
    return text.upper() if FIELDS[name].type is LogLevel else text


def convert(name: str, value: Any, where: str, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, FIELDS[name].type, strict=strict, dec_hook=to_path)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}; found {value!r}. config.example.yaml says what it takes.") from error


def to_path(kind: type, value: Any) -> Any:
    """Builds the one type that msgspec does not know; a leading ``~`` is the home folder."""
    if kind is Path and isinstance(value, str) and value:
        return Path(value).expanduser()
    raise ValueError("Expected a path")
