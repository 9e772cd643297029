"""Take one API key as its owner wrote it, and know it by its hash alone. Pure."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from hashlib import sha256

from services.core.settings import SettingsError

KEY_PREFIX = "rk-"
"""The first characters of every key that `services.keys` makes."""

MIN_LENGTH = 16
"""Characters that a key must have at least; a shorter one could be guessed."""

UNSENDABLE = re.compile(rb"[\x00-\x1f\x7f]")
"""Bytes that no header has."""


def hash_of_key(secret: bytes) -> str:
    """Return the SHA-256 of a key in hexadecimal."""
    return sha256(secret).hexdigest()


def usable_key(text: bytes, setting: str) -> bytes:
    """Return the key in `text`, without the blanks and the mark of UTF-8 that editors put around it.

    Raises `SettingsError` for a key that is too short, or that no request could send.
    """
    secret = text.removeprefix(BOM_UTF8).strip()
    if len(secret) < MIN_LENGTH:
        raise SettingsError(
            f"{setting}: the key has {len(secret)} characters; it needs at least {MIN_LENGTH}. "
            "'openssl rand -hex 32' makes a good one."
        )
    if UNSENDABLE.search(secret):
        raise SettingsError(
            f"{setting}: the key has a line end or another control character inside, which no request can send. Write "
            "the key alone, in one line of UTF-8."
        )
    return secret
