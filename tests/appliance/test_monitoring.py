"""What the monitoring folder asks for is what the server exports, and every alert is complete."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import falcon.testing
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from services.api.app import build
from services.core.settings import Settings
from tests import monitoring
from tests.board_files import RK3588, write_tree
from tests.engines import ROOT

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


SHOWN_IN_PARTS = {"rkllm_request_inference_time_seconds"}
"""Prefill and decode are shown apart, and their sum nowhere."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every series name that the server exports on a board, once each figure has been used."""
    folder = tmp_path_factory.mktemp("board")
    app = build(Settings(models_dir=folder, **write_tree(folder, RK3588)))  # type: ignore[arg-type]
    for instrument in vars(app.service.metrics).values():
        if isinstance(instrument, MetricWrapperBase) and instrument._labelnames:
            instrument.labels(*instrument._labelnames)
    page = falcon.testing.TestClient(app, headers={"Host": "localhost"}).simulate_get("/metrics").text
    app.stop()
    return set(re.findall(r"^([a-z0-9_:]+)[{ ]", page, re.MULTILINE))


def recorded() -> set[str]:
    return {rule["record"] for rule in monitoring.records()}


def check_names(expression: str, exported: set[str], others: str) -> None:
    """Check that `expression` uses names of ours that exist, or of other programs where it matches `others`."""
    names = set(monitoring.SERIES.findall(expression))
    assert names <= exported | recorded(), expression
    assert names or re.search(others, expression), expression


def test_rules_use_names_that_exist(exported: set[str]) -> None:
    for rule in monitoring.rules():
        check_names(rule["expr"], exported, r"up\{")


def test_the_dashboard_uses_names_that_exist(exported: set[str]) -> None:
    for _, expression in monitoring.targets():
        check_names(expression, exported, r"^(min\(up|count\(ALERTS|1 - avg\(rate\(node_)")


def test_every_figure_of_ours_is_shown_somewhere(exported: set[str]) -> None:
    used = {name for _, expression in monitoring.targets() for name in monitoring.SERIES.findall(expression)}
    used |= {name for rule in monitoring.rules() for name in monitoring.SERIES.findall(rule["expr"])}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported if name.startswith(("rkllm_", "rknpu_"))}
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in used}
    missing = families - shown - SHOWN_IN_PARTS
    assert not missing, f"show them in a panel of the dashboard, or use them in a rule: {sorted(missing)}"
    assert families >= SHOWN_IN_PARTS
    assert not shown & SHOWN_IN_PARTS


def test_every_alert_says_how_bad_it_is_and_where_to_read_on() -> None:
    for alert in monitoring.alerts():
        name, notes = str(alert["alert"]), alert["annotations"]
        assert alert["labels"]["severity"] in ("warning", "critical"), name
        assert set(notes) == {"summary", "description", "runbook_url"}, name
        assert "$value" in notes["description"], name
        assert notes["runbook_url"] == f"docs/runbook.md#{name.lower()}"
        assert re.search(rf"^## {name}$", RUNBOOK, re.MULTILINE), name


def test_the_runbook_has_no_heading_without_an_alert() -> None:
    assert re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE) == [rule["alert"] for rule in monitoring.alerts()]


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load((monitoring.FOLDER / "tests" / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    for alert in monitoring.alerts():
        outcomes = {bool(case["exp_alerts"]) for case in cases if case["alertname"] == alert["alert"]}
        assert outcomes == {True, False}, alert["alert"]


def test_the_dashboard_is_what_grafana_expects() -> None:
    board = monitoring.dashboard()
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Now", "Latency", "Throughput", "Queue and models", "NPU and board", "RAG",
    ]  # fmt: skip
    assert {panel["type"] for panel in panels} == {"row", "stat", "timeseries", "heatmap", "table"}
    for panel in panels:
        if panel["type"] != "row":
            assert panel["title"], panel
            refs = [target["refId"] for target in panel["targets"]]
            assert refs
            assert len(set(refs)) == len(refs)
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "model"}


def test_panels_are_within_the_grid_and_cover_no_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in monitoring.dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    folder = monitoring.FOLDER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = yaml.safe_load((folder / "dashboards" / "rkllm.yml").read_text())["providers"]
    assert provider["type"] == "file"


def test_the_check_says_where_promtool_comes_from(tmp_path: Path) -> None:
    for tool in ("bash", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    script = ROOT / "scripts" / "check_monitoring.sh"
    done = subprocess.run([script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "apt-get install" in done.stderr
    assert done.stderr.startswith("error: found   no promtool\n")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian package prometheus)")
def test_configuration_rules_and_names_pass_promtool() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "check_monitoring.sh"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
