"""Open and read files that the owner placed: settings, keys, models. Nothing in them makes the server wait or grow."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

OF_THE_FILE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
    }
)
"""Numbers of the errors that say something of a file. All others say that the machine or its disk fails just now."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises `OSError`, also for a pipe or a device, whose reader could wait for ever.

    Blocks no longer than the disk does.
    """
    return open(path, "rb", opener=regular_descriptor)


def regular_descriptor(path: str, flags: int) -> int:
    """Open `path` and return the descriptor. Raises as `open_regular`."""
    # Without O_NONBLOCK the call itself waits for somebody who writes into a pipe.
    found = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(found).st_mode):
        return found
    os.close(found)
    raise OSError(errno.EINVAL, "it is no regular file", path)


def read_beginning(file: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes of an opened regular file, fewer at its end. Blocks as the disk does.

    Raises `OSError`, also where the file would let its reader wait, as some of /proc do.
    """
    data = cast("bytes | None", file.read(size))
    if data is None:
        raise OSError(errno.EINVAL, "it has no content that can be read without waiting")
    return data


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes. Blocks as `open_regular`. Raises `OSError`."""
    with open_regular(path) as file:
        data = read_beginning(file, limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", str(path))
    return data


def is_passing(error: OSError) -> bool:
    """Return whether the cause of `error` is the machine or the disk, so that the same call may succeed later."""
    return error.errno not in OF_THE_FILE and error.errno != errno.EFBIG
