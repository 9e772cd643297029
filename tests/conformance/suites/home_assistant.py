"""Home Assistant itself, set up over its own API: its Ollama integration talks to the server, as its owner would."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

MODEL = os.environ["CONFORMANCE_MODEL"] + ":latest"
START = 180.0
"""Seconds until Home Assistant must answer."""

CONFIGURATION = """
homeassistant: {{name: Home}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
config:
conversation:
input_boolean: {{kitchen_light: {{name: Kitchen light}}}}
"""
SAVED = {"prompt": "Answer briefly.", "num_ctx": 8192, "max_history": 20, "keep_alive": -1}
"""The options as its form sends them. It makes floats of the numbers."""


class Home:
    """What a person does in Home Assistant's pages."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=300)
        self._entry = self._agent = ""

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self) -> None:
        end = time.monotonic() + START
        while True:
            try:
                self._client.get("/api/onboarding").raise_for_status()
                return
            except httpx.HTTPError:
                assert time.monotonic() < end, "Home Assistant does not start"
                time.sleep(1)

    def sign_up(self) -> None:
        client = str(self._client.base_url)
        person = {"name": "a", "username": "a", "password": "correct horse", "language": "en", "client_id": client}
        code = self.post("/api/onboarding/users", person)["auth_code"]
        form = {"client_id": client, "grant_type": "authorization_code", "code": code}
        token = self._client.post("/auth/token", data=form).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def add_server(self) -> dict[str, Any]:
        flows = "/api/config/config_entries/flow"
        flow = self.post(flows, {"handler": "ollama"})["flow_id"]
        form = self.post(f"{flows}/{flow}", {"url": os.environ["CONFORMANCE_URL"]})
        assert not form["errors"], form
        added: dict[str, Any] = self.post(f"{flows}/{flow}", {"model": MODEL})
        return added

    def save(self, options: dict[str, Any]) -> None:
        """Save the options of the integration; Home Assistant then loads it anew."""
        flows = "/api/config/config_entries/options/flow"
        flow = self.post(flows, {"handler": self.entry()["entry_id"]})["flow_id"]
        assert self.post(f"{flows}/{flow}", options)["type"] == "create_entry"
        while self.entry()["state"] != "loaded":
            time.sleep(0.2)

    def entry(self) -> dict[str, Any]:
        entries = self._client.get("/api/config/config_entries/entry").json()
        (found,) = [entry for entry in entries if entry["domain"] == "ollama"]
        return dict(found)

    def asked(self, text: str) -> dict[str, Any]:
        """The response of the agent that the integration made."""
        states = [state["entity_id"] for state in self._client.get("/api/states").json()]
        (agent,) = [name for name in states if name.startswith("conversation.") and not name.endswith("home_assistant")]
        body = {"text": text, "language": "en", "agent_id": agent}
        response: dict[str, Any] = self.post("/api/conversation/process", body)["response"]
        return response


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder: Path = tmp_path_factory.mktemp("home")
    port = os.environ["CONFORMANCE_FREE_PORT"]
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port))
    process = subprocess.Popen([os.environ["CONFORMANCE_HASS"], "--skip-pip", "-c", str(folder)])
    made = Home(f"http://127.0.0.1:{port}")
    try:
        made.wait()
        made.sign_up()
        yield made
    finally:
        process.terminate()
        process.wait(60)


def answered(response: dict[str, Any]) -> None:
    assert response["response_type"] == "action_done", response
    assert response["speech"]["plain"]["speech"]


def test_the_server_is_added(home: Home) -> None:
    assert home.add_server()["type"] == "create_entry"
    assert home.entry()["state"] == "loaded"


def test_a_question_is_answered(home: Home) -> None:
    answered(home.asked("What is the capital of France?"))


def test_a_question_is_answered_after_the_options_were_saved(home: Home) -> None:
    home.save({**SAVED, "llm_hass_api": "none"})
    answered(home.asked("What is the capital of Spain?"))


def test_the_model_gets_the_tools_of_the_house(home: Home) -> None:
    """Whether a model with 135 million parameters calls the right one is not the server's."""
    home.save({**SAVED, "llm_hass_api": "assist"})
    answered(home.asked("Turn on the kitchen light."))
