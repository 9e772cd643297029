"""Run a child process with a line protocol. The only user of `subprocess`.

The pipes and the socket are our own and no wait for them blocks for longer than it says, so the same code runs on plain
threads and cooperatively under gunicorn's gevent worker. The child leads a process group of its own: a Ctrl-C in the
terminal does not reach it, and a kill reaches whatever it started.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from services.core import descriptors
from services.core.client import NOBODY, Client
from services.core.errors import EngineFailed, EngineTimeout
from services.engines.worker.child_log import ANSWER_READ_SIZE, ChildLog
from services.engines.worker.owned import owned_folder, owned_pipe
from services.engines.worker.wire import LINE_LIMIT, TAP

WRITE_TIMEOUT = 30.0
"""Seconds a child may leave its stdin unread; our workers have a thread that does nothing but read it."""

KILL_WAIT = 10.0
"""Seconds. SIGKILL ends a process at once unless it is inside a driver call; then nothing helps."""

FLOW_WAIT = 0.1
"""Seconds between two looks at the client while lines flow. In between, only the child is waited for: under gevent the
wait for one socket saves 6 % of the CPU time of a token, measured against a `poll` of two."""

LOG_WAIT = 1.0
"""Seconds for the rest of a dead child's log; it comes at once, unless a process of another group has the pipe open."""

log = logging.getLogger(__name__)


class Child:
    """Run one child process. Not thread-safe: the holder of the slot uses it alone, but for `alive` and `pid`."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        name: str,
        on_log: Callable[[str], None] = lambda _: None,
        inherited: Sequence[int] = (),
    ) -> None:
        """Start `argv` (never blocks on the child).

        Raises `EngineFailed` if it cannot be started, and `Unavailable` where no file descriptor is left; then nothing
        of it stays open.

        Its log lines begin with `name`. `on_log` gets each of them, in any thread; `inherited` are file descriptors
        that the child keeps open. Its temporary files go into a folder of its own, which goes with it.
        """
        self._held = contextlib.ExitStack()
        """What this object closes at the child's end."""
        try:
            with contextlib.ExitStack() as undo, descriptors.needed():
                undo.enter_context(self._held)
                log_end = self._spawn(argv, env, inherited, undo)
                undo.pop_all()
        except OSError as error:
            raise EngineFailed(f"The engine program {argv[0]!r} could not be started: {error.strerror}.") from error
        self._buffer = b""
        self._open = True
        self.log = ChildLog(log_end, name, self._process.pid, on_log)

    def _spawn(
        self, argv: Sequence[str], env: Mapping[str, str], inherited: Sequence[int], undo: contextlib.ExitStack
    ) -> int:
        """Start the process with its pipes and its folder; return our end of its log. Raises `OSError`."""
        held = self._held
        folder = owned_folder(held)
        with contextlib.ExitStack() as ends:
            stdin, self._stdin = owned_pipe(ends, held)
            stdout = self._open_output()
            ends.callback(os.close, stdout)
            held.callback(self._close_output)
            log_end, stderr = owned_pipe(undo, ends)  # `ChildLog` closes our end
            self._tap_end, tap = owned_pipe(held, ends)
            self._process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={**env, TAP: f"{self._tap_end}:{tap}", "TMPDIR": folder},
                pass_fds=(self._tap_end, tap, *inherited),
                start_new_session=True,
            )
        os.set_blocking(self._stdin, False)
        os.set_blocking(log_end, False)
        return log_end

    def _open_output(self) -> int:
        """Open the channel for the child's output, and return the child's end of it.

        A socket, since its `recv` is the cheapest wait that both threads and gevent have.
        """
        self._output, end = socket.socketpair()
        return end.detach()

    def _close_output(self) -> None:
        """Close our end of that channel."""
        self._output.close()

    @property
    def pid(self) -> int:
        """Return the id of the process. Never blocks."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Return whether the process runs and was not killed here. Never blocks."""
        return self._open and self._process.poll() is None

    def send(self, line: bytes) -> None:
        """Write `line` and a newline. Blocks while the pipe is full.

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
        self._output.settimeout(FLOW_WAIT)
        client_watched = 0.0
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                yield line
                continue
            if time.monotonic() - client_watched < FLOW_WAIT and self._receive():
                continue
            if client.wait(self._output.fileno(), heartbeat):
                self._receive()
            elif self._process.poll() is not None and not self._receive():
                # It ended, and a process that it started holds its output open.
                raise self.died()
            else:
                yield None
            client_watched = time.monotonic()

    def _receive(self) -> bool:
        """Return whether more of the output is in the buffer now. Blocks for `FLOW_WAIT` at most."""
        try:
            data = self._output.recv(ANSWER_READ_SIZE)
        except TimeoutError:
            return False
        if not data:
            raise self.died()
        self._buffer += data
        if len(self._buffer) > LINE_LIMIT and b"\n" not in self._buffer:
            raise EngineFailed(f"The engine wrote {len(self._buffer)} bytes without a line end; it was stopped.")
        return True

    def died(self) -> EngineFailed:
        """Return the error for a child whose pipes have closed. Waits up to 1 s for its exit status."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self.log.take(at_rest=True)
        # What its library printed and it had no time to read.
        self.log.take_rest(self._tap_end)
        return EngineFailed(
            f"The engine process ended unexpectedly ({self.ending()}). The next request starts it anew."
        )

    def ending(self) -> str:
        """Return how the child ended, as ``signal SIGKILL`` or ``exit code 3``, with its last line of log if any."""
        code = self._process.poll()
        if code is None:
            how = "it closed its output"
        elif code < 0:
            how = f"signal {_signal_name(-code)}"
        else:
            how = f"exit code {code}"
        return f"{how}; the last line of its log: {self.log.last_line}" if self.log.last_line else how

    def kill(self) -> None:
        """Kill the whole process group and wait for the child's end (milliseconds, at most `KILL_WAIT`).

        May be called twice.
        """
        if not self._open:
            return
        self._open = False
        self._kill_group()
        try:
            self._process.wait(KILL_WAIT)
        except subprocess.TimeoutExpired:
            log.error(
                "The engine process %d was killed and still runs; a driver call may block it. Reboot the board.",
                self.pid,
            )
        self.log.join(LOG_WAIT)
        self._held.close()

    def _kill_group(self) -> None:
        # A process with the id of one that has ended is another program's, and then our group has no member left.
        if self._process.poll() is None or not os.path.exists(f"/proc/{self.pid}"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
