"""The real server: gunicorn with its gevent worker in processes of its own, real sockets, real clients."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from scripts import place_model
from tests.engines import REAL_MODELS, ROOT, alive, children_of, write_fake_model
from tests.ports import free_port


class Server:
    """A running server and what a test may ask of it."""

    def __init__(self, models_dir: Path, app: str, env: dict[str, str]) -> None:
        self.port = free_port()
        self.models_dir = models_dir
        self._connections: list[socket.socket] = []
        with (models_dir.parent / "server.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "services" / "gunicorn_conf.py"), app],
                cwd=ROOT,
                env={**os.environ, "RKLLM_PORT": str(self.port), "RKLLM_MODELS_DIR": str(models_dir), **env},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        self.process.stdout.close()
        assert self.ready_line, self.log()
        (self.worker,) = children_of(self.process.pid)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """The `openai` package's client; untyped, since tests send more than its types allow."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="unused", max_retries=0, timeout=60)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self._connections.append(connection)
        return connection

    def post(self, path: str, body: object) -> socket.socket:
        """Send a request and return its connection without reading a byte of the answer."""
        data = json.dumps(body).encode()
        connection = self.connect()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        return connection

    def chat(self, script: object, model: str = "fake", **more: Any) -> socket.socket:
        """A chat whose last message is `script` (text, or an object for the scripted engine)."""
        text = script if isinstance(script, str) else json.dumps(script)
        return self.post(
            "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more}
        )

    def ask(self, script: object, model: str = "fake", **more: Any) -> str:
        """A whole answer, or the client's exception."""
        text = script if isinstance(script, str) else json.dumps(script)
        with self.client() as client:
            answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)
        return answer.choices[0].message.content or ""

    def answered(self) -> list[str]:
        """The ids of the requests answered so far, in the order in which the server answered them.

        A stream that its client left is none of them: whether its status is 200 depends on whether it left before the
        first heartbeat.
        """
        return re.findall(r" id=([\w.-]+) method=POST path=\S+ status=200 outcome=(?!abort)", self.log())

    def health(self) -> dict[str, Any]:
        with self.connect() as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return found

    def until(self, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask for the health until it is as expected; the test's own timeout bounds it."""
        while not met(health := self.health()):
            pass
        return health

    def engine_pids(self) -> set[int]:
        return children_of(self.worker)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def kill(self, engine: int) -> None:
        """Kill the server's processes, and wait until they and the child `engine` have ended."""
        ends = [os.pidfd_open(engine), os.pidfd_open(self.worker)]
        os.kill(self.process.pid, signal.SIGKILL)
        os.kill(self.worker, signal.SIGKILL)
        for end in ends:
            assert select.select([end], [], [], 30)[0]
            os.close(end)

    def hang_up(self) -> None:
        """Close whatever connections a test left open."""
        for connection in self._connections:
            connection.close()

    def log(self) -> str:
        return (self.models_dir.parent / "server.log").read_text()


def answer(connection: socket.socket) -> tuple[int, Any]:
    """Status and JSON body of one answer that has a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers with the scripted engine; afterwards nothing of them is left."""
    servers: list[Server] = []

    def starter(*models: str, load: dict[str, Any] | None = None, **settings: object) -> Server:
        for name in models or ("fake",):
            write_fake_model(tmp_path / "models", name, json.dumps(load) if load else None)
        env = {f"RKLLM_{key.upper()}": str(value) for key, value in settings.items()}
        servers.append(Server(tmp_path / "models", "tests.live.fake_app:create()", env))
        return servers[-1]

    yield starter
    for server in servers:
        engines = server.engine_pids()
        server.hang_up()
        server.end()
        assert not [pid for pid in {server.worker, *engines} if alive(pid)]


Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers with the scripted engine that all tests of a module share; nothing of them is left afterwards."""
    servers: list[Server] = []

    def starter(**settings: object) -> Server:
        models = tmp_path_factory.mktemp("scripted") / "models"
        write_fake_model(models, "fake")
        env = {f"RKLLM_{key.upper()}": str(value) for key, value in settings.items()}
        servers.append(Server(models, "tests.live.fake_app:create()", env))
        return servers[-1]

    yield starter
    for server in servers:
        server.hang_up()
        engines = server.engine_pids()
        assert server.end() == 0
        assert not [pid for pid in engines if alive(pid)]


@pytest.fixture(scope="module")
def scripted(serve: Serve) -> Server:
    """Return a server with the default settings."""
    return serve()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the real model for a whole module; it has the model twice, so that it can be switched."""
    models = tmp_path_factory.mktemp("real") / "models"
    source = REAL_MODELS / "SmolLM2-135M-Instruct"
    for name in ("SmolLM2-135M-Instruct", "Other-2k"):
        (models / name).mkdir(parents=True)
        (models / name / f"{name}.gguf").symlink_to(source / "SmolLM2-135M-Instruct.gguf")
        (models / name / "model.yaml").write_text(place_model.MODEL_YAML)
    server = Server(models, "services.api.app:create()", {})
    yield server
    server.hang_up()
    engines = server.engine_pids()
    assert server.end() == 0
    assert not [pid for pid in engines if alive(pid)]


@pytest.fixture
def bell(tmp_path: Path) -> Callable[[], tuple[str, Callable[[], str]]]:
    """Make a FIFO for the scripted engine to ring: its path, and a function that blocks until it rang."""
    count = iter(range(100))

    def make() -> tuple[str, Callable[[], str]]:
        path = tmp_path / f"bell{next(count)}"
        os.mkfifo(path)
        return str(path), lambda: path.read_text().strip()

    return make
