"""The box without containers: our server, a search, Open WebUI itself and provisioning, with the stack's environment.

What compose.yaml gives the containers is taken from it; only hosts, ports and folders are others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from scripts import make_secrets
from tests.compose_files import compose
from tests.engines import ROOT, alive
from tests.live.conftest import Server
from tests.ports import free_port
from tests.webui.process import answers, running
from tests.webui.user import User

ADMIN = "admin@localhost"


def python() -> Path:
    """The Python to run Open WebUI with: that of `OPEN_WEBUI_VENV`, or what tests/webui/install.sh installed."""
    return Path(os.environ.get("OPEN_WEBUI_VENV", ROOT / ".cache/open-webui")) / "bin" / "python"


class Box:
    def __init__(self, folder: Path, searxng_url: str) -> None:
        self.folder = folder
        self.api: Server
        """While `serving`."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secrets = folder / "secrets"
        self.log = folder / "open-webui.log"
        for name in ("open-webui", "searxng", "grafana", "api"):
            (self.secrets / name).mkdir(parents=True)
        (folder / "state").mkdir()
        make_secrets.make(self.secrets)
        self._moved = {
            "/run/secrets-of-api": str(self.secrets / "api"),
            "http://searxng:8080": searxng_url,
            "http://localhost:3000": self.url,
            "http://127.0.0.1:3000": self.url,
        }

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text()

    def environment(self, service: str, **changed: str) -> dict[str, str]:
        """What compose.yaml gives a service, with this box's addresses; `changed` is what its owner wrote to .env."""
        text = json.dumps(compose("compose.yaml", **changed)["services"][service]["environment"])
        for there, here in self._moved.items():
            text = text.replace(there, here)
        found: dict[str, str] = json.loads(text)
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **found}

    @contextmanager
    def serving(self, models: Path) -> Iterator[None]:
        """Our server, asking for keys as in the stack; afterwards neither it nor an engine of it is left."""
        env = {name: value for name, value in self.environment("api").items() if name.endswith("_FILE")}
        self.api = Server(models, "tests.webui.app:create()", env)
        self._moved["http://api:8000"] = self.api.url
        try:
            yield
        finally:
            self.api.hang_up()
            engines = self.api.engine_pids()
            assert self.api.end() == 0
            assert not [pid for pid in engines if alive(pid)]

    @contextmanager
    def open_webui(self, **changed: str) -> Iterator[None]:
        """Runs it, as its slim image would, on the same data each time."""
        env = self.environment("open-webui", **changed) | {
            "WEBUI_SECRET_KEY": self.secret("open-webui/secret_key"),
            "WEBUI_ADMIN_PASSWORD": self.secret("open-webui/admin_password"),
            "OPENAI_API_KEYS": self.secret("open-webui/api_key"),
            "DATA_DIR": str(self.folder / "data"),
            "USE_SLIM_DOCKER": "true",
        }
        (self.folder / "data").mkdir(exist_ok=True)
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        command = [str(python().with_name("open-webui")), "serve", *where]
        with running(command, self.folder, env, self.log) as process:
            answers(f"{self.url}/health", process, self.log)
            yield

    def provision(self, **changed: str) -> str:
        """One round; returns what it says."""
        env = self.environment("provision", **changed) | {
            "PROVISION_WEBUI_URL": self.url,
            "PROVISION_STATE": str(self.folder / "state"),
            "PROVISION_SECRETS": str(self.secrets / "open-webui"),
        }
        command = [sys.executable, "-m", "openwebui.provision", "--once"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def admin(self) -> User:
        return User(self.url, ADMIN, self.secret("open-webui/admin_password"))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels on the server's page; 0 while it has none."""
        with urllib.request.urlopen(f"{self.api.url}/metrics", timeout=30) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def chats(self) -> float:
        """How many chat requests the server has begun: counted before they are answered."""
        return self.metric("rkllm_rag_decisions_total")

    def answered(self) -> float:
        """How many of them ended well; counted a moment after the client has the answer."""
        return self.metric("rkllm_http_requests_total", endpoint="/v1/chat/completions", status="200")
