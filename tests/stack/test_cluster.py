"""Three API servers behind the balancer: one killed, one draining, one slow."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import ROOT

PROJECT = "rkllm-cluster-test"
BOARDS = ("board1", "board2", "board3")
KEY = "one-key-for-all-boards"

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


class Cluster:
    """The balancer's published port, and its boards by name."""

    def __init__(self) -> None:
        self.port = int(docker("port", f"{PROJECT}-balancer", "8000").rpartition(":")[2])

    def ask(self, chat: str = "", tokens: int = 1, stream: bool = False) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        body = {"model": "smollm2", "messages": [{"role": "user", "content": "Count to a hundred."}]}
        headers = {
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/json",
            "Connection": "close",
            **({"X-OpenWebUI-Chat-Id": chat} if chat else {}),
        }
        more = {"max_tokens": tokens, "stream": stream, "ignore_eos": True} if stream else {"max_tokens": tokens}
        connection.request("POST", "/v1/chat/completions", json.dumps({**body, **more}), headers)
        return connection.getresponse()

    def board(self, chat: str = "") -> str:
        """Which board answered; the answer was whole."""
        answer = self.ask(chat)
        body = answer.read()
        assert answer.status == 200, body
        assert json.loads(body)["choices"][0]["finish_reason"] == "length"
        return str(answer.headers["X-RKLLM-Board"])

    def until_boards(self, expected: set[str]) -> None:
        """Until the balancer sees just these; bounded by the test's limit."""
        while {self.board() for _ in range(6)} != expected:
            time.sleep(0.5)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real file, with the names of the test's boards for the addresses, and its port not changed."""
    text = (ROOT / "cluster/haproxy.cfg").read_text().replace("server this api:8000", "server board1 board1:8000")
    for name, address in (("board2", "192.0.2.12"), ("board3", "192.0.2.13")):
        assert f"#server {name} {address}:8000" in text
        text = text.replace(f"#server {name} {address}:8000", f"server {name} {name}:8000")
    path = tmp_path_factory.mktemp("cluster") / "haproxy.cfg"
    path.write_text(text)
    path.parent.chmod(0o755)
    path.parent.parent.chmod(0o755)
    return path


@pytest.fixture
def cluster(config: Path) -> Iterator[Cluster]:
    image, balancer = f"{PROJECT}-api:1", f"{PROJECT}-balancer:1"
    docker("build", "--quiet", "--tag", image, ".")
    docker("build", "--quiet", "--target", "haproxy", "--tag", balancer, "tests/stack/standins")
    remove()
    docker("network", "create", PROJECT)
    confined = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", PROJECT, "--detach")
    for name in BOARDS:
        docker(
            "run",
            *confined,
            "--name",
            f"{PROJECT}-{name}",
            "--network-alias",
            name,
            "--env",
            f"RKLLM_API_KEY={KEY}",
            image,
        )
    mount = f"{config}:/usr/local/etc/haproxy/haproxy.cfg:ro"
    command = ("haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg")
    name = f"{PROJECT}-balancer"
    publish = ("--publish", "127.0.0.1::8000")
    docker("run", *confined, "--name", name, "--user", "99:99", "--volume", mount, *publish, balancer, *command)
    found = Cluster()
    wait(found)
    yield found
    remove()


def wait(cluster: Cluster) -> None:
    while True:
        try:
            cluster.until_boards(set(BOARDS))
            return
        except (OSError, http.client.HTTPException, AssertionError):
            time.sleep(0.5)


def remove() -> None:
    names = [f"{PROJECT}-{name}" for name in (*BOARDS, "balancer")]
    subprocess.run(["docker", "rm", "--force", *names], capture_output=True, check=False)
    subprocess.run(["docker", "network", "rm", PROJECT], capture_output=True, check=False)


def test_chats_stay_and_boards_come_and_go(cluster: Cluster) -> None:
    for chat in ("one", "two", "three", "four"):
        assert len({cluster.board(chat) for _ in range(4)}) == 1, "a chat goes back to its board"

    # Killed: no request fails, its chats move on, and it is taken back.
    victim = cluster.board("one")
    os.kill(int(docker("inspect", "--format", "{{.State.Pid}}", f"{PROJECT}-{victim}")), signal.SIGKILL)
    docker("wait", f"{PROJECT}-{victim}")
    answered = Counter(cluster.board() for _ in range(12))
    assert victim not in answered
    assert cluster.board("one") != victim
    docker("start", f"{PROJECT}-{victim}")
    cluster.until_boards(set(BOARDS))

    # Draining: the answer that runs is finished, new requests go elsewhere.
    running = cluster.ask(tokens=400, stream=True)
    leaving = running.headers["X-RKLLM-Board"]
    stop = subprocess.Popen(["docker", "stop", "--time", "60", f"{PROJECT}-{leaving}"], stdout=subprocess.DEVNULL)
    others = {cluster.board() for _ in range(4)}
    assert running.read().rstrip().endswith(b"data: [DONE]")
    assert stop.wait(90) == 0
    assert leaving not in others
    docker("start", f"{PROJECT}-{leaving}")
    cluster.until_boards(set(BOARDS))

    # Slow: while it works at one answer the others get the new ones.
    slow = cluster.board("slow")
    docker("update", "--cpus", "0.1", f"{PROJECT}-{slow}")
    busy = cluster.ask("slow", tokens=400, stream=True)
    assert busy.headers["X-RKLLM-Board"] == slow
    assert slow not in {cluster.board() for _ in range(6)}
    busy.close()
