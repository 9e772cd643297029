"""JUnit files of the foreign suites to one page. Pure, but for `read`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

INTRODUCTION = """# Conformance

What other people's clients and suites say of this server, written by `make conformance`. The server ran with its
default models on the CPU engine, for schemathesis with the scripted one; nothing of the suites is changed. A test that
is skipped is one that does not apply, with the suite's own reason. One of them is left out by us: `test_json_mode` asks
in prose for two keys by name, which a model of 135 million parameters does not obey; that `json_object` always is an
object is tested by the first suite. LangChain's asks greedily, with a `frequency_penalty` of 0.03 against repetition.
"""


@dataclass(frozen=True)
class Case:
    name: str
    outcome: str
    """``passed``, ``failed`` or ``skipped``."""
    reason: str = ""


@dataclass(frozen=True)
class Suite:
    name: str
    cases: tuple[Case, ...]

    def of(self, outcome: str) -> list[Case]:
        return [case for case in self.cases if case.outcome == outcome]

    @property
    def failed(self) -> bool:
        """A suite without a single passed test has not run."""
        return bool(self.of("failed")) or not self.of("passed")


def read(name: str, results: Path) -> Suite:
    """The suite whose JUnit file is `results`; without any case if there is no such file."""
    if not results.exists():
        return Suite(name, ())
    return Suite(name, tuple(case(element) for element in ElementTree.parse(results).iter("testcase")))


def case(element: ElementTree.Element) -> Case:
    name = element.get("name", "")
    for tag, outcome in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (found := element.find(tag)) is not None:
            reason = (found.get("message") or "").strip().splitlines()
            return Case(name, outcome, reason[0] if reason else "")
    return Case(name, "passed")


def page(suites: list[Suite], machine: str, date: datetime.date) -> str:
    lines = [
        INTRODUCTION,
        f"Last run: {date}, {machine}.",
        "",
        "| suite | passed | failed | skipped |",
        "|---|---|---|---|",
    ]
    lines += [row(suite) for suite in suites]
    for outcome in ("failed", "skipped"):
        lines += section(suites, outcome)
    return "\n".join(lines) + "\n"


def row(suite: Suite) -> str:
    counts = " | ".join(str(len(suite.of(outcome))) for outcome in ("passed", "failed", "skipped"))
    return f"| {suite.name} | {counts} |"


def section(suites: list[Suite], outcome: str) -> list[str]:
    cases = [(suite.name, case) for suite in suites for case in suite.of(outcome)]
    if not cases:
        return []
    lines = ["", f"## {outcome.capitalize()}", "", "| suite | test | reason |", "|---|---|---|"]
    return lines + [f"| {name} | `{case.name}` | {case.reason.replace('|', '/')} |" for name, case in cases]


def summary(suites: list[Suite]) -> str:
    return "\n".join(f"{suite.name}: {len(suite.of('passed'))} of {len(suite.cases)} passed" for suite in suites)
