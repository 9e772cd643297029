"""The command ``python -m bench [--quick]``: measure, then print the machine and one table. Asserts nothing."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from types import FrameType

from bench import fake_rows, llama_rows, npu_rows
from bench.table import Row, machine, table

LIMIT, QUICK_LIMIT = 235, 55
"""Seconds after which it stops and prints the rows it has."""


class TimeUp(Exception):
    """The time limit has passed."""


def on_alarm(_number: int, _frame: FrameType | None) -> None:
    """Raise `TimeUp`, as a signal handler."""
    raise TimeUp


def on_term(number: int, _frame: FrameType | None) -> None:
    """Exit through the context managers, which end the child processes, as a signal handler."""
    sys.exit(128 + number)


def rows(quick: bool, folder: Path) -> Generator[Row]:
    """Yield all measurements; `folder` is for models and logs. Blocks."""
    yield from fake_rows.rows(fake_rows.QUICK if quick else fake_rows.FULL, folder)
    yield from llama_rows.rows(2 if quick else 8, 10 if quick else 60, folder)
    yield from npu_rows.rows(quick, folder / "npu")


def measure(quick: bool) -> tuple[list[Row], bool]:
    """Return the rows, and whether they are complete. Blocks; no process of it is left when it returns or raises."""
    measured: list[Row] = []
    signal.alarm(QUICK_LIMIT if quick else LIMIT)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="rkllm-bench-") as folder,
            closing(rows(quick, Path(folder))) as all_rows,
        ):
            for row in all_rows:
                measured.append(row)
                print(f"  {row.name}", file=sys.stderr, flush=True)
    except TimeUp:
        return measured, False
    finally:
        signal.alarm(0)
    return measured, True


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what the server costs.")
    parser.add_argument("--quick", action="store_true", help="less than a minute, coarser numbers")
    quick: bool = parser.parse_args().quick
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_term)
    environment = machine()
    measured, complete = measure(quick)
    print(f"{environment}\n\n{table(measured)}\n")
    print("Ratio: value / baseline of the same run. Reference: the replaced server, measured on another machine.")
    if not complete:
        print("The time limit passed before the last rows. The machine may be busy: run it again when it is idle.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
