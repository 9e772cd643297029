"""Create the secrets of the stack, each once. Standard library only; runs in a container that exits when it is done.

    python3 scripts/make_secrets.py FOLDER

Each secret is a file in a volume that only its reader mounts, so it is in no `docker inspect` and in no file of the
repository. The script never changes an existing secret. It copies a secret with two readers to the second one. Every
user inside a container can read the files: each volume has one reader, whose user id depends on its image. On the host
only root can read Docker's folder.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
from pathlib import Path

ALPHABET = "abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
"""Letters and digits that are easy to tell apart on a screen."""


def password() -> str:
    """Return a password of twenty characters (112 bits) in groups of five."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))


def key() -> str:
    """Return a key of 64 hexadecimal digits."""
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
"""The API server gets a copy of the key that Open WebUI sends."""


OWN = ("api/admin_key", "api/open-webui")
"""The files whose reader runs as the same user as this program, so that nobody else needs them."""


def write(path: Path, value: str) -> bool:
    """Write `value` if the file is missing or empty; return whether it was written. Raise `OSError`."""
    if path.exists() and path.stat().st_size:
        return False
    place(path, value)
    return True


def place(path: Path, value: str) -> None:
    """Write the file completely or not at all. Raise `OSError`."""
    part = path.with_suffix(".part")
    part.write_text(value)
    part.chmod(0o444)
    part.replace(path)


def copy(path: Path, value: str) -> bool:
    """Write `value` if the file has another one or none; return whether it was written. Raise `OSError`."""
    if path.exists() and path.read_text() == value:
        return False
    place(path, value)
    return True


def make(folder: Path) -> list[str]:
    """Create the missing secrets below `folder`; return their names. Raise `OSError`."""
    made = [name for name, new in SECRETS.items() if write(folder / name, new())]
    copied = [name for name, first in COPIES.items() if copy(folder / name, (folder / first).read_text())]
    for name in OWN:
        # Files of an older version, or of a backup, may belong to another user.
        with contextlib.suppress(PermissionError):
            (folder / name).chmod(0o400)
    return made + copied


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="contains one folder for each reader")
    folder: Path = parser.parse_args().folder
    try:
        made = make(folder)
    except OSError as error:
        sys.exit(f"error: the secrets cannot be written: {error}. User {os.getuid()} must own the volume.")
    print(f"Created secrets: {', '.join(made)}" if made else "All secrets exist already.")
