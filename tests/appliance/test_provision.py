"""Provisioning of Open WebUI, against the stand-in: what is written, and what an admin changed stays."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openwebui import merge, provision, records, rows
from openwebui.client import OpenWebUI
from tests.engines import ROOT
from tests.openwebui import APPLIANCE_TEMPLATE

SERVICE = yaml.safe_load((ROOT / "openwebui/service.yaml").read_text())["services"]["open-webui"]["environment"]
QWEN = {"id": "qwen3", "name": "Qwen3", "description": "Thinks first", "capabilities": ["chat", "completion"]}

VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


@given(VALUES, VALUES, VALUES)
def test_a_merge_respects_the_admin_and_is_done_once(
    desired: dict[str, int], current: dict[str, int], applied: dict[str, int]
) -> None:
    wanted, kept = merge.changes(desired, current, applied)
    for key, value in desired.items():
        admins = key in current and current[key] != applied.get(key)
        assert (key in wanted) == (current.get(key) != value and not admins)
    after = {**current, **wanted}
    again, kept_again = merge.changes(desired, after, merge.applied_after(desired, kept, applied))
    assert not again
    assert kept_again == kept


def test_every_seed_is_a_row() -> None:
    """Variables before the first seed are read at each start and are no rows."""
    text = (ROOT / "openwebui/service.yaml").read_text()
    seeds = yaml.safe_load(text.split("# --- seeds: the connection")[1].split("\n  #")[0])
    assert set(seeds) == set(rows.ROWS) - {"OPENAI_API_KEYS"}, "the key is read from a file"
    assert set(SERVICE) > set(seeds)


def test_seeds_become_what_open_webui_stores() -> None:
    found = rows.desired({key: str(value) for key, value in SERVICE.items() if "${" not in str(value)})
    assert found["openai.api_base_urls"] == ["http://api:8000/v1"]
    assert found["ui.enable_signup"] is False
    assert found["models.default_params"] == {"function_calling": "legacy"}
    assert found["models.default_metadata"]["capabilities"]["builtin_tools"] is False
    assert found["rag.template"] == APPLIANCE_TEMPLATE
    assert found["task.query.prompt_template"].endswith("<chat_history>\n{{MESSAGES:END:12}}\n</chat_history>\n")


def test_a_seed_of_the_wrong_type_is_named() -> None:
    with pytest.raises(ValueError, match="WEB_SEARCH_RESULT_COUNT='many'"):
        rows.desired({"WEB_SEARCH_RESULT_COUNT": "many"})


def test_models_that_cannot_chat_are_not_offered() -> None:
    models = [QWEN, {"id": "embedder", "capabilities": ["embedding"]}]
    plan = records.plan_changes(records.desired(models), {}, {})
    assert [(record["id"], record["is_active"]) for record in plan.changed] == [("qwen3", True), ("embedder", False)]


def test_a_record_keeps_the_fields_that_are_not_managed() -> None:
    present = {
        "qwen3": {**records.new_record("qwen3"), "params": {"temperature": 0.1}, "meta": {"tags": [{"name": "mine"}]}}
    }
    plan = records.plan_changes(records.desired([QWEN]), present, {"qwen3": {"name": "qwen3"}})
    record = plan.changed[0]
    assert record["params"] == {"temperature": 0.1, "custom_params": {"status_events": True}}
    assert record["meta"]["tags"] == [{"name": "mine"}]
    assert record["name"] == "Qwen3"
    assert record["meta"]["description"] == "Thinks first"


class Api:
    """``/v1/models`` with a list that a test changes."""

    def __init__(self) -> None:
        self.models: list[dict[str, Any]] = [QWEN]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert self.headers["Authorization"] == "Bearer the key"
                body = json.dumps({"data": outer.models}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def env(tmp_path: Path, api: Api) -> Iterator[dict[str, str]]:
    """A running stand-in for Open WebUI, and the environment of the provisioning beside it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {key: str(value) for key, value in SERVICE.items() if "${" not in str(value)}
    env |= {"WEBUI_ADMIN_EMAIL": "admin@localhost", "OPENAI_API_BASE_URLS": api.url}
    env |= {"PROVISION_WEBUI_URL": f"http://127.0.0.1:{port}"}
    (tmp_path / "admin_password").write_text("secret\n")
    (tmp_path / "api_key").write_text("the key\n")
    own = {"PORT": str(port), "STANDIN_DATA": str(tmp_path / "webui.json")}
    own |= {"WEBUI_SECRET_KEY": "key", "WEBUI_ADMIN_PASSWORD": "secret", "OPENAI_API_KEYS": "the key"}
    command = [sys.executable, str(ROOT / "tests/stack/standins/open_webui.py")]
    process = subprocess.Popen(command, env={**env, **own}, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            continue
    yield env
    process.terminate()
    process.wait(10)


def provisioner(env: dict[str, str], folder: Path) -> provision.Provisioner:
    return provision.Provisioner(env, folder, folder)


def webui(env: dict[str, str]) -> OpenWebUI:
    return OpenWebUI(env["PROVISION_WEBUI_URL"], "admin@localhost", "secret")


def test_the_first_round_writes_everything_and_the_second_nothing(env: dict[str, str], tmp_path: Path) -> None:
    first = provisioner(env, tmp_path)
    assert "models updated: qwen3;" in first.round()
    assert webui(env).models()["qwen3"]["meta"]["description"] == "Thinks first"
    assert webui(env).rows()["web.search.engine"] == "searxng"
    assert webui(env).rows()["openai.api_keys"] == ["the key"]
    assert first.round() == "unchanged"
    after_a_restart = provisioner(env, tmp_path).round()
    assert after_a_restart == "settings changed: none; models updated: none; kept as the admin set them: none"


def test_what_an_admin_changed_stays_over_an_upgrade(env: dict[str, str], tmp_path: Path) -> None:
    provisioner(env, tmp_path).round()
    admin = webui(env)
    admin.set_rows({"web.search.result_count": 9, "web.search.engine": "brave"})
    admin.set_models([{**admin.models()["qwen3"], "name": "Our model"}])
    upgraded = {**env, "WEB_SEARCH_RESULT_COUNT": "5", "RAG_TEMPLATE": "new {{CONTEXT}}"}
    said = provisioner(upgraded, tmp_path).round()
    assert admin.rows()["web.search.engine"] == "brave"
    assert admin.rows()["rag.template"] == "new {{CONTEXT}}"
    assert admin.models()["qwen3"]["name"] == "Our model"
    assert "qwen3.name" in said
    assert "web.search.engine" in said


def test_a_new_model_is_added_without_a_restart(env: dict[str, str], tmp_path: Path, api: Api) -> None:
    running = provisioner(env, tmp_path)
    running.round()
    api.models = [QWEN, {"id": "vl", "name": "VL", "description": "Sees", "capabilities": ["chat", "vision"]}]
    assert "models updated: vl;" in running.round()
    assert webui(env).models()["vl"]["meta"]["capabilities"] == {"vision": True}


def test_a_changed_password_is_reported_and_no_failure(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "admin_password").write_text("another")
    running = provisioner(env, tmp_path)
    assert "no longer accepts the admin's password" in running.round()
    assert running.round() == "unchanged", "it does not sign in again and again"


def test_health(env: dict[str, str], tmp_path: Path) -> None:
    assert not provision.is_healthy(tmp_path)
    assert provision.run_round(provisioner(env, tmp_path), tmp_path)
    assert provision.is_healthy(tmp_path)
    unreachable = {**env, "OPENAI_API_BASE_URLS": "http://127.0.0.1:1/v1"}
    assert not provision.run_round(provisioner(unreachable, tmp_path), tmp_path)
    assert not provision.is_healthy(tmp_path)
