"""Programs that serve: start one, wait until it answers, end it with all it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 240
"""Seconds until a program must answer; Open WebUI takes a quarter of that on a busy machine."""


@contextmanager
def running(
    command: Sequence[str], folder: Path, env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, with nothing but `env`; afterwards the group is gone."""
    with log.open("a") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            end_group(process.pid)
            process.wait()


def end_group(leader: int) -> None:
    """Kill what is left of it; also one whose leader is gone."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask until `url` answers with success; fails with the program's last words when it ended or never does."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{error}: {log.read_text()[-3000:]}") from error
            time.sleep(0.2)
