"""JUnit files of the foreign suites to one page. Pure, but for `read`."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

INTRODUCTION = """# Conformance

This page shows how other projects' clients and test suites work with this server. `make conformance` writes it. The
server runs with its default models on the CPU engine; for schemathesis it runs with the scripted engine. Our own fuzzer
sends 10,000 requests, the same in each run, over HTTP and on raw sockets; its tests say what must hold of them.

The tests of other projects come unchanged, out of their source packages. Three things are ours:

- *openai-python's own API tests* are made for a stand-in that accepts every request. Where a test sends nothing that
  could be answered, we fill in `input` and `model`; we leave out the four parameters that name something stored
  (`background`, `conversation`, `previous_response_id`, `prompt`); 0 as a limit for tokens becomes 4, and the word in
  `logit_bias` the id of a token.
- *llama.cpp's server tests* go to this server instead of llama-server. What llama.cpp alone has does not apply.
- *Ollama's documented examples* are the requests of its `docs/api.md`, sent as curl sends them.

A skipped test does not apply; the table shows the reason. We leave out three tests of LangChain ourselves.
`test_json_mode` asks in prose for two keys by name, and a model with 135 million parameters does not follow that; the
first suite tests that `json_object` always gives an object. `test_agent_loop` lets the model decide whether it calls a
tool, and the default model calls none by itself (`tools: required_only`); all suites test calls that a request demands.
`test_unicode_tool_call_integration` wants a Japanese name copied, and the model writes another one in Japanese letters.
The LangChain suite uses greedy decoding, with a `frequency_penalty` of 0.03 against repetition.
"""

FEW = 4
"""Tests that are skipped for one reason and are all named."""


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


def page(suites: list[Suite], left_out: dict[str, str], machine: str, date: datetime.date) -> str:
    """Return the page about `suites`; `left_out` says why others did not run on this machine."""
    lines = [
        INTRODUCTION,
        f"Last run: {date}, {machine}.",
        "",
        "| suite | passed | failed | skipped |",
        "|---|---|---|---|",
    ]
    lines += [row(suite) for suite in suites]
    lines += [f"| {name} | left out: {reason} | | |" for name, reason in left_out.items()]
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
    grouped: dict[tuple[str, str], list[str]] = {}
    for suite, found in cases:
        grouped.setdefault((suite, found.reason.replace("|", "/")), []).append(found.name)
    lines = ["", f"## {outcome.capitalize()}", "", "| suite | test | reason |", "|---|---|---|"]
    return lines + [f"| {suite} | {tests(names)} | {reason} |" for (suite, reason), names in grouped.items()]


def tests(names: list[str]) -> str:
    """Return the names of tests with one reason, or of many their number."""
    different = list(dict.fromkeys(name.partition("[")[0] for name in names))
    if len(different) > FEW:
        return f"{len(names)} tests"
    count = f" ({len(names)} cases)" if len(names) > len(different) else ""
    return ", ".join(f"`{name}`" for name in different) + count


def summary(suites: list[Suite]) -> str:
    """Return a line for each suite, with a line for each of its failures."""
    lines = []
    for suite in suites:
        lines.append(f"{suite.name}: {len(suite.of('passed'))} of {len(suite.cases)} passed")
        lines += [f"  failed: {case.name}: {case.reason}" for case in suite.of("failed")]
    return "\n".join(lines)
