"""``python -m bench [--quick]``: measure, then print the environment and one table. Asserts nothing about time."""

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
"""Seconds after which the rows so far are printed."""


class TimeUp(Exception):
    pass


def on_alarm(number: int, frame: FrameType | None) -> None:
    raise TimeUp


def on_term(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def rows(quick: bool, folder: Path) -> Generator[Row]:
    yield from fake_rows.rows(fake_rows.QUICK if quick else fake_rows.FULL, folder)
    yield from llama_rows.rows(2 if quick else 8, 10 if quick else 60, folder)
    yield from npu_rows.rows(quick, folder / "npu")


def measure(quick: bool) -> tuple[list[Row], bool]:
    """The rows, and whether they are all. Every process it started has ended when it returns or raises."""
    found: list[Row] = []
    signal.alarm(QUICK_LIMIT if quick else LIMIT)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="rkllm-bench-") as folder,
            closing(rows(quick, Path(folder))) as all_rows,
        ):
            for row in all_rows:
                found.append(row)
                print(f"  {row.name}", file=sys.stderr, flush=True)
    except TimeUp:
        return found, False
    finally:
        signal.alarm(0)
    return found, True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What the server costs; docs/benchmarks.md")
    parser.add_argument("--quick", action="store_true", help="less than a minute, coarser numbers")
    quick: bool = parser.parse_args().quick
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_term)
    environment = machine()
    found, complete = measure(quick)
    print(f"{environment}\n\n{table(found)}\n")
    print("Ratio: value / baseline of the same run. Reference: to beat, as measured on another machine.")
    if not complete:
        print("The time was up before the last rows; the machine may be busy.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
