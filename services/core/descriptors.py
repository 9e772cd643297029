"""Say that the server has no file descriptors left, wherever it opens one for a request."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from services.core.errors import Unavailable

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE})
"""What the kernel says where this process, or the machine, has as many files open as it may."""


class NoDescriptors(Unavailable):
    """The server can open no more files and connections at present."""

    retry_after = 5

    def __init__(self) -> None:
        """Say the same for every file: which one was the first too many is chance."""
        super().__init__(
            "The server has as many files and connections open as it may. Please retry shortly; the owner of the "
            "server can raise its limit (ulimit -n, LimitNOFILE)."
        )


@contextlib.contextmanager
def needed() -> Iterator[None]:
    """Raise `NoDescriptors` where an `OSError` in the block says that none is left. Never blocks."""
    try:
        yield
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise NoDescriptors from error
        raise
