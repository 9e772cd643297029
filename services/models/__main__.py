"""Run ``python -m services.models list|add|verify|remove``: fetch models of the manifest and remove them.

The exit code is 0 on success, else 1 with one sentence on stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from services.models import board, fetch, manifest
from services.models.manifest import MANIFEST, Entry, ManifestError
from services.models.store import Store


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Return the options and the verb. Exits with a usage message where they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m services.models", description="Fetch, verify and remove models.")
    default = os.environ.get("RKLLM_MODELS_DIR") or "~/models"
    parser.add_argument("--models-dir", type=Path, default=Path(default).expanduser())
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="show the models of the manifest, which fit this machine and which were fetched")
    add = verbs.add_parser("add", help="fetch a model")
    add.add_argument("id")
    add.add_argument("--from", dest="source", type=Path, help="a folder with the files, instead of the network")
    add.add_argument("--any-soc", action="store_true", help="fetch it even if this machine cannot run it")
    verbs.add_parser("verify", help="compare fetched models with their checksums").add_argument("ids", nargs="*")
    verbs.add_parser("remove", help="delete a fetched model").add_argument("id")
    return parser.parse_args(argv)


def format_row(entry: Entry, soc: str, memory: int, fetched: bool) -> str:
    """Return the line of ``list`` about `entry` for a machine with the chip `soc` and `memory` MiB."""
    status = "fetched" if fetched else "fits" if entry.soc in ("any", soc) and entry.memory < memory else "-"
    note = "" if entry.sha256 else "  (checksum taken from the hub at the first download)"
    return f"{status:8} {entry.id:28} {entry.soc:7} {entry.size / 1e9:5.1f} GB  {entry.licence:12} {entry.name}{note}"


def print_list(store: Store, entries: dict[str, Entry]) -> None:
    """Print the machine, then one line per model of the manifest."""
    soc, memory = board.soc(), board.memory_mb()
    fetched = dict(store.installed())
    print(f"This machine: {soc.upper() or 'no supported board'}, {memory} MB. Models folder: {store.folder}")
    for entry in entries.values():
        print(format_row(entry, soc, memory, entry.id in fetched))


def add(store: Store, entries: dict[str, Entry], options: argparse.Namespace) -> None:
    """Fetch the model that `options` name. Blocks for the whole download. Raises `ManifestError` and `OSError`."""
    entry = manifest.find_entry(entries, options.id)
    if not options.any_soc:
        manifest.check_soc(entry, board.soc())
    print(f"{entry.name} from {entry.repository}: {entry.size / 1e9:.1f} GB, licence {entry.licence}", flush=True)
    checksum = fetch.fetch_model(store, entry, fetch.from_folder(options.source) if options.source else fetch.from_hub)
    # The Ollama API's pull looks for the beginning of this line.
    print(f"{entry.id} is there; sha256 {checksum}" + ("" if entry.sha256 else " (as the hub reports it)"))


def verify(store: Store, ids: list[str]) -> None:
    """Verify the models `ids`, all fetched ones if there are none. Blocks. Raises `ManifestError` and `OSError`."""
    for model in ids or [name for name, _ in store.installed()]:
        print(f"{model}: whole, sha256 {store.verify(model)}")


def main(argv: list[str]) -> None:
    """Run the command. Raises `ManifestError` and `OSError`."""
    options = parse_arguments(argv)
    store = Store(options.models_dir)
    if options.verb == "list":
        print_list(store, manifest.load_manifest(options.manifest))
    elif options.verb == "add":
        add(store, manifest.load_manifest(options.manifest), options)
    elif options.verb == "verify":
        verify(store, options.ids)
    else:
        freed, stays = store.remove(options.id)
        print(f"{options.id} removed; {freed / 1e9:.1f} GB freed")
        if stays:
            print(f"{store.model_folder(options.id)} stays, since it has files that were not fetched: {stays}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ManifestError, OSError) as error:
        sys.exit(f"error: {error}")
