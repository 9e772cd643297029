"""A real Prometheus scrapes the real server under load; then every rule and every panel is asked for its data."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from tests import monitoring
from tests.board_files import RK3588, write_tree
from tests.engines import write_fake_model
from tests.live.conftest import Server
from tests.ports import free_port

NEEDED = ("prometheus", "promtool", "prometheus-node-exporter")
MISSING = [name for name in NEEDED if not shutil.which(name)]

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian: prometheus, prometheus-node-exporter)"
    ),
    pytest.mark.timeout(300),
]

PATIENCE = 200.0
"""Seconds until the last panel must have had data; a quiet machine needs some ten."""

Start = Callable[..., Server]


@contextlib.contextmanager
def running(argv: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


class Prometheus:
    """A Prometheus with our configuration, but for where things are and how often it looks."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.port, node = folder, free_port(), free_port()
        self._write_config({"rkllm-api": server.port, "prometheus": self.port, "node": node})
        self.programs = contextlib.ExitStack()
        self.programs.enter_context(
            running(
                ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}"], folder / "node-exporter.log"
            )
        )
        self.programs.enter_context(
            running(
                ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                folder / "prometheus.log",
            )
        )  # fmt: skip

    def _write_config(self, ports: dict[str, int]) -> None:
        config = yaml.safe_load((monitoring.FOLDER / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(monitoring.FOLDER / file) for file in config["rule_files"]]
        del config["alerting"]
        for job in config["scrape_configs"]:
            job.pop("dns_sd_configs", None)
            job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def get(self, path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The samples of `expression`; none while Prometheus is not ready. A wrong expression fails the test."""
        try:
            found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise AssertionError(f"{expression}: {error.read().decode()}") from error
            return []
        except (urllib.error.URLError, ConnectionError):
            return []
        return found


class Load:
    """Clients that ask, fail, leave and switch models until they are told to stop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopped.is_set():
            for model in ("fake", "other"):
                self._server.ask({"tokens": 8, "delay": 0.01, "prefill_delay": 0.01}, model=model, store=True)
            for script, model in (({"fault": "exit"}, "fake"), ("hello", "broken")):
                with contextlib.suppress(openai.InternalServerError):
                    self._server.ask(script, model=model)
            with contextlib.suppress(openai.NotFoundError):
                self._server.ask("hello", model="nothing")
            with self._server.chat({"tokens": 1000, "delay": 0.01}, stream=True) as connection:
                connection.recv(1)


@pytest.fixture
def server(start: Start, tmp_path: Path) -> Server:
    started = start("fake", "other", **write_tree(tmp_path / "board", RK3588))
    write_fake_model(started.models_dir, "broken", '{"fault": "failed"}')
    return started


@pytest.fixture
def prometheus(server: Server, tmp_path: Path) -> Iterator[Prometheus]:
    made = Prometheus(tmp_path, server)
    with made.programs:
        yield made


def test_every_rule_and_every_panel_has_data(server: Server, prometheus: Prometheus) -> None:
    wanted = {f"{title}: {expression}": monitoring.concrete(expression) for title, expression in monitoring.targets()}
    wanted |= {rule["record"]: rule["record"] for rule in monitoring.records()}
    end = time.monotonic() + PATIENCE
    with Load(server):
        while wanted and time.monotonic() < end:
            wanted = {name: expression for name, expression in wanted.items() if not has_data(prometheus, expression)}
        # An alert follows its data by one evaluation; the first failed load is no increase yet, the second is.
        while "RkllmModelLoadFailing" not in firing(prometheus) and time.monotonic() < end:
            time.sleep(0.5)
    assert not wanted
    for alert in monitoring.alerts():
        prometheus.ask(alert["expr"])
    groups = prometheus.get("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert "RkllmModelLoadFailing" in firing(prometheus)
    assert not firing(prometheus) & {"RkllmApiDown", "RknpuTooHot", "RkllmFirstTokenSlow"}
    check_names(server)


def firing(prometheus: Prometheus) -> set[str]:
    """The alerts that fire now."""
    return {found["metric"]["alertname"] for found in prometheus.ask('ALERTS{alertstate="firing"}')}


def has_data(prometheus: Prometheus, expression: str) -> bool:
    """Whether `expression` gives a number; NaN is what a division by nothing gives."""
    return any(sample["value"][1] != "NaN" for sample in prometheus.ask(expression))


def check_names(server: Server) -> None:
    """promtool has nothing to say to the page of a server in use, vLLM's names aside: their colon is theirs."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as answer:
        lines = [line for line in answer.read().decode().splitlines() if "vllm:" not in line]
    text = "\n".join(lines) + "\n"
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
