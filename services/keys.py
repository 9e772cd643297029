"""Make, list and revoke API keys: ``python -m services.keys --file keys.yaml create NAME``.

The file contains only hashes; a key is printed once, when it is made. A running server notices the change at its
next request.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

import msgspec

from services.core.key_text import KEY_PREFIX, hash_of_key, usable_key
from services.core.keys import Key, file_text, keys_from_file
from services.core.settings import SettingsError


def main(argv: list[str] | None = None) -> None:
    """Run the program and print its answer. Ends the process with a message and code 1 where it cannot."""
    options = parser().parse_args(argv)
    if options.file is None:
        sys.exit("error: no file of keys is named. Add --file keys.yaml, or set RKLLM_KEYS_FILE in the environment.")
    try:
        print(options.do(options, keys_from_file(options.file)))
    except (SettingsError, OSError, msgspec.ValidationError) as error:
        sys.exit(f"error: {error}")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line. Its `do` is the function of the verb."""
    found = argparse.ArgumentParser(prog="python -m services.keys", description=(__doc__ or "").partition("\n")[0])
    default = os.environ.get("RKLLM_KEYS_FILE")
    found.add_argument("--file", type=Path, default=Path(default) if default else None, help="the file of keys")
    verbs = found.add_subparsers(required=True, metavar="create|list|revoke")
    make = verbs.add_parser("create", help="make a key and print it, once")
    make.add_argument("name", help="its name in the log: letters, digits, dots, dashes, underscores")
    make.add_argument("--stdin", action="store_true", help="read the key from standard input instead of making one")
    make.add_argument("--admin", action="store_true", help="allow it to load, unload, fetch and delete models")
    make.add_argument("--background", action="store_true", help="give its requests low priority")
    make.add_argument(
        "--max-waiting", type=int, default=0, metavar="N", help="requests that may wait at once; 0: no limit"
    )
    make.set_defaults(do=create)
    verbs.add_parser("list", help="print names, roles and limits").set_defaults(do=list_keys)
    remove = verbs.add_parser("revoke", help="remove a key from the file")
    remove.add_argument("name")
    remove.set_defaults(do=revoke)
    return found


def create(options: argparse.Namespace, keys: list[Key]) -> str:
    """Add a key to the file and return it; return a confirmation for one that was given on standard input.

    Raises `SettingsError` where the name is taken or the key is too short, `msgspec.ValidationError` for a name that
    is not allowed, and `OSError`.
    """
    if any(key.name == options.name for key in keys):
        raise SettingsError(f"There is already a key {options.name!r}; revoke it first, or choose another name.")
    given = sys.stdin.readline() if options.stdin else KEY_PREFIX + secrets.token_urlsafe(32)
    secret = usable_key(given.encode(), options.name)
    fields = {
        "name": options.name,
        "sha256": hash_of_key(secret),
        "role": "admin" if options.admin else "user",
        "priority": "background" if options.background else "interactive",
        "max_waiting": options.max_waiting,
    }
    save(options.file, [*keys, msgspec.convert(fields, Key)])
    return f"{options.name} is known." if options.stdin else given


def list_keys(options: argparse.Namespace, keys: list[Key]) -> str:
    """Return one line for each key, without the key itself."""
    lines = [f"{key.name}  {key.role}  {key.priority}  max_waiting={key.max_waiting or 'any'}" for key in keys]
    return "\n".join(lines) or "There are no keys."


def revoke(options: argparse.Namespace, keys: list[Key]) -> str:
    """Remove a key from the file and return a confirmation.

    Raises `SettingsError` where there is no key of this name, and `OSError`.
    """
    left = [key for key in keys if key.name != options.name]
    if len(left) == len(keys):
        raise SettingsError(
            f"There is no key {options.name!r}; there are: {', '.join(k.name for k in keys) or 'none'}."
        )
    save(options.file, left)
    return f"{options.name} is revoked."


def save(path: Path, keys: list[Key]) -> None:
    """Replace the file in one step, so that a server never reads half of it. Raises `OSError`.

    A new file is readable to its owner alone; an existing one keeps its permissions.
    """
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    part = path.with_name(f"{path.name}.part")
    part.touch(mode)
    part.write_text(file_text(keys))
    part.chmod(mode)
    part.replace(path)


if __name__ == "__main__":
    main()
