"""The monitoring folder as tests read it: its expressions, and the names of series in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.engines import ROOT

FOLDER = ROOT / "monitoring"
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))

SERIES = re.compile(r"\b((?:rkllm|rknpu|process|vllm)[_:][a-z0-9_:]+)\b")
"""Names of series in an expression; nothing else in our expressions begins so."""


def rules() -> list[dict[str, Any]]:
    return [
        rule for file in RULE_FILES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]
    ]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def records() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "record" in rule]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "grafana" / "dashboards" / "rkllm.json").read_text())
    return found


def targets() -> Iterator[tuple[str, str]]:
    """The title of each panel with each of its expressions."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def concrete(expression: str, interval: str = "10s") -> str:
    """An expression as Grafana sends it: for all models, with an interval in place of the variable."""
    return expression.replace("$__rate_interval", interval).replace("$model", ".*")
