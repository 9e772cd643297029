"""Open what a child process needs, each with an owner that closes it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack


def owned_pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """Open a pipe, and have each end closed with its stack. Raises `OSError`."""
    read_end, write_end = os.pipe()
    reader.callback(os.close, read_end)
    writer.callback(os.close, write_end)
    return read_end, write_end


def owned_folder(owner: ExitStack) -> str:
    """Make a folder for temporary files, and have it removed with the stack. Raises `OSError`."""
    folder = tempfile.mkdtemp(prefix="rkllm-")
    owner.callback(remove, folder)
    return folder


def remove(folder: str) -> None:
    """Remove `folder` as far as it can be removed. Blocks for as long as its files take."""
    try:
        os.rmdir(folder)  # mostly it is empty, and this needs no descriptor
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
