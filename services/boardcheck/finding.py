"""What a check found, as one line of a report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "slow", "bad", "unknown"]
"""``slow``: works, worse than it could. ``unknown``: could not be told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `needed` and `remedy` are empty where all is well."""

    name: str
    level: Level
    found: str
    needed: str = ""
    remedy: str = ""


def report(findings: Iterable[Finding]) -> str:
    """A line per finding; what is needed and the remedy below it."""
    return "\n".join(line for finding in findings for line in lines(finding))


def lines(finding: Finding) -> list[str]:
    more = [("needed", finding.needed), ("remedy", finding.remedy)]
    return [
        f"{finding.level:<8} {finding.name}: {finding.found}",
        *(f"{'':<8} {label}: {text}" for label, text in more if text),
    ]


def fit(findings: Iterable[Finding]) -> bool:
    """Whether nothing is in the way of a model."""
    return all(finding.level != "bad" for finding in findings)
