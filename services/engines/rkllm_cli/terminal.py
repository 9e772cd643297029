"""Run a child that works as at a terminal: it writes a prompt, reads a line, answers, and writes the prompt again.

Nothing marks the end of an answer: it is over when the child reads again. Its stdin is a pipe with room for one page,
and once it has read its line, one blank is written ahead. The pipe is full then, and can be written again at the moment
the child reads that blank: by then it has written all of its answer. No text in an answer can look like this, and no
clock is involved. The blank becomes the first character of the next line.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import select
import time
from collections.abc import Iterator
from itertools import islice

from services.core.client import NOBODY, Client
from services.engines.worker.child import WRITE_TIMEOUT, Child
from services.engines.worker.child_log import ANSWER_READ_SIZE

AHEAD = b" "
"""Written ahead of each line. It also keeps a line from being a command: ``exit`` is one, `` exit`` is none."""


PACKET_SIZE = max(ANSWER_READ_SIZE, mmap.PAGESIZE)
"""Bytes per read. A packet has a page at most, and what a shorter read leaves of it is lost."""

PACKETS = 64
"""Writes of a child that a pipe takes at most, with some to spare: one that prints without end is not waited for."""


class TerminalChild(Child):
    """Write lines with `submit`, and read with `output` what the child writes, in the pieces in which it wrote them."""

    def _open_output(self) -> int:
        # O_DIRECT makes each write of the child a packet of its own, and so a token of an unbuffered child countable.
        self._stdout, end = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)
        return end

    def _close_output(self) -> None:
        os.close(self._stdout)

    def listen(self) -> None:
        """Prepare the pipes. Called once, right after the start, before the child reads anything."""
        fcntl.fcntl(self._stdin, fcntl.F_SETPIPE_SZ, 1)  # rounded up to a page
        os.set_blocking(self._stdout, False)
        self._write_ahead()

    def submit(self, line: bytes) -> None:
        """Send `line`. Blocks until the child has read it; raises as `send` does.

        What the child has printed since its last answer is dropped: it is no part of the next one.
        """
        for _ in islice(self._packets(), PACKETS):
            pass
        self.send(line)
        deadline = time.monotonic() + WRITE_TIMEOUT
        while not self._taken():
            self._wait_writable(deadline)
        self._write_ahead()

    def output(self, heartbeat: float, client: Client = NOBODY) -> Iterator[bytes | None]:
        """Yield what the child writes until it reads again, and None after every `heartbeat` seconds of silence.

        Raises as `lines` does.
        """
        while True:
            ready = client.wait(self._stdout, heartbeat, self._stdin)
            # In this order: what was written before the child read is in the pipe by now.
            taken = self._taken() if ready else 0
            yield from self._packets()
            ended = taken & select.POLLERR if ready else self._process.poll() is not None
            if ended:
                # A process that it started holds its output open.
                raise self.died()
            if taken:
                return
            if not ready:
                yield None

    def _packets(self) -> Iterator[bytes]:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._stdout, PACKET_SIZE):
                yield data
            raise self.died()

    def _taken(self) -> int:
        """Return 0 as long as the child has yet to read what was written to it. Never blocks.

        Else ``POLLOUT`` is in the result, and ``POLLERR`` if nobody will read any more.
        """
        poll = select.poll()
        poll.register(self._stdin, select.POLLOUT)
        return sum(events for _, events in poll.poll(0))

    def _write_ahead(self) -> None:
        # To a child that is gone nothing can be written; `output` raises how it ended.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._stdin, AHEAD)
