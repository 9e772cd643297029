"""The stack for real, on a Docker daemon; ``make test-appliance``.

Open WebUI and SearXNG are stand-ins (tests/stack/standins), since their images come from registries that not every
machine reaches. The API server's image, the compose files and the bootstrap are the real ones.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import ROOT

PROJECT = "rkllm-stack-test"
PATIENCE = 120
"""Seconds until a container must have healed; generous, since the machine may be busy."""

IMAGES = {
    "API_IMAGE": f"{PROJECT}-api:1",
    "OPEN_WEBUI_IMAGE": f"{PROJECT}-open-webui:1",
    "SEARXNG_IMAGE": f"{PROJECT}-searxng:1",
}


class Stack:
    """The running containers, and what a person or Open WebUI would do with them."""

    def __init__(self, models: Path) -> None:
        self._env = {**os.environ, **IMAGES, "COMPOSE_PROJECT_NAME": PROJECT, "MODELS_DIR": str(models)}
        self._env |= {"WEBUI_PORT": "0", "COMPOSE_FILE": "compose.yaml"}
        self.models = models

    def docker(self, *arguments: str) -> str:
        """Raises with what docker said when it fails; blocks until it ends."""
        return self.run("docker", *arguments)

    def run(self, *command: str, **env: str) -> str:
        """A program in the repository's folder, with the stack's settings and `env`."""
        env = {**self._env, **env}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    def compose(self, *arguments: str) -> str:
        return self.docker("compose", *arguments)

    def up(self) -> None:
        self.compose("up", "--detach", "--wait", "--wait-timeout", "300")

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service)

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.docker("inspect", self.container(service)))[0]
        return found

    def inside(self, service: str, *command: str) -> str:
        return self.compose("exec", "--no-TTY", service, *command)

    def try_it(self, what: str) -> str:
        """A chat or a search, asked from beside Open WebUI."""
        return self.inside("provision", "python3", "scripts/try_it.py", what)

    def chat(self) -> str:
        return self.try_it("chat")

    def memory(self, service: str) -> int:
        """Megabytes that it takes, its files in the cache not counted."""
        used = self.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", self.container(service))
        amount = used.split()[0]
        return round(float(amount[:-3]) * {"MiB": 1, "GiB": 1024}[amount[-3:]])

    def limit_memory(self, service: str, megabytes: int) -> None:
        limit = f"{megabytes}m"
        self.docker("update", "--memory", limit, "--memory-swap", limit, self.container(service))

    def killed_for_memory(self, service: str) -> int:
        """How many processes of the container the kernel killed, in either generation of control groups."""
        old, new = "/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"
        told = self.inside(service, "sh", "-c", f"cat {old} {new} 2>/dev/null; true")
        return int(re.findall(r"^oom_kill (\d+)", told, re.MULTILINE)[0])

    def pids(self, service: str) -> list[tuple[int, str]]:
        """Process ids on this machine, and who owns each."""
        lines = self.docker("top", self.container(service), "-eo", "pid,uid").splitlines()[1:]
        return [(int(pid), uid) for pid, uid in (line.split() for line in lines)]

    def until(self, met: Callable[[], bool]) -> None:
        """Ask until it is as expected, or fail after `PATIENCE`."""
        end = time.monotonic() + PATIENCE
        while not met():
            assert time.monotonic() < end, self.compose("ps", "--all") + self.compose("logs", "--tail", "20")
            time.sleep(0.5)

    def healthy(self, service: str) -> bool:
        state = self.inspect(service)["State"]
        return bool(state["Running"] and state["Health"]["Status"] == "healthy")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Built and up once for all tests; nothing of it is left afterwards but the images' build cache."""
    found = Stack(tmp_path_factory.mktemp("models"))
    found.models.chmod(0o755)
    found.models.parent.chmod(0o755)
    for target, image in (("open-webui", "OPEN_WEBUI_IMAGE"), ("searxng", "SEARXNG_IMAGE")):
        found.docker("build", "--quiet", "--target", target, "--tag", IMAGES[image], "tests/stack/standins")
    found.compose("down", "--volumes", "--remove-orphans")
    found.compose("build", "--quiet")
    found.up()
    yield found
    found.compose("down", "--volumes", "--remove-orphans")
    old = [f"rkllm-before-upgrade:{name}" for name in ("api", "open-webui", "searxng")]
    found.docker("image", "rm", "--force", *IMAGES.values(), *old)
