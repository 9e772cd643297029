"""Define the findings of the checks, and format them for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "slow", "bad", "unknown"]
"""``slow``: works, but worse than it could. ``unknown``: could not be found out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `needed` and `remedy` are empty where nothing needs to be done."""

    name: str
    level: Level
    found: str
    needed: str = ""
    remedy: str = ""


def format_report(findings: Iterable[Finding]) -> str:
    """Return one line per finding, with what is needed and the remedy below it."""
    return "\n".join(line for finding in findings for line in format_lines(finding))


def format_lines(finding: Finding) -> list[str]:
    """Return the lines about one finding."""
    more = [("needed", finding.needed), ("remedy", finding.remedy)]
    return [
        f"{finding.level:<8} {finding.name}: {finding.found}",
        *(f"{'':<8} {label}: {text}" for label, text in more if text),
    ]


def is_fit(findings: Iterable[Finding]) -> bool:
    """Return whether the board can run models: no finding is bad."""
    return all(finding.level != "bad" for finding in findings)
