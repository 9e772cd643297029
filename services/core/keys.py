"""Find the caller that an API key belongs to.

Keys come from a file of hashes, and from settings that contain one key or name a file with one. A key in the file of
hashes is 256 random bits (`services.keys` makes them), so a plain SHA-256 protects it: nobody can guess it, and a slow
hash would only let strangers use up CPU time. A file that has changed is read again at the next look-up.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from services.core.caller import Caller
from services.core.key_text import MIN_LENGTH, hash_of_key, usable_key
from services.core.owner_files import is_passing, read_bounded
from services.core.settings import Settings, SettingsError
from services.core.settings_fields import Count
from services.core.yaml_file import YamlError, read_yaml

NAME = "[A-Za-z0-9._-]{1,64}"
"""The pattern of a key's name: safe to write into a log line."""

KeyRole = Literal["user", "admin"]

KEY_FILE_SIZE = 64 * 1024
"""The most bytes of a file with one key."""

QUOTING = ("unknown field", "enum value")
"""Words behind which the message of a wrong entry quotes the file."""

HOW_TO = (
    "Set RKLLM_API_KEY_FILE to a file with a key, or RKLLM_KEYS_FILE to a file of keys that "
    "'python -m services.keys --file FILE create NAME' makes (docs/install.md)"
)

log = logging.getLogger(__name__)

FileVersions = tuple[tuple[int, int, int] | None, ...]
"""Time of change in nanoseconds, size and inode of each file; None for a file that does not exist."""


class Key(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One key in the file of keys, which stores its hash alone."""

    name: Annotated[str, Meta(pattern=rf"^{NAME}\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    role: KeyRole = "user"
    priority: Literal["interactive", "background"] = "interactive"
    max_waiting: Count = 0

    @property
    def caller(self) -> Caller:
        """Return what the rest of the server knows of this key."""
        return Caller(self.name, self.role == "admin", self.priority == "background", self.max_waiting)


class Keys:
    """All API keys of the server. Any thread may use it. A look-up costs three calls of `stat` and does not wait."""

    def __init__(self, settings: Settings) -> None:
        """Read the keys. Raises `SettingsError` for a file that cannot be used."""
        self._settings = settings
        self._files = key_files(settings)
        self.configured = bool(self._files or settings.api_key or settings.admin_key)
        """Whether requests need a key. With a file that has no key yet they do, so nobody can use the server."""
        self._versions = self._current_versions()
        self._keys = read_all(settings)

    def find(self, secret: bytes) -> Caller | None:
        """Return the caller with this key; None for an unknown key."""
        found, wanted = None, hash_of_key(secret)
        # Every key is compared, each in constant time: the time of a look-up says nothing about the keys.
        for key in self.all():
            if hmac.compare_digest(key.sha256, wanted):
                found = key.caller
        return found

    def all(self) -> tuple[Key, ...]:
        """Return the keys as the files are now. A file that has become unusable is logged once and changes nothing.

        One that cannot be read just now is read again at the next call.
        """
        versions = self._current_versions()
        if versions != self._versions:
            self._read(versions)
        return self._keys

    def _read(self, versions: FileVersions) -> None:
        try:
            self._keys = read_all(self._settings)
            log.info("Keys: %s", ", ".join(key.name for key in self._keys) or "none")
        except SettingsError as error:
            log.error("The keys stay as they were: %s", error)
            # Such as no descriptor left. A key that was revoked must not stay good for that.
            if isinstance(error.__cause__, OSError) and is_passing(error.__cause__):
                return
        self._versions = versions

    def _current_versions(self) -> FileVersions:
        return tuple(file_version(path) for path in self._files)


def file_version(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when the file changes; None for a file that does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_all(settings: Settings) -> tuple[Key, ...]:
    """Return all keys of the settings and of the files. Raises `SettingsError`."""
    return (*setting_keys(settings), *(keys_from_file(settings.keys_file) if settings.keys_file else ()))


def setting_keys(settings: Settings) -> Iterator[Key]:
    """Yield the keys that the settings contain or name a file of, in plain text. Raises `SettingsError`."""
    yield from plain_keys("api_key", settings.api_key, settings.api_key_file, "user")
    yield from plain_keys("admin_key", settings.admin_key, settings.admin_key_file, "admin")


def plain_keys(setting: str, value: str, path: Path | None, role: KeyRole) -> Iterator[Key]:
    """Yield the key in a setting, named like the setting, and the one in a file, named like the file.

    Raises `SettingsError`.
    """
    if value:
        yield Key(name=setting, sha256=hash_of_key(usable_key(value.encode(), setting)), role=role)
    if path:
        secret = usable_key(read_bytes(path, f"{setting}_file"), f"{setting}_file")
        yield Key(name=path.name if re.fullmatch(NAME, path.name) else setting, sha256=hash_of_key(secret), role=role)


def read_bytes(path: Path, setting: str) -> bytes:
    """Return the contents of the file that `setting` names. Blocks as the disk does. Raises `SettingsError`."""
    try:
        return read_bounded(path, KEY_FILE_SIZE)
    except OSError as error:
        raise SettingsError(f"{setting}: {path} cannot be read: {error.strerror}.") from error


def keys_from_file(path: Path) -> list[Key]:
    """Return the keys in a file of hashes; a file that does not exist has none. Raises `SettingsError`."""
    try:
        entries = read_yaml(path) or []
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError(f"keys_file: {path} cannot be read: {error.strerror}.") from error
    except YamlError as error:
        raise SettingsError(f"keys_file: {path} {error}.") from error
    try:
        keys = msgspec.convert(entries, list[Key])
    except msgspec.ValidationError as error:
        found = without_long_quotation(str(error))
        raise SettingsError(f"keys_file: {path}: {found}. Let 'python -m services.keys' write the file.") from error
    for name, count in Counter(key.name for key in keys).items():
        if count > 1:
            raise SettingsError(f"keys_file: {path}: two keys have the name {name!r}; remove one of them.")
    return keys


def without_long_quotation(message: str) -> str:
    """Return the message of a wrong entry without the text that it quotes of the file, where that may be a key."""
    head, mark, place = message.rpartition(" - at `")
    for words in QUOTING:
        before, found, quoted = head.partition(words)
        if found and len(quoted) >= MIN_LENGTH:
            return f"{before}{words} (a long text){mark}{place}"
    return message


def key_files(settings: Settings) -> list[Path]:
    """Return the files with keys that the settings name."""
    return [path for path in (settings.keys_file, settings.api_key_file, settings.admin_key_file) if path]


def exposed_files(settings: Settings) -> list[str]:
    """Return a sentence for each file with keys that every user of this computer may read or change."""
    return [sentence for path in key_files(settings) if (sentence := exposure(path))]


def exposure(path: Path) -> str:
    """Return what everybody may do with a file with keys, and the remedy; empty if nothing, or if there is no file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    if not mode & (stat.S_IROTH | stat.S_IWOTH):
        return ""
    deed = "change" if mode & stat.S_IWOTH else "read"
    return f"Every user of this computer may {deed} the keys in {path}. Run: chmod o-rwx {path}"


def check_keys_required(settings: Settings) -> None:
    """Check that a server which others can reach asks for keys, and that there is one. Raises `SettingsError`."""
    keys = Keys(settings)
    if keys.all() or settings.allow_anonymous:
        return
    if keys.configured:
        raise SettingsError(
            f"Requests need a key, but {settings.keys_file} holds none, so nobody could use the server. Make one: "
            f"python -m services.keys --file {settings.keys_file} create NAME."
        )
    if not is_loopback(settings.host):
        raise SettingsError(
            f"The server would listen on {settings.host}, where others can reach it, and has no API key. {HOW_TO}; or "
            "set RKLLM_ALLOW_ANONYMOUS=true to let everybody use it who can reach it."
        )


def is_loopback(host: str) -> bool:
    """Return whether a server on `host` can be reached from this computer only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def file_text(keys: Iterable[Key]) -> str:
    """Return the text of a file of hashes with these `keys`."""
    lines = "".join(f"- {msgspec.json.encode(key).decode()}\n" for key in keys)
    return f"# API keys, as hashes. Written by: python -m services.keys\n{lines}"
