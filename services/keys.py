"""Make, list and revoke API keys: ``python -m services.keys --file keys.yaml create NAME``.

The file holds hashes alone; a key is printed once, when it is made. A running server notices the change at its next
request.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

import msgspec

from services.core.keys import KEY_PREFIX, SHORTEST, Key, digest, from_file, written
from services.core.settings import SettingsError


def main(argv: list[str] | None = None) -> None:
    options = parser().parse_args(argv)
    if options.file is None:
        sys.exit("error: no file of keys. Name it: --file keys.yaml, or RKLLM_KEYS_FILE in the environment.")
    try:
        print(options.do(options, from_file(options.file)))
    except (SettingsError, OSError, msgspec.ValidationError) as error:
        sys.exit(f"error: {error}")


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m services.keys", description=(__doc__ or "").partition("\n")[0])
    default = os.environ.get("RKLLM_KEYS_FILE")
    found.add_argument("--file", type=Path, default=Path(default) if default else None, help="the file of keys")
    verbs = found.add_subparsers(required=True, metavar="create|list|revoke")
    make = verbs.add_parser("create", help="make a key and print it, once")
    make.add_argument("name", help="for the log: letters, digits, dots, dashes")
    make.add_argument("--stdin", action="store_true", help="read the key instead, as another computer knows it")
    make.add_argument("--admin", action="store_true", help="may load, unload, fetch and delete models")
    make.add_argument("--background", action="store_true", help="waits behind all keys that are not")
    make.add_argument("--max-waiting", type=int, default=0, metavar="N", help="requests that may wait at once; 0: any")
    make.set_defaults(do=create)
    verbs.add_parser("list", help="names and roles").set_defaults(do=listed)
    end = verbs.add_parser("revoke", help="take a key out of the file")
    end.add_argument("name")
    end.set_defaults(do=revoke)
    return found


def create(options: argparse.Namespace, keys: list[Key]) -> str:
    """The new key, or a word about a given one.

    Raises `SettingsError` where the name is taken, `msgspec.ValidationError` where it cannot be one.
    """
    if any(key.name == options.name for key in keys):
        raise SettingsError(f"There is a key {options.name!r} already; revoke it first, or choose another name.")
    secret = sys.stdin.readline().strip() if options.stdin else KEY_PREFIX + secrets.token_urlsafe(32)
    if len(secret) < SHORTEST:
        raise SettingsError(f"The key has {len(secret)} characters; needed are at least {SHORTEST}.")
    line = {
        "name": options.name,
        "sha256": digest(secret.encode()),
        "role": "admin" if options.admin else "user",
        "priority": "background" if options.background else "interactive",
        "max_waiting": options.max_waiting,
    }
    save(options.file, [*keys, msgspec.convert(line, Key)])
    return f"{options.name} is known." if options.stdin else secret


def listed(options: argparse.Namespace, keys: list[Key]) -> str:
    lines = [f"{key.name}  {key.role}  {key.priority}  max_waiting={key.max_waiting or 'any'}" for key in keys]
    return "\n".join(lines) or "There are no keys."


def revoke(options: argparse.Namespace, keys: list[Key]) -> str:
    """Raises `SettingsError` where there is no such key."""
    left = [key for key in keys if key.name != options.name]
    if len(left) == len(keys):
        raise SettingsError(
            f"There is no key {options.name!r}; there are: {', '.join(k.name for k in keys) or 'none'}."
        )
    save(options.file, left)
    return f"{options.name} is revoked."


def save(path: Path, keys: list[Key]) -> None:
    """Whole or not at all; readable to the owner alone, as an earlier file of that name was. Raises `OSError`."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    part = path.with_name(f"{path.name}.part")
    part.touch(mode)
    part.write_text(written(keys))
    part.chmod(mode)
    part.replace(path)


if __name__ == "__main__":
    main()
