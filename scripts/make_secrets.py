"""Make the stack's secrets, once each. Standard library only; runs in a container that ends at once.

    python3 scripts/make_secrets.py FOLDER

Each secret is a file in a volume that only its reader mounts, so it shows up in no `docker inspect` and in no file of
the repository. One that exists is never changed; one with two readers is made for the first and copied for the other.
Files are readable to all inside: each volume has one reader, whose user id is its image's business, and on the host
Docker's folder is closed to everyone but root.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

ALPHABET = "abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
"""Letters and digits that nobody confuses when reading them from a screen."""


def password() -> str:
    """Twenty characters, 112 bits, in groups of five."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))


def key() -> str:
    return secrets.token_hex(32)


SECRETS = {
    "open-webui/secret_key": key,
    "open-webui/admin_password": password,
    "open-webui/api_key": key,
    "searxng/secret_key": key,
    "grafana/admin_password": password,
    "api/admin_key": key,
}

COPIES = {"api/open-webui": "open-webui/api_key"}
"""What Open WebUI sends, for the API server to know it by."""


def write(path: Path, value: str) -> bool:
    """Whether it was written; an empty file counts as none. Raises `OSError`."""
    if path.exists() and path.stat().st_size:
        return False
    place(path, value)
    return True


def place(path: Path, value: str) -> None:
    """Whole or not at all. Raises `OSError`."""
    part = path.with_suffix(".part")
    part.write_text(value)
    part.chmod(0o444)
    part.replace(path)


def copy(path: Path, value: str) -> bool:
    """Whether there was another value, or none."""
    if path.exists() and path.read_text() == value:
        return False
    place(path, value)
    return True


def make(folder: Path) -> list[str]:
    """The names of the secrets that were made now."""
    made = [name for name, new in SECRETS.items() if write(folder / name, new())]
    copied = [name for name, first in COPIES.items() if copy(folder / name, (folder / first).read_text())]
    return made + copied


if __name__ == "__main__":
    try:
        made = make(Path(sys.argv[1]))
    except OSError as error:
        sys.exit(f"error: the secrets cannot be written: {error}. The volume must belong to user {os.getuid()}.")
    print(f"made: {', '.join(made)}" if made else "all secrets are there")
