"""The stack's files: what linters, the compose schema and our own promises say about them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import make_secrets
from services.core.keys import exposed_files
from services.core.settings import Settings
from tests.compose_files import TOOLS, compose
from tests.engines import ROOT

SHELL = [str(path) for path in (*ROOT.glob("scripts/**/*.sh"), *ROOT.glob("tests/**/*.sh"))]
DOCKERFILES = [str(path) for path in ROOT.glob("**/Dockerfile") if ".cache" not in path.parts]


NPU = {"NPU_DEVICE": "/dev/dri", "NPU_GROUP": "105"}


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    found: dict[str, Any] = compose("compose.yaml")["services"]
    return found


def test_shell_scripts_are_clean() -> None:
    done = subprocess.run([TOOLS / "shellcheck", *SHELL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_dockerfiles_are_clean() -> None:
    done = subprocess.run([TOOLS / "hadolint", *DOCKERFILES], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sent = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    assert names == sent
    assert all((ROOT / name).exists() for name in names)


def test_the_image_is_built_with_all_that_places_its_models(tmp_path: Path) -> None:
    """Our own modules are all there: only the download of the packages is left out."""
    (wanted,) = re.findall(r"^COPY (.*place_model.*) scripts/$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    (tmp_path / "scripts").mkdir()
    for name in wanted.split():
        shutil.copy(ROOT / name, tmp_path / "scripts")
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.path.append('.'); import scripts.place_embedder"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_service_is_confined(stack: dict[str, Any]) -> None:
    for name, service in stack.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name
        assert int(service["mem_limit"]) > 0, name
        assert service["logging"]["options"]["max-size"], name
        assert service["restart"] == ("no" if name in ("secrets", "models") else "unless-stopped"), name
        if name != "open-webui":
            assert service["read_only"] is True, name
            assert service["user"].split(":")[0].isdigit(), name


def test_the_limits_fit_a_board_with_8_gb(stack: dict[str, Any]) -> None:
    assert sum(int(service["mem_limit"]) for service in stack.values()) < 7 * 1024**3


def test_only_the_web_page_is_published_and_on_this_computer_alone(stack: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in stack.items() if "ports" in service}
    assert list(published) == ["open-webui"]
    assert published["open-webui"][0]["host_ip"] == "127.0.0.1"
    asked = compose("compose.yaml", "compose.api.yaml")["services"]["api"]
    assert asked["ports"][0]["host_ip"] == "127.0.0.1"


def test_the_api_has_no_way_out(stack: dict[str, Any]) -> None:
    assert list(stack["api"]["networks"]) == ["inner"]
    assert compose("compose.yaml")["networks"]["inner"]["internal"] is True


def test_images_are_pinned(stack: dict[str, Any]) -> None:
    for name, service in stack.items():
        tag = service["image"].rpartition(":")[2]
        assert re.search(r"\d", tag), f"{name}: {service['image']}"
        assert tag not in ("latest", "main")


def test_monitoring_comes_on_request_and_is_confined_too() -> None:
    service = compose("compose.yaml", COMPOSE_PROFILES="monitoring")["services"]
    more = set(service) - set(compose("compose.yaml")["services"])
    assert more == {"prometheus", "alertmanager", "node-exporter", "grafana"}
    for name in more:
        assert service[name]["read_only"] is True
        assert service[name]["cap_drop"] == ["ALL"]
        assert re.search(r":v?\d+\.\d+", service[name]["image"])
        assert not service[name]["user"].startswith("0")
    sources = {volume["source"] for name in more for volume in service[name]["volumes"] if volume["type"] == "bind"}
    assert all(Path(source).exists() for source in sources)
    provider = yaml.safe_load((ROOT / "monitoring/grafana/provisioning/dashboards/rkllm.yml").read_text())["providers"][
        0
    ]
    assert provider["options"]["path"] in {volume["target"] for volume in service["grafana"]["volumes"]}


def test_a_cluster_goes_through_the_balancer() -> None:
    service = compose("compose.yaml", "compose.cluster.yaml")["services"]
    for name in ("open-webui", "provision"):
        assert service[name]["environment"]["OPENAI_API_BASE_URLS"] == "http://balancer:8000/v1"
    assert service["open-webui"]["environment"]["ENABLE_FORWARD_USER_INFO_HEADERS"] == "true"
    assert {"balancer", "api"} <= set(service["open-webui"]["depends_on"])
    assert service["balancer"]["read_only"] is True
    assert service["balancer"]["cap_drop"] == ["ALL"]


def test_the_npu_needs_no_privileges() -> None:
    service = compose("compose.yaml", "compose.npu.yaml", **NPU)["services"]["api"]
    assert "privileged" not in service
    assert service["cap_drop"] == ["ALL"]
    assert "systempaths=unconfined" in service["security_opt"]
    assert service["devices"][0]["source"] == "/dev/dri"
    assert all(group.isdigit() for group in service["group_add"])
    assert all(volume["read_only"] for volume in service["volumes"])


def test_no_secret_is_in_the_files(stack: dict[str, Any]) -> None:
    text = json.dumps(stack)
    assert "WEBUI_SECRET_KEY" not in str(stack["provision"]["environment"])
    for name in ("WEBUI_SECRET_KEY", "WEBUI_ADMIN_PASSWORD", "SEARXNG_SECRET", "OPENAI_API_KEYS"):
        assert all(name not in service.get("environment", {}) for service in stack.values()), name
        assert name in text, "it is set from a file"


def test_the_example_names_every_variable_of_the_stack() -> None:
    example = (ROOT / ".env.example").read_text()
    for path in (*ROOT.glob("compose*.yaml"), ROOT / "openwebui/service.yaml"):
        for name in re.findall(r"\$\{(\w+)", path.read_text()):
            assert f"#{name}=" in example, f"{name} of {path.name}"


def test_searxng_answers_json_with_engines_that_are_on() -> None:
    settings = yaml.safe_load((ROOT / "searxng/settings.yml").read_text())
    kept = settings["use_default_settings"]["engines"]["keep_only"]
    assert "json" in settings["search"]["formats"]
    assert settings["server"]["limiter"] is False
    assert sorted(engine["name"] for engine in settings["engines"]) == sorted(kept)
    assert all(engine["disabled"] is False for engine in settings["engines"])
    slowest = settings["outgoing"]["max_request_timeout"]
    assert all(engine["timeout"] <= slowest for engine in settings["engines"])


def test_secrets_are_made_once_and_differ(tmp_path: Path) -> None:
    for name in ("open-webui", "searxng", "grafana", "api"):
        (tmp_path / name).mkdir()
    assert len(make_secrets.make(tmp_path)) == 7
    values = {name: (tmp_path / name).read_text() for name in make_secrets.SECRETS}
    assert len(set(values.values())) == 6
    assert (tmp_path / "api/open-webui").read_text() == values["open-webui/api_key"]
    assert all(len(value) >= 20 for value in values.values())
    assert make_secrets.make(tmp_path) == []
    (tmp_path / "searxng/secret_key").chmod(0o644)
    (tmp_path / "searxng/secret_key").write_text("")
    assert make_secrets.make(tmp_path) == ["searxng/secret_key"], "one that got lost is made again, alone"
    assert {name: (tmp_path / name).read_text() for name in values} != values
    (tmp_path / "open-webui/api_key").unlink()
    assert make_secrets.make(tmp_path) == ["open-webui/api_key", "api/open-webui"], "both readers have the new one"
    assert stat.S_IMODE((tmp_path / "open-webui/admin_password").stat().st_mode) == 0o444
    own = Settings(admin_key_file=tmp_path / "api/admin_key", api_key_file=tmp_path / "api/open-webui")
    assert not exposed_files(own), "the API server does not warn of its own secrets"


def test_the_service_is_installed_for_this_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "scripts", project / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    command = ["bash", str(project / "scripts/install_service.sh")]
    env = {**os.environ, "INSTALL_ROOT": str(tmp_path / "root")}
    unit = tmp_path / "root/etc/systemd/system/rkllm-api.service"
    refused = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert "make setup" in refused.stderr
    assert not unit.exists()
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(sys.executable)
    subprocess.run(command, env=env, capture_output=True, check=True)
    text = unit.read_text()
    assert f"ExecStart={project}/.venv/bin/python -m services" in text
    assert not re.search(r"^[^#].*@[A-Z]+@", text, re.MULTILINE), "every place was filled"
    subprocess.run([*command, "--uninstall"], env=env, capture_output=True, check=True)
    assert not unit.exists()
