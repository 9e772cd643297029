"""A child process with a line protocol: the only user of `subprocess`.

Pipes are ours and non-blocking, and every wait is a `poll`, so the same code runs on plain threads and cooperatively
under gunicorn's gevent worker. The child leads a process group of its own: a Ctrl-C in the terminal does not reach it,
and a kill reaches whatever it started.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from services.core.client import NOBODY, Client
from services.core.errors import EngineFailed, EngineTimeout

READ_SIZE = 16 * 1024
"""Bytes per read: some hundred lines, so that no other stream waits long for its turn behind a fast engine."""

LINE_LIMIT = 4 * 1024 * 1024
"""Bytes. A longer line is no message of ours but a child that writes garbage without end."""

WRITE_TIMEOUT = 30.0
"""Seconds a child may leave its stdin unread; our workers have a thread that does nothing but read it."""

KILL_WAIT = 10.0
"""Seconds. SIGKILL ends a process at once unless the kernel holds it in a driver call; then nothing helps."""

TAP = "WORKER_TAP"
"""Environment variable of the child: both ends (``read:write``) of a pipe for what its native library prints. A worker
that listens to its library lets it print there; what it had no time to read when it died is read here."""

log = logging.getLogger(__name__)


class Child:
    """One child process. Not thread-safe: used by the holder of the turn alone, except `alive` and `pid`."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], name: str) -> None:
        """Start `argv` (never blocks on the child). Raises `EngineFailed` if it cannot be started."""
        stdin, self._stdin = os.pipe()
        self._stdout, stdout = os.pipe()
        log_end, stderr = os.pipe()
        tap_end, tap = os.pipe()
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={**env, TAP: f"{tap_end}:{tap}"},
                pass_fds=(tap_end, tap),
                start_new_session=True,
            )
        except OSError as error:
            _close(self._stdin, self._stdout, log_end, tap_end)
            raise EngineFailed(f"The engine program {argv[0]!r} could not be started: {error.strerror}.") from error
        finally:
            _close(stdin, stdout, stderr, tap)
        os.set_blocking(self._stdin, False)
        os.set_blocking(log_end, False)
        self._buffer = b""
        self._open = True
        self.last_words = ""
        """The last line the child wrote to stderr: often the reason of its end."""
        self._pump = threading.Thread(target=self._pump_log, args=(log_end, tap_end, name), daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._open and self._process.poll() is None

    def send(self, line: bytes) -> None:
        """Write `line` and a newline; blocks while the pipe is full.

        Raises `EngineFailed` when the child is gone and `EngineTimeout` when it stops reading.
        """
        data = memoryview(line + b"\n")
        deadline = time.monotonic() + WRITE_TIMEOUT
        while data:
            try:
                data = data[os.write(self._stdin, data) :]
            except BlockingIOError:
                self._wait_writable(deadline)
            except OSError as error:
                # Left alone, a BrokenPipeError would pass for a client that left: gunicorn would answer nothing.
                raise self.died() from error

    def _wait_writable(self, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._stdin, select.POLLOUT)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise EngineTimeout(f"The engine did not read its input for {WRITE_TIMEOUT:.0f} s.")

    def lines(self, beat: float, client: Client = NOBODY) -> Iterator[bytes | None]:
        """Yield each line without its newline, and None after every `beat` seconds of silence; never ends.

        Raises `EngineFailed` at the end of the child's output and `ClientGone` when the client leaves.
        Lines not consumed when the iterator is closed are there for the next one.
        """
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                yield line
            elif client.wait(self._stdout, beat):
                self._read()
            else:
                yield None

    def _read(self) -> None:
        data = os.read(self._stdout, READ_SIZE)
        if not data:
            raise self.died()
        self._buffer += data
        if len(self._buffer) > LINE_LIMIT and b"\n" not in self._buffer:
            raise EngineFailed(f"The engine wrote {len(self._buffer)} bytes without a line end; it was stopped.")

    def died(self) -> EngineFailed:
        """The sentence for a child whose pipes have closed; waits for its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
            self._pump.join(1)
        return EngineFailed(
            f"The engine process ended unexpectedly ({self.ending()}). The next request starts it anew."
        )

    def ending(self) -> str:
        """How the child ended, as ``signal SIGKILL`` or ``exit code 3``, with its last line of log if any."""
        code = self._process.poll()
        if code is None:
            how = "it closed its output"
        elif code < 0:
            how = f"signal {_signal_name(-code)}"
        else:
            how = f"exit code {code}"
        return f"{how}; its last words: {self.last_words}" if self.last_words else how

    def kill(self) -> None:
        """Kill the whole process group and wait for the child's end. Safe to call again."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            self._process.wait(KILL_WAIT)
        except subprocess.TimeoutExpired:
            log.error("Engine process %d does not die; a driver call may hold it. Reboot the board.", self.pid)
        _close(self._stdin, self._stdout)

    def _pump_log(self, fd: int, tap: int, name: str) -> None:
        """Copy the child's stderr to our log until it closes, then what lay unread in its tap. Runs in a thread."""
        pending = b""
        while True:
            NOBODY.wait(fd, 3600)
            with contextlib.suppress(BlockingIOError):
                data = os.read(fd, READ_SIZE)
                if not data:
                    break
                *lines, pending = (pending + data).split(b"\n")
                self._log(lines, name)
                pending = pending[-READ_SIZE:]
        self._log((pending + b"\n" + _rest(tap)).split(b"\n"), name)
        _close(fd, tap)

    def _log(self, lines: Sequence[bytes], name: str) -> None:
        for line in lines:
            text = line.decode(errors="replace").strip()
            if text and not text.startswith("\0"):  # a worker's own marks in its tap
                self.last_words = text[:500]
                log.info("[%s %d] %s", name, self.pid, text)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _rest(fd: int) -> bytes:
    """What lies in a pipe. Never blocks: a grandchild may still hold its other end."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    data = b""
    while poll.poll(0) and (piece := os.read(fd, READ_SIZE)):
        data += piece
    return data


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)
