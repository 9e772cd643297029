"""Start the processes of a benchmark, measure what they use, and end them for certain."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.engines import ROOT, children_of
from tests.ports import free_port

OURS = ("-c", str(ROOT / "services" / "gunicorn_conf.py"))
BARE = ("--worker-class", "gevent", "--no-control-socket")
"""gunicorn's arguments for the server, and for a worker without it."""

END_WAIT = 5.0
"""Seconds that a process has to end after SIGTERM."""


def environment(models_dir: Path, **settings: object) -> dict[str, str]:
    """Return our environment with these settings of the server, without any that are set outside."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RKLLM_")}
    ours = {f"RKLLM_{name.upper()}": str(value) for name, value in settings.items()}
    return {**outside, "RKLLM_HOST": "127.0.0.1", "RKLLM_MODELS_DIR": str(models_dir), **ours}


class Server:
    """A running server: its port, and the process that runs our code."""

    def __init__(self, port: int, pid: int) -> None:
        """Keep the port and the process id."""
        self.port = port
        self.pid = pid
        """gunicorn's worker, the API process."""

    def cpu(self) -> float:
        """Return the API process's seconds of processor time without its children, in steps of 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> float:
        """Return the resident memory of the API process in MB."""
        return rss(self.pid)


def rss(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(kib) * 1024 / 1e6


@contextlib.contextmanager
def serving(app: str, env: Mapping[str, str], log: Path, config: Sequence[str] = OURS) -> Iterator[Server]:
    """Run gunicorn with the application `app` until the end of the block.

    Blocks until the application prints that it is ready. Raises `RuntimeError` where it does not start.
    """
    port = free_port()
    argv = [sys.executable, "-m", "gunicorn", *config, "--bind", f"127.0.0.1:{port}", app]
    with start_process(argv, {**env, "RKLLM_PORT": str(port)}, log) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError(f"The server did not start:\n{log.read_text()}")
        (worker,) = children_of(process.pid)
        yield Server(port, worker)


@contextlib.contextmanager
def start_process(argv: list[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a child with pipes until the end of the block, in its own session: Ctrl-C reaches it only through us."""
    with log.open("a") as errors:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End a process and its children: SIGTERM first, SIGKILL after `END_WAIT` seconds. Blocks.

    Engines end by themselves when the pipe to their parent closes.
    """
    children = children_of(process.pid)
    engines = {engine for child in children for engine in children_of(child)}
    process.terminate()
    try:
        process.wait(END_WAIT)
    except subprocess.TimeoutExpired:
        for pid in (process.pid, *children, *engines):
            kill(pid)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def kill(pid: int) -> None:
    """Kill a process that may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
