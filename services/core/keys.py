"""The API keys: from a file that holds their hashes, and from settings that hold, or name a file with, one in plain.

A key of the file is 256 random bits (`services.keys` makes them), so its bare SHA-256 keeps it: there is nothing to
guess, and a slow hash would only let strangers cost time. A file that changed is read again at the next question.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from services.core.caller import Caller
from services.core.settings import Settings, SettingsError
from services.core.settings_fields import Count

NAME = "[A-Za-z0-9._-]{1,64}"
"""What goes into a log line as it is."""

Role = Literal["user", "admin"]

KEY_PREFIX = "rk-"
"""The beginning of each key that `services.keys` makes."""

SHORTEST = 16
"""Characters of a key that somebody chose; shorter ones are guessed."""

HOW_TO = (
    "Set RKLLM_API_KEY_FILE to a file with a key, or RKLLM_KEYS_FILE to a file of keys that "
    "'python -m services.keys --file FILE create NAME' makes (docs/install.md)"
)

log = logging.getLogger(__name__)

Signature = tuple[tuple[int, int, int] | None, ...]
"""Time of change in nanoseconds, size and inode of each file; None for one that is not there."""


class Key(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of the file of keys."""

    name: Annotated[str, Meta(pattern=rf"^{NAME}\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    role: Role = "user"
    priority: Literal["interactive", "background"] = "interactive"
    max_waiting: Count = 0

    @property
    def caller(self) -> Caller:
        return Caller(self.name, self.role == "admin", self.priority == "background", self.max_waiting)


def digest(secret: bytes) -> str:
    return sha256(secret).hexdigest()


class Keys:
    """Whose key is this? May be used from any thread; a question costs three stats and never waits."""

    def __init__(self, settings: Settings) -> None:
        """Raises `SettingsError` for a file that cannot be used."""
        self._settings = settings
        self._files = [path for path in (settings.keys_file, settings.api_key_file, settings.admin_key_file) if path]
        self.configured = bool(self._files or settings.api_key or settings.admin_key)
        """Whether keys are asked for. A file that holds none yet asks for them too, and lets nobody in."""
        self._signature = self._sign()
        self._keys = read(settings)

    def find(self, secret: bytes) -> Caller | None:
        """Who has this key; None for nobody. Takes the same time wherever the difference is."""
        found, wanted = None, digest(secret)
        for key in self.all():
            if hmac.compare_digest(key.sha256, wanted):
                found = key.caller
        return found

    def all(self) -> tuple[Key, ...]:
        """The keys as the files are now. A file that became unusable leaves the keys as they were, and says so once."""
        signature = self._sign()
        if signature != self._signature:
            self._signature = signature
            try:
                self._keys = read(self._settings)
                log.info("Keys: %s", ", ".join(key.name for key in self._keys) or "none")
            except SettingsError as error:
                log.error("The keys stay as they were: %s", error)
        return self._keys

    def _sign(self) -> Signature:
        return tuple(sign(path) for path in self._files)


def sign(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def read(settings: Settings) -> tuple[Key, ...]:
    """All keys there are. Raises `SettingsError`."""
    return (*plain_keys(settings), *(from_file(settings.keys_file) if settings.keys_file else ()))


def plain_keys(settings: Settings) -> Iterator[Key]:
    """Those that are given as they are: to use the server, and to administer it."""
    yield from plain("api_key", settings.api_key, settings.api_key_file, "user")
    yield from plain("admin_key", settings.admin_key, settings.admin_key_file, "admin")


def plain(setting: str, value: str, path: Path | None, role: Role) -> Iterator[Key]:
    """The key in a setting, by the setting's name, and the one in a file, by the file's."""
    if value:
        yield Key(name=setting, sha256=digest(long_enough(value.encode(), setting)), role=role)
    if path:
        secret = long_enough(read_bytes(path, f"{setting}_file").strip(), f"{setting}_file")
        yield Key(name=path.name if re.fullmatch(NAME, path.name) else setting, sha256=digest(secret), role=role)


def long_enough(secret: bytes, setting: str) -> bytes:
    """Raises `SettingsError`."""
    if len(secret) < SHORTEST:
        raise SettingsError(
            f"{setting}: the key has {len(secret)} characters; needed are at least {SHORTEST}. "
            "'openssl rand -hex 32' makes a good one."
        )
    return secret


def read_bytes(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {path} cannot be read: {error.strerror}.") from error


def from_file(path: Path) -> list[Key]:
    """The keys of a file; one that is not there holds none. Raises `SettingsError`."""
    try:
        lines = yaml.safe_load(path.read_bytes()) or []
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError(f"keys_file: {path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"keys_file: {path} is no YAML: {' '.join(str(error).split())}.") from error
    try:
        keys = msgspec.convert(lines, list[Key])
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"keys_file: {path}: {error}. 'python -m services.keys' writes it as it must be."
        ) from error
    for name, count in Counter(key.name for key in keys).items():
        if count > 1:
            raise SettingsError(f"keys_file: {path}: two keys have the name {name!r}; remove one of them.")
    return keys


def check(settings: Settings) -> None:
    """Raises `SettingsError` where strangers could reach the server and nothing would ask who they are."""
    keys = Keys(settings)
    if keys.all() or settings.allow_anonymous:
        return
    if keys.configured:
        raise SettingsError(
            f"Keys are asked for, but {settings.keys_file} holds none, so nobody could use the server. Make one: "
            f"python -m services.keys --file {settings.keys_file} create NAME."
        )
    if not is_loopback(settings.host):
        raise SettingsError(
            f"The server would listen on {settings.host}, where others can reach it, and has no API key. {HOW_TO}; or "
            "set RKLLM_ALLOW_ANONYMOUS=true to let everybody in who reaches it."
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def written(keys: Iterable[Key]) -> str:
    """The text of a file of keys."""
    lines = "".join(f"- {msgspec.json.encode(key).decode()}\n" for key in keys)
    return f"# API keys, as hashes. Written by: python -m services.keys\n{lines}"
