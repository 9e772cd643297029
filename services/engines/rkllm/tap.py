"""Read what librkllmrt prints, and copy it on to our log. Standard library only.

The library reports much in its prints alone (`engines.npu.reports`). It writes to both standard streams, of which one
is block-buffered, and does not end every line.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import threading
from collections import deque

from services.engines.worker.wire import TAP

KEPT = 400
"""Lines; an init prints ten, a run at log level 2 some more."""

READ_SIZE = 65536

LINE_BUFFERED = 1
"""_IOLBF of stdio.h."""

MARK = re.compile(rb"\n\0\d+\0(?=\n)")
"""What `Tap.lines` writes into the stream to know how far it was read."""


class Tap:
    """Keep the library's last lines."""

    def __init__(self) -> None:
        """Take over file descriptors 1 and 2 of this process; all that comes there is copied to the old 2."""
        self._log = os.dup(2)
        # The parent's pipe, if there is one: it reads what is left in it when this process has crashed.
        given = os.environ.get(TAP)
        read_end, self._write_end = map(int, given.split(":")) if given else os.pipe()
        os.dup2(self._write_end, 1)
        os.dup2(self._write_end, 2)
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._synced: dict[bytes, threading.Event] = {}
        self._marks = itertools.count()
        self._libc = ctypes.CDLL(None)
        # Over a pipe the C library would keep stdout's lines until it has 4096 bytes of them. The buffer is ours since
        # that of an unbuffered stream (PYTHONUNBUFFERED) would be one byte.
        self._buffer = ctypes.create_string_buffer(4096)
        stdout = ctypes.c_void_p.in_dll(self._libc, "stdout")
        self._libc.setvbuf(stdout, self._buffer, LINE_BUFFERED, ctypes.c_size_t(4096))
        threading.Thread(target=self._pump, args=(read_end,), daemon=True).start()

    def clear(self) -> None:
        """Forget the lines so far: what is printed from now on belongs to what is done from now on."""
        self.lines()
        self._lines.clear()

    def say(self, text: str) -> None:
        """Write a line of our own to the log."""
        os.write(self._log, text.encode() + b"\n")

    def lines(self) -> list[str]:
        """Return all lines kept, to the last one printed before this call. Blocks for microseconds."""
        self._libc.fflush(None)
        mark = b"\0%d\0" % next(self._marks)
        seen = self._synced[mark] = threading.Event()
        os.write(self._write_end, b"\n" + mark + b"\n")
        seen.wait()
        return list(self._lines)

    def _pump(self, read_end: int) -> None:
        pending = b""
        while data := self._copied(read_end):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._take(line)

    def _copied(self, read_end: int) -> bytes:
        """Wait for data, copy it to the log and return it.

        Between two pipes the kernel copies it, and only then it is taken out: a library's last line before it crashes
        says most of its cause, and here it cannot get lost on the way.
        """
        length = self._libc.tee(read_end, self._log, ctypes.c_size_t(READ_SIZE), 0)
        data = os.read(read_end, length if length > 0 else READ_SIZE)
        if length <= 0:
            os.write(self._log, MARK.sub(b"", data))
        return data

    def _take(self, line: bytes) -> None:
        if waiting := self._synced.pop(line, None):
            waiting.set()
        elif text := line.decode(errors="replace").strip():
            self._lines.append(text)
