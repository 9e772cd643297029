"""Up, chat, search, confinement, and what heals by itself. In this order: tests that break things come last."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.engines import REAL_MODELS
from tests.stack.conftest import IMAGES, PROJECT, Stack

SERVICES = ("api", "searxng", "open-webui", "provision")
SECRETS = {
    "open-webui": ("webui", ("secret_key", "admin_password", "api_key")),
    "searxng": ("searxng", ("secret_key",)),
    "api": ("api", ("open-webui", "admin_key")),
}

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def webui(stack: Stack, path: str, body: object = None, token: str = "") -> object:
    """Ask Open WebUI, from beside it."""
    script = (
        "import json, sys, openwebui.client as c; "
        "method, path, body, token = json.loads(sys.argv[1]); "
        "print(json.dumps(c.call(method, 'http://open-webui:8080' + path, body, token)))"
    )
    ask = json.dumps(["GET" if body is None else "POST", path, body, token])
    found: object = json.loads(stack.inside("provision", "python3", "-c", script, ask))
    return found


def signed_in(stack: Stack) -> str:
    password = stack.inside("provision", "cat", "/secrets/open-webui/admin_password")
    found = webui(stack, "/api/v1/auths/signin", {"email": "admin@localhost", "password": password})
    assert isinstance(found, dict)
    return str(found["token"])


def test_everything_is_healthy(stack: Stack) -> None:
    assert all(stack.healthy(service) for service in SERVICES)
    assert stack.inspect("secrets")["State"]["ExitCode"] == 0


def test_the_image_is_what_it_says(stack: Stack) -> None:
    image = json.loads(stack.docker("image", "inspect", IMAGES["API_IMAGE"]))[0]["Config"]
    assert image["User"] == "10001:10001"
    assert image["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image["Healthcheck"]["Test"][:2] == ["CMD", "python3"]


def test_a_chat_and_a_search_through_open_webui(stack: Stack) -> None:
    question = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    answer = webui(stack, "/api/chat/completions", question, signed_in(stack))
    assert isinstance(answer, dict)
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] <= 8
    found = webui(stack, "/search")
    assert isinstance(found, dict)
    assert found["results"]


def test_open_webui_has_the_model(stack: Stack) -> None:
    records = webui(stack, "/api/v1/models/base", token=signed_in(stack))
    assert isinstance(records, list)
    assert all(record["meta"]["description"] for record in records)
    offered = {record["name"]: record["is_active"] for record in records}
    assert offered == {"SmolLM2 135M Instruct": True, "MiniLM L6 v2 (embeddings)": False}


def test_a_model_put_into_the_folder_shows_up_in_open_webui(stack: Stack) -> None:
    source = REAL_MODELS / "SmolLM2-135M-Instruct"
    shutil.copytree(source, stack.models / "Mine-2k")
    (stack.models / "Mine-2k/model.yaml").write_text("name: Mine\ndescription: Put here just now\n")

    def told() -> bool:
        records = webui(stack, "/api/v1/models/base", token=signed_in(stack))
        assert isinstance(records, list)
        return any(record["meta"].get("description") == "Put here just now" for record in records)

    stack.until(told)


def test_no_process_of_ours_is_root(stack: Stack) -> None:
    for service in ("api", "searxng", "provision"):
        owners = {uid for _, uid in stack.pids(service)}
        assert owners
        assert "0" not in owners, service
    for service in SERVICES:
        status = stack.inside(service, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status, f"{service} has no capability, root or not"
        assert "NoNewPrivs:\t1" in status


def test_nothing_is_written_outside_of_volumes(stack: Stack) -> None:
    for service in ("api", "searxng", "provision"):
        assert stack.inspect(service)["HostConfig"]["ReadonlyRootfs"] is True
        mounts = [mount["Destination"] for mount in stack.inspect(service)["Mounts"]]
        written = [line.split()[1] for line in stack.docker("diff", stack.container(service)).splitlines()]
        assert not [path for path in written if not any(mount.startswith(path) for mount in mounts)], service
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.inside("api", "touch", "/opt/rkllm/services/x")
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.inside("api", "touch", "/models/own/x")


def test_the_api_cannot_leave_the_box(stack: Stack) -> None:
    """No default route: not even a name server outside is reachable."""
    routes = stack.inside("api", "cat", "/proc/net/route").splitlines()[1:]
    assert routes
    assert all(line.split()[1] != "00000000" for line in routes)


def test_secrets_are_in_no_inspect(stack: Stack) -> None:
    told = "".join(json.dumps(stack.inspect(service)) for service in (*SERVICES, "secrets"))
    for service, (folder, names) in SECRETS.items():
        for name in names:
            value = stack.inside(service, "cat", f"/run/secrets-of-{folder}/{name}")
            assert len(value) >= 20
            assert value not in told
    with pytest.raises(AssertionError, match="No such file"):
        stack.inside("searxng", "cat", "/run/secrets-of-webui/admin_password")


def test_the_api_knows_the_caller(stack: Stack) -> None:
    """A key that is made now opens at once; without one nobody comes in, and Open WebUI's is no administrator's."""
    made = stack.run("scripts/keys.sh", "create", "laptop")
    known = stack.inside("provision", "cat", "/secrets/open-webui/api_key")
    admin = stack.inside("api", "cat", "/run/secrets-of-api/admin_key")
    for key, path, status in (
        ("", "/v1/models", 401),
        ("somebody-elses-key", "/v1/models", 401),
        (made, "/v1/models", 200),
        (known, "/v1/models/unload", 403),
        (admin, "/v1/models/unload", 200),
    ):
        assert status_of(stack, path, key) == status, path
    stack.run("scripts/keys.sh", "revoke", "laptop")
    assert status_of(stack, "/v1/models", made) == 401


def status_of(stack: Stack, path: str, key: str) -> int:
    """The status of a request from inside the box: GET, and POST for what changes something."""
    script = (
        "import sys, urllib.request as r, urllib.error as e; path, key = sys.argv[1:]; "
        "data, headers = b'' if 'unload' in path else None, {'Authorization': 'Bearer ' + key}; "
        "q = r.Request('http://api:8000' + path, data, headers)"
        "\ntry: print(r.urlopen(q).status)\nexcept e.HTTPError as error: print(error.code)"
    )
    return int(stack.inside("provision", "python3", "-c", script, path, key))


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    before = [stack.container(service) for service in SERVICES]
    password = stack.inside("provision", "cat", "/secrets/open-webui/admin_password")
    stack.up()
    assert [stack.container(service) for service in SERVICES] == before
    assert stack.inside("provision", "cat", "/secrets/open-webui/admin_password") == password


@pytest.mark.parametrize("service", SERVICES)
def test_a_restart_heals(stack: Stack, service: str) -> None:
    stack.compose("restart", service)
    stack.until(lambda: stack.healthy(service))
    assert "chat:" in stack.chat()


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_comes_back(stack: Stack, service: str) -> None:
    """SIGKILL to the container's first process, as the kernel's out-of-memory killer sends it."""
    started = stack.inspect(service)["State"]["StartedAt"]
    os.kill(stack.inspect(service)["State"]["Pid"], signal.SIGKILL)
    stack.until(lambda: stack.inspect(service)["State"]["StartedAt"] != started and stack.healthy(service))
    assert "chat:" in stack.chat()


def test_a_killed_engine_costs_no_restart(stack: Stack) -> None:
    """The server replaces its engine: the container is the same, and the next chat is answered."""
    stack.chat()
    started = stack.inspect("api")["State"]["StartedAt"]
    stack.inside("api", "python3", "-c", KILL_ENGINE)
    assert "chat:" in stack.chat()
    assert stack.inspect("api")["State"]["StartedAt"] == started


KILL_ENGINE = """
import json, os, signal, urllib.request
key = open("/run/secrets-of-api/admin_key").read().strip()
request = urllib.request.Request("http://127.0.0.1:8000/health", headers={"Authorization": f"Bearer {key}"})
health = json.load(urllib.request.urlopen(request))
os.kill(health["engine_pid"], signal.SIGKILL)
"""


def test_an_engine_out_of_memory_costs_its_request_alone(stack: Stack) -> None:
    """The kernel kills the largest process of the container, which is the engine. With room, it is there again."""
    stack.chat()
    started = stack.inspect("api")["State"]["StartedAt"]
    stack.inside("api", "python3", "-c", KILL_ENGINE)
    # Room for half of an engine, beside what the server takes without one.
    stack.limit_memory("api", stack.memory("api") + 50)
    with pytest.raises(AssertionError, match="chat:"):
        stack.chat()
    assert stack.killed_for_memory("api") > 0
    stack.limit_memory("api", 5000)
    assert "chat:" in stack.chat()
    assert stack.inspect("api")["State"]["StartedAt"] == started


WORKS = {"api": "chat", "searxng": "search", "provision": "chat"}
"""What is asked from inside of `provision` when a service was cut off."""


@pytest.mark.parametrize("service", WORKS)
def test_a_cut_network_heals(stack: Stack, service: str) -> None:
    network, container = f"{PROJECT}_inner", stack.container(service)
    stack.docker("network", "disconnect", network, container)
    with pytest.raises(AssertionError, match=f"{WORKS[service]}:"):
        stack.try_it(WORKS[service])
    stack.docker("network", "connect", "--alias", service, network, container)
    assert f"{WORKS[service]}:" in stack.try_it(WORKS[service])
    stack.until(lambda: stack.healthy(service))


def test_open_webui_cut_off_heals(stack: Stack) -> None:
    network, container = f"{PROJECT}_inner", stack.container("open-webui")
    stack.docker("network", "disconnect", network, container)
    with pytest.raises(AssertionError, match="open-webui"):
        signed_in(stack)
    stack.docker("network", "connect", "--alias", "open-webui", network, container)
    assert signed_in(stack)


def test_chats_survive_down_and_up(stack: Stack) -> None:
    token = signed_in(stack)
    webui(stack, "/api/v1/configs/import", {"config": {"web.search.result_count": 9}}, token)
    stack.compose("down")
    stack.up()
    rows = webui(stack, "/api/v1/configs/export", token=signed_in(stack))
    assert isinstance(rows, dict)
    assert rows["web.search.result_count"] == 9, "what an admin changed stays"


def test_a_backup_brings_everything_back(stack: Stack, tmp_path: Path) -> None:
    password = stack.inside("provision", "cat", "/secrets/open-webui/admin_password")
    webui(stack, "/api/v1/configs/import", {"config": {"web.search.result_count": 8}}, signed_in(stack))
    stack.run("scripts/backup.sh", str(tmp_path / "box.tar.gz"))
    assert (tmp_path / "box.tar.gz").stat().st_mode & 0o077 == 0, "the secrets are in it"
    assert stack.healthy("open-webui"), "it went on afterwards"
    stack.compose("down", "--volumes")
    stack.run("scripts/restore.sh", str(tmp_path / "box.tar.gz"), "--yes")
    assert stack.inside("provision", "cat", "/secrets/open-webui/admin_password") == password
    rows = webui(stack, "/api/v1/configs/export", token=signed_in(stack))
    assert isinstance(rows, dict)
    assert rows["web.search.result_count"] == 8


def test_a_damaged_backup_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "box.tar.gz").write_bytes(b"\x1f\x8b\x08 no more")
    before = stack.container("open-webui")
    with pytest.raises(AssertionError, match="damaged"):
        stack.run("scripts/restore.sh", str(tmp_path / "box.tar.gz"), "--yes")
    assert stack.container("open-webui") == before


def test_an_upgrade_that_fails_goes_back(stack: Stack, tmp_path: Path) -> None:
    """The new Open WebUI ends as soon as it starts."""
    broken = f"{PROJECT}-broken:1"
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGES['OPEN_WEBUI_IMAGE']}\nRUN echo 'exit 7' >start.sh\n")
    stack.docker("build", "--quiet", "--tag", broken, str(tmp_path))
    with pytest.raises(AssertionError, match="the old versions run again"):
        stack.run("scripts/upgrade.sh", "--no-backup", OPEN_WEBUI_IMAGE=broken, UPGRADE_WAIT="60")
    stack.docker("image", "rm", "--force", broken)
    assert stack.healthy("open-webui")
    assert "chat:" in stack.chat()


def test_an_upgrade_that_works_stays(stack: Stack) -> None:
    assert "Upgraded" in stack.run("scripts/upgrade.sh", "--no-backup")
    assert all(stack.healthy(service) for service in SERVICES)
