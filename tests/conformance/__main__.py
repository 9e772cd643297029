"""Foreign clients and suites against the real server with the default models; the results go to docs/conformance.md.

    make conformance                    all suites
    make conformance ARGS=sdk_openai    one of them, without writing the page

Each suite runs in an environment of its own (requirements.lock, suites/node/package-lock.json), so that nothing of it
is needed to run or to test the server.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import tempfile
from pathlib import Path

from tests.conformance import openapi, report, runners
from tests.conformance.fuzz import run as fuzz
from tests.engines import ROOT

OWN = {"openapi": openapi.run, "fuzz": fuzz.run}
"""Suites that start a server themselves."""

EVERYTHING = [*runners.RUNNERS, *OWN]


def run(names: list[str]) -> list[report.Suite]:
    with tempfile.TemporaryDirectory() as folder:
        return [run_one(name, Path(folder) / name) for name in names]


def run_one(name: str, folder: Path) -> report.Suite:
    return OWN[name](folder) if name in OWN else runners.run(name, folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of: {', '.join(EVERYTHING)}")
    wanted = parser.parse_args().suites
    left_out = {name: reason for name in wanted or EVERYTHING if (reason := runners.missing(name))}
    for name, reason in left_out.items():
        print(f"conformance: {name} is left out: {reason}")
    results = run([name for name in wanted or EVERYTHING if name not in left_out])
    if not wanted:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        (ROOT / "docs" / "conformance.md").write_text(report.page(results, left_out, machine, datetime.date.today()))
    print(report.summary(results))
    return int(any(suite.failed for suite in results))


if __name__ == "__main__":
    sys.exit(main())
