"""Requests that schemathesis makes up from our own description, against the live server with the scripted engine.

    python -m tests.conformance.openapi            after `make conformance ARGS=openapi` has installed it once

Two passes. The first sends what is generated, well formed and not, and every check of schemathesis must hold: no 5xx
but the 501 that Ollama's registry answers, no status, content type or body that the description has not, nothing wrong
accepted, no way around a key. Most of it is refused, since a generator does not know what goes together; so the second
pass tames it (suites/openapi_hooks.py) until it reaches the engine, and every path must have answered 200.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

from services.api.dialects.table import DIALECTS
from services.api.operator.endpoints import ENDPOINTS as OPERATOR
from tests.conformance import report
from tests.engines import ROOT, write_fake_model
from tests.live.conftest import Server

SUITES = Path(__file__).resolve().parent / "suites"
PROGRAM = ROOT / ".venv-conformance" / "bin" / "schemathesis"
NAME = "schemathesis, on our own description"

KEY = "administrator-of-the-run"
ENOUGH = 1000
"""Requests that must have been sent."""

MODEL = "capabilities: [chat, completion, embedding, rerank]"

WITH_VERSION = "^/(?!v1|api|$|docs|openapi|metrics)"
"""Paths that are left out: each is another name of one with its version."""

ACCEPTED_ALL = "positive_data_acceptance"
"""The one check left out: what the schema allows may still be refused, such as an image for a model that reads text."""

Requests = Counter[tuple[str, str]]
"""How often each path answered each status."""


def run(folder: Path, examples: int = 25) -> report.Suite:
    """Both passes as one suite; files go into `folder`. Blocks for minutes."""
    # A link, since a linked model is not deleted over the API: it must outlast the run.
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "fake").symlink_to(write_fake_model(folder / "placed", "fake", settings=MODEL))
    server = Server(folder / "models", "tests.live.fake_app:create()", {"RKLLM_ADMIN_KEY": KEY})
    try:
        first = one_pass(server, folder / "first.xml", ["--phases=coverage,fuzzing"], examples, "")
        hooks = str(SUITES / "openapi_hooks.py")
        second = one_pass(server, folder / "second.xml", ["--phases=fuzzing", "--mode=positive"], 2 * examples, hooks)
        requests = answered(server)
    finally:
        server.end()
    return report.Suite(NAME, (*first.cases, *second.cases, *verdict(requests, server.log())))


def one_pass(server: Server, results: Path, options: list[str], examples: int, hooks: str) -> report.Suite:
    command = [str(PROGRAM), f"--config-file={SUITES / 'schemathesis.toml'}", "run", f"{server.url}/openapi.json"]
    command += [f"--header=Authorization: Bearer {KEY}", f"--max-examples={examples}", "--seed=1", "--no-color"]
    command += [f"--exclude-path-regex={WITH_VERSION}", f"--exclude-checks={ACCEPTED_ALL}", "--continue-on-failure"]
    command += [f"--report-junit-path={results}", "--generation-database=:memory:", *options]
    subprocess.run(command, cwd=results.parent, env={**os.environ, "SCHEMATHESIS_HOOKS": hooks}, check=False)
    return report.read(NAME, results)


def answered(server: Server) -> Requests:
    """What the server has counted."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    found: Requests = Counter()
    for path, status, count in re.findall(
        r'^rkllm_http_requests_total\{endpoint="([^"]*)",method="[^"]*",status="(\d+)"\} ([\d.e+]+)', page, re.MULTILINE
    ):
        found[path, status] += int(float(count))
    return found


def verdict(requests: Requests, log: str) -> list[report.Case]:
    """What schemathesis cannot see: that it did enough, that it got through, and what the server's log says."""
    errors = {f"{path}: {status}" for path, status in requests if status >= "500" and status != "501"}
    endpoints = [*(endpoint for dialect in DIALECTS for endpoint in dialect.endpoints), *OPERATOR]
    asked = {each.path for each in endpoints for o in each.operations if o.takes_slot and o.method == "post"}
    silent = sorted(path for path in asked if not requests[path, "200"])
    bugs = log.count("Traceback (most recent call last)")
    return [
        verdict_of(f"{sum(requests.values())} requests", sum(requests.values()) < ENOUGH, f"needed are {ENOUGH}"),
        verdict_of("no server error was counted", errors, f"{sorted(errors)}"),
        verdict_of("every path that runs a model has answered 200", silent, f"not so: {silent}"),
        verdict_of("the log has no traceback", bugs, f"it has {bugs}"),
    ]


def verdict_of(name: str, fault: object, reason: str) -> report.Case:
    return report.Case(name, "failed" if fault else "passed", reason if fault else "")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        suite = run(Path(folder))
    for case in suite.of("failed"):
        print(f"{case.name}: {case.reason}")
    print(report.summary([suite]))
    return int(suite.failed)


if __name__ == "__main__":
    sys.exit(main())
