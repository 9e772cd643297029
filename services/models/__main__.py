"""``python -m services.models list|add|verify|remove``: models of the manifest, into the models folder and out of it.

Exit code 0 when all was done, 1 with one sentence when not.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from services.models import board, fetch, manifest
from services.models.manifest import MANIFEST, Entry, ManifestError
from services.models.store import Store


def parsed(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.models", description="Fetch and keep models.")
    default = os.environ.get("RKLLM_MODELS_DIR") or "~/models"
    parser.add_argument("--models-dir", type=Path, default=Path(default).expanduser())
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="what there is for this machine, and what was fetched")
    add = verbs.add_parser("add", help="fetch a model")
    add.add_argument("id")
    add.add_argument("--from", dest="source", type=Path, help="a folder that holds the files; no network")
    add.add_argument("--any-soc", action="store_true", help="also one that this machine cannot run")
    verbs.add_parser("verify", help="compare the checksums of what was fetched").add_argument("ids", nargs="*")
    verbs.add_parser("remove", help="delete a fetched model").add_argument("id")
    return parser.parse_args(argv)


def row(entry: Entry, soc: str, memory: int, fetched: bool) -> str:
    fits = "fetched" if fetched else "fits" if entry.soc in ("any", soc) and entry.memory < memory else "-"
    mark = "" if entry.sha256 else "  (checksum taken from the hub at the first download)"
    return f"{fits:8} {entry.id:28} {entry.soc:7} {entry.size / 1e9:5.1f} GB  {entry.licence:12} {entry.name}{mark}"


def show(store: Store, entries: dict[str, Entry]) -> None:
    soc, memory = board.soc(), board.memory_mb()
    fetched = dict(store.installed())
    print(f"This machine: {soc.upper() or 'no board'}, {memory} MB. Models folder: {store.folder}")
    for entry in entries.values():
        print(row(entry, soc, memory, entry.id in fetched))


def add(store: Store, entries: dict[str, Entry], options: argparse.Namespace) -> None:
    entry = manifest.entry(entries, options.id)
    if not options.any_soc:
        manifest.check_soc(entry, board.soc())
    print(f"{entry.name} from {entry.repository}: {entry.size / 1e9:.1f} GB, licence {entry.licence}", flush=True)
    checksum = fetch.add(store, entry, fetch.from_folder(options.source) if options.source else fetch.from_hub)
    print(f"{entry.id} is there; sha256 {checksum}" + ("" if entry.sha256 else " (as the hub tells it)"))


def verify(store: Store, ids: list[str]) -> None:
    for model in ids or [name for name, _ in store.installed()]:
        print(f"{model}: whole, sha256 {store.verify(model)}")


def main(argv: list[str]) -> None:
    options = parsed(argv)
    store = Store(options.models_dir)
    if options.verb == "list":
        show(store, manifest.load(options.manifest))
    elif options.verb == "add":
        add(store, manifest.load(options.manifest), options)
    elif options.verb == "verify":
        verify(store, options.ids)
    else:
        print(f"{options.id} removed; {store.remove(options.id) / 1e9:.1f} GB freed")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ManifestError, OSError) as error:
        sys.exit(f"error: {error}")
