"""Format the measurements as a Markdown table, and describe the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEAD = ("Measurement", "Unit", "Value", "Baseline", "Ratio", "Reference")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement, with its baseline from the same run."""

    name: str
    unit: str
    value: float
    baseline: float | None = None
    reference: float | None = None
    """The figure of the server that this one replaces, measured on another machine: an order of magnitude."""

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table's row."""
        ratio = f"{self.value / self.baseline:.2f}" if self.baseline else "-"
        return (self.name, self.unit, number(self.value), number(self.baseline), ratio, number(self.reference))


def number(value: float | None) -> str:
    """Return three significant digits, or all integer digits of a large number."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """Return a Markdown table."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [line(row, widths) for row in cells]
    return "\n".join([lines[0], line(["-" * width for width in widths], widths), *lines[1:]])


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return one line of the table, padded to the columns' widths."""
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def machine() -> str:
    """Return a line about the machine and the versions."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load average {load} before the start, "
        f"Python {sys.version.split()[0]}, xllamacpp {importlib.metadata.version('xllamacpp')}"
    )


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """Return the value that 95 % of `values` do not exceed."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]
