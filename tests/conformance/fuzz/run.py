"""10,000 generated requests against the real server with the default models.

Requests come from /openapi.json (requests.py) and from raw sockets (wire.py), the same ones in each run. None may get
a 5xx but the documented 501 and 503, none may hang; afterwards memory is flat, and nothing stays open.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.conformance import report
from tests.conformance.fuzz import wire
from tests.conformance.fuzz.requests import Maker, Request
from tests.conformance.server import CHAT, EMBEDDER, as_limited
from tests.engines import ROOT
from tests.http.bodies import CHAT as CHATTED
from tests.live.conftest import Server
from tests.processes import files, memory

NAME = "our own fuzzer"
TOTAL, ROUND = 10_000, 250
"""All requests, and those between two looks at the memory."""

WIRE_SHARE = 5
"""Every so many rounds one goes over raw sockets."""

GROWTH = 24
"""MiB by which a process's memory may be higher in the second half than ever in the first."""

HANG = 120.0
"""Seconds without a byte, after which a request counts as hanging. The longest answer here has a few tokens."""

ALLOWED = {501, 503}
SETTINGS = {"RKLLM_CLIENT_TIMEOUT": "5", "RKLLM_IDLE_UNLOAD_TIMEOUT": "0"}

BROKEN_STREAM = (b'"code":"engine_failed"', b'"code":"engine_timeout"', b'"code":"internal')


class Fuzz:
    """One run on one server: what was sent, and what went wrong."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG)
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self.memory: list[tuple[int, int]] = []

    @property
    def sent(self) -> int:
        return self.statuses.total()

    def round(self, number: int, strategy: SearchStrategy[Any], send: Callable[[Any], None], count: int) -> None:
        """Send `count` requests of `strategy`, the same in each run."""
        quiet = [
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
            HealthCheck.filter_too_much,
        ]
        chosen = settings(
            max_examples=count, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=quiet
        )
        seed(number)(chosen(given(strategy)(send)))()
        self.memory.append(memory(self._server))

    def request(self, made: Request) -> None:
        try:
            status, answer = self._sent(made)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._note(f"{type(error).__name__}: {error}", made)
            return
        self.statuses[status] += 1
        if fault := judged(status, answer, made):
            self._note(fault, made)

    def _sent(self, made: Request) -> tuple[int, bytes]:
        """Send on the connection that is open; a server may have closed it after the answer before."""
        for last in (False, True):
            try:
                self._connection.request(made.method, made.path, made.body, made.headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
                self._connection.close()
                if last:
                    raise
        raise AssertionError

    def wire(self, made: wire.Wire) -> None:
        self.statuses[0] += 1
        try:
            fault = wire.fault(made, wire.send(self._server.port, made))
        except OSError as error:
            fault = f"{type(error).__name__}: {error}"
        if fault:
            self.faults.append(f"{fault}: {(made.head + made.body)[:300]!r}")

    def _note(self, fault: str, made: Request) -> None:
        self.faults.append(f"{fault}: {made.method} {made.path[:100]} {made.headers} {(made.body or b'')[:600]!r}")

    def close(self) -> None:
        self._connection.close()


def judged(status: int, answer: bytes, made: Request) -> str:
    """Return what is wrong with an answer, or nothing."""
    if status >= 500 and status not in ALLOWED:
        return f"status {status} {answer[:200]!r}"
    if any(mark in answer for mark in BROKEN_STREAM):
        return f"an answer that broke {answer[-200:]!r}"
    if status >= 400 and made.method != "HEAD" and not is_json(answer):
        return f"status {status} without JSON {answer[:100]!r}"
    return ""


def is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def run(folder: Path, total: int = TOTAL) -> report.Suite:
    """Send all requests; files go into `folder`. Blocks for about ten minutes."""
    as_limited(folder / "models")
    server = Server(folder / "models", "services.api.app:create()", SETTINGS)
    try:
        return report.Suite(NAME, tuple(fuzzed(server, total)))
    finally:
        server.hang_up()
        server.end()
        (ROOT / ".cache" / "conformance-fuzz.log").write_text(server.log())


def fuzzed(server: Server, total: int) -> list[report.Case]:
    with urllib.request.urlopen(f"{server.url}/openapi.json", timeout=HANG) as answer:
        requests = Maker(json.load(answer)).requests()
    fuzz = Fuzz(server)
    idle = at_rest(server)
    open_ones = wire.unfinished(server.port)
    for number in range(total // ROUND):
        if server.process.poll() is not None:
            return [case("the server lives", True, f"it ended in round {number}: {'; '.join(fuzz.faults[:3])}")]
        if number % WIRE_SHARE == WIRE_SHARE - 1:
            fuzz.round(number, wire.wires(), fuzz.wire, ROUND)
        else:
            fuzz.round(number, requests, fuzz.request, ROUND)
    fuzz.close()
    left = [number for number, connection in enumerate(open_ones) if not wire.ended(connection)]
    return [*verdicts(fuzz, total), *aftermath(server, idle, left)]


def at_rest(server: Server) -> int:
    """Load and unload each model, and return how many files the server has open then."""
    for model, path, body in ((CHAT, "/v1/chat/completions", CHATTED), (EMBEDDER, "/v1/embeddings", {"input": "x"})):
        posted(server, path, {"model": model, **body})
        posted(server, "/v1/models/unload", {"model": model})
    return files(server)


def posted(server: Server, path: str, body: dict[str, Any]) -> None:
    made = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(made, timeout=HANG).close()


def verdicts(fuzz: Fuzz, total: int) -> list[report.Case]:
    half = len(fuzz.memory) // 2
    cases = [case(f"{total} requests are sent", fuzz.sent < total, f"{fuzz.sent} were sent")]
    cases.append(
        case("no request hangs, breaks or gets a 5xx but 501 and 503", fuzz.faults, "; ".join(fuzz.faults[:5]))
    )
    for name, column in (("server", 0), ("engines", 1)):
        sizes = [row[column] for row in fuzz.memory]
        first, second = max(sizes[:half]), max(sizes[half:])
        cases.append(
            case(f"the memory of the {name} is flat", second > first + GROWTH, f"{first} MiB, then {second} MiB")
        )
    answered = fuzz.statuses[200]
    return [*cases, case("one request of twenty is answered", answered < total // 20, f"{answered} were")]


def aftermath(server: Server, idle: int, left: list[int]) -> list[report.Case]:
    still = at_rest(server)
    engines = server.engine_pids()
    bugs = server.log().count("Traceback (most recent call last)")
    return [
        case("the server ends requests that never end", left, f"{len(left)} are open"),
        case("no file or socket stays open", still > idle, f"{idle} before, {still} after"),
        case("no engine stays", engines, f"{len(engines)} run"),
        case("the log has no traceback", bugs, f"it has {bugs}"),
        case("the server ends", server.end(), "it failed"),
    ]


def case(name: str, fault: object, reason: str) -> report.Case:
    return report.Case(name, "failed" if fault else "passed", reason if fault else "")
