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
from collections.abc import Callable, Iterator, Mapping, Sequence

from services.core.client import NOBODY, Client
from services.core.errors import EngineFailed, EngineTimeout
from services.engines.worker.loop import LINE_LIMIT

READ_SIZE = 16 * 1024
"""Bytes per read: some hundred lines, so that no other stream waits long for its turn behind a fast engine."""

PIPE_SIZE = 64 * 1024
"""Bytes a pipe holds unless told otherwise."""

WRITE_TIMEOUT = 30.0
"""Seconds a child may leave its stdin unread; our workers have a thread that does nothing but read it."""

KILL_WAIT = 10.0
"""Seconds. SIGKILL ends a process at once unless the kernel holds it in a driver call; then nothing helps."""

PUMP_WAIT = 1.0
"""Seconds for the rest of a dead child's log; it comes at once, unless a process outside its group holds the pipe."""

TAP = "WORKER_TAP"
"""Environment variable of the child: both ends (``read:write``) of a pipe for what its native library prints. A worker
that listens to its library lets it print there; what it had no time to read when it died is read here."""

log = logging.getLogger(__name__)


class Child:
    """One child process. Not thread-safe: used by the holder of the turn alone, except `alive` and `pid`."""

    stdout_flags = 0
    """Of the pipe for the child's output, for `os.pipe2`."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        name: str,
        heed: Callable[[str], None] = lambda _: None,
        keeps: Sequence[int] = (),
    ) -> None:
        """Start `argv` (never blocks on the child). Raises `EngineFailed` if it cannot be started.

        `heed` is told each line of the child's stderr, by any thread; `keeps` are file descriptors the child inherits.
        """
        stdin, self._stdin = os.pipe()
        self._stdout, stdout = os.pipe2(os.O_CLOEXEC | self.stdout_flags)
        log_end, stderr = os.pipe()
        tap_end, tap = os.pipe()
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={**env, TAP: f"{tap_end}:{tap}"},
                pass_fds=(tap_end, tap, *keeps),
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
        self.about = "-"
        """The id of the request it works for, or did last; stands in its log lines."""
        self.last_words = ""
        """The last line the child wrote to stderr: often the reason of its end."""
        self._name, self._heed, self._tap_end = name, heed, tap_end
        self._log_end, self._log_lock, self._log_rest = log_end, threading.Lock(), b""
        self._pump = threading.Thread(target=self._pump_log, daemon=True)
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

    def lines(self, heartbeat: float, client: Client = NOBODY) -> Iterator[bytes | None]:
        """Yield each line without its newline, and None after every `heartbeat` seconds of silence; never ends.

        Raises `EngineFailed` at the end of the child's output and `ClientGone` when the client leaves.
        Lines not consumed when the iterator is closed are there for the next one.
        """
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                yield line
            elif client.wait(self._stdout, heartbeat):
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
        self.take_log(at_rest=True)
        self._take_tap()
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
        self._pump.join(PUMP_WAIT)
        _close(self._stdin, self._stdout, self._tap_end)

    def _pump_log(self) -> None:
        """Copy the child's stderr to our log until it closes. Runs in a thread of its own."""
        going = True
        while going:
            NOBODY.wait(self._log_end, 3600)
            going = self.take_log()
        with self._log_lock:
            self._log([self._log_rest])
            os.close(self._log_end)
            self._log_end = -1

    def take_log(self, at_rest: bool = False) -> bool:
        """Take note of what the child has written to stderr so far; False at its end. Never blocks; for any thread.

        `at_rest`: the child writes nothing now, so a line without an end is whole.
        """
        with self._log_lock, contextlib.suppress(BlockingIOError):
            for _ in range(PIPE_SIZE // READ_SIZE if self._log_end >= 0 else 0):
                data = os.read(self._log_end, READ_SIZE)
                if not data:
                    return False
                *lines, rest = (self._log_rest + data).split(b"\n")
                self._log_rest = rest[-READ_SIZE:]
                self._log(lines)
        if at_rest:
            with self._log_lock:
                rest, self._log_rest = self._log_rest, b""
                self._log([rest])
        return True

    def _take_tap(self) -> None:
        """Take note of what the child's library printed and the child had no time to read."""
        with self._log_lock:
            self._log(_rest(self._tap_end).split(b"\n"))

    def _log(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            text = line.decode(errors="replace").strip()
            if text and not text.startswith("\0"):  # a worker's own marks in its tap
                self.last_words = text[:500]
                log.info("[%s %d %s] %s", self._name, self.pid, self.about, text)
                self._heed(text)


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
