"""Read the settings: one YAML file; the environment variable ``RKLLM_<KEY>`` overrides a key of it.

`Settings` in `services/core/settings_fields.py` defines the keys, their defaults and their descriptions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec

from services.core.settings_fields import LogLevel, Settings
from services.core.yaml_file import FORBIDDEN, YamlError, read_yaml

__all__ = ["FIELDS", "Settings", "SettingsError", "load_settings", "nearest", "without_secrets"]

PREFIX = "RKLLM_"

FOREIGN = frozenset({"RKLLM_CONFIG", "RKLLM_LOG_LEVEL"})
"""Environment variables that are not settings: the path of the file, and the log level of Rockchip's runtime."""

SECRETS = frozenset({"RKLLM_API_KEY", "RKLLM_ADMIN_KEY"})
"""Environment variables that child processes do not get, since foreign code runs there."""


LONGEST_COMPARED = 128
"""Characters of an unknown name that are compared with the known ones."""


class SettingsError(Exception):
    """The settings cannot be used; the message names the setting, what was found and what is needed."""


def without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` without the variables in `SECRETS`."""
    return {name: value for name, value in env.items() if name not in SECRETS}


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def load_settings(path: Path | None, env: Mapping[str, str]) -> Settings:
    """Return the settings of the file at `path` (None: no file), overridden by `env`. Raise `SettingsError`."""
    values = dict(values_from_file(path) if path else ())
    values.update(from_env(env))
    return Settings(**values)


def from_environment(env: Mapping[str, str]) -> Settings:
    """Return the settings of this process: of the file that ``RKLLM_CONFIG`` names, overridden by `env`.

    Raises `SettingsError`.
    """
    path = env.get("RKLLM_CONFIG")
    try:
        return load_settings(to_path(Path, path) if path else None, env)
    except ValueError as error:
        raise SettingsError(f"RKLLM_CONFIG: {error}; found {path!r}. Name the file with the settings.") from error


def values_from_file(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield each name and value of the file at `path`. Raise `SettingsError`."""
    try:
        document = read_yaml(path)
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except YamlError as error:
        raise SettingsError(f"The settings file {path} {error}.") from error
    if not isinstance(document or {}, dict):
        raise SettingsError(f"The settings file {path} contains a {type(document).__name__}; write lines 'key: value'.")
    for name, value in (document or {}).items():
        yield known_name(name, FIELDS, f"in {path}"), convert(name, value, f"{name} in {path}", strict=True)


def from_env(env: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield each name and value of `env`, without empty ones: Compose passes unset variables on as empty."""
    for variable in sorted(env):
        if not variable.startswith(PREFIX) or variable in FOREIGN or not env[variable].strip():
            continue
        name = variable.removeprefix(PREFIX).lower()
        known_name(name, FIELDS, f"(environment variable {variable})")
        check_text(variable, env[variable])
        yield name, convert(name, split_list(name, env[variable].strip()), variable, strict=False)


def check_text(variable: str, value: str) -> None:
    """Check that a value of the environment is text, as those of a file are. Raises `SettingsError`."""
    if FORBIDDEN.search(value.strip()):
        raise SettingsError(
            f"{variable} has a control character, or bytes that are no UTF-8; write it anew as plain text."
        )


def known_name(name: str, names: Iterable[str], where: str) -> str:
    """Return `name` if it is one of `names`; raise `SettingsError` with the nearest one otherwise."""
    if name in names:
        return name
    raise SettingsError(f"There is no setting {name!r} {where}{nearest(name, names)}.")


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: ``; the nearest is 'x'``."""
    # The comparison takes more than linear time, and a client may send a name of megabytes.
    near = difflib.get_close_matches(name[:LONGEST_COMPARED], sorted(names), 1, cutoff=0.5)
    return f"; the nearest is {near[0]!r}" if near else f"; known are: {', '.join(sorted(names))}"


def split_list(name: str, text: str) -> str | list[str]:
    """Return the value of an environment variable; the commas of a list separate its items."""
    if get_origin(FIELDS[name].type) is tuple:
        return [item.strip() for item in text.split(",") if item.strip()]
    return text.upper() if FIELDS[name].type is LogLevel else text


def convert(name: str, value: Any, where: str, *, strict: bool) -> Any:
    """Return `value` as the type of the setting `name`. Raise `SettingsError`, which names the place `where`."""
    try:
        return msgspec.convert(value, FIELDS[name].type, strict=strict, dec_hook=to_path)
    except msgspec.ValidationError as error:
        if f"{PREFIX}{name}".upper() in SECRETS:
            raise SettingsError(f"{where}: {error}. Write the key in quotation marks.") from None
        raise SettingsError(f"{where}: {error}; found {value!r}. See config.example.yaml for its values.") from error


def to_path(kind: type, value: Any) -> Any:
    """Build a path, the one type that msgspec does not know; a leading ``~`` is the home folder.

    Raises `ValueError`, which msgspec makes a `ValidationError`.
    """
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("Expected a path")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError("Expected a path, and there is no such home folder") from error
