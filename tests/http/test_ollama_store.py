"""Models that come and go over Ollama's API: fetched from a hub of our own, deleted with nothing beside them."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
import yaml

from services.models import manifest
from tests.appliance.fake_hub import Hub
from tests.engines import write_fake_model
from tests.gguf_file import write_gguf
from tests.http.conftest import Api


@pytest.fixture
def model(tmp_path: Path) -> bytes:
    """A file that the catalogue takes for a model."""
    folder = tmp_path / ".other"
    folder.mkdir()
    return write_gguf(folder / "tiny.gguf", {"general.architecture": "fake"}).read_bytes()


@pytest.fixture
def hub(tmp_path: Path, model: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    found = Hub()
    found.files = {"somebody/tiny/tiny.gguf": model}
    entry: dict[str, Any] = {
        "id": "tiny", "name": "Tiny", "repository": "somebody/tiny", "file": "tiny.gguf", "size": len(model),
        "sha256": hashlib.sha256(model).hexdigest(), "soc": "any", "memory": 10, "context_length": 512,
        "licence": "mit",
    }  # fmt: skip
    board = {**entry, "id": "board", "soc": "rk3588"}
    (tmp_path / "list.yaml").write_text(yaml.safe_dump({"models": [entry, board]}))
    monkeypatch.setattr(manifest, "MANIFEST", tmp_path / "list.yaml")
    monkeypatch.setenv("HF_ENDPOINT", found.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / ".hf"))
    yield found
    found.end()


def delete(api: Api, name: object) -> falcon.testing.Result:
    return api.http.simulate_delete("/api/delete", body=json.dumps({"model": name}).encode())


def ids(api: Api) -> list[str]:
    return [model["name"] for model in api.http.simulate_get("/api/tags").json["models"]]


def test_a_model_is_pulled_with_its_progress(api: Api, hub: Hub, model: bytes) -> None:
    result = api.post("/api/pull", {"model": "tiny:latest"})
    assert result.headers["content-type"] == "application/x-ndjson"
    first, *between, last = [json.loads(line) for line in result.text.splitlines()]
    assert first == {"status": "pulling manifest"}
    assert last == {"status": "success"}
    assert all(0 <= status["completed"] <= status["total"] == len(model) for status in between)
    assert "tiny:latest" in ids(api)
    assert api.post(
        "/api/chat", {"model": "tiny", "stream": False, "messages": [{"role": "user", "content": "x"}]}
    ).json["done"]


def test_a_model_that_is_there_is_not_fetched_again(api: Api) -> None:
    assert api.post("/api/pull", {"model": "fake", "stream": False}).json == {"status": "success"}
    statuses = [json.loads(line) for line in api.post("/api/pull", {"model": "fake"}).text.splitlines()]
    assert statuses == [{"status": "pulling manifest"}, {"status": "success"}]


def test_a_pull_that_fails_says_why(api: Api, hub: Hub) -> None:
    hub.out_of_turn = True
    hub.files["somebody/tiny/tiny.gguf"] = b"GGUF and something else"
    result = api.post("/api/pull", {"name": "tiny", "stream": False})
    assert result.status_code == 502
    assert "needed is" in result.json["error"]
    last = json.loads(api.post("/api/pull", {"model": "tiny"}).text.splitlines()[-1])
    assert "needed is" in last["error"]
    assert "tiny:latest" not in ids(api)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [("missing", 404, "manifest"), ("../../etc", 404, "manifest"), ("board", 400, "RK3588"), (None, 400, "no model")],
)
def test_what_cannot_be_pulled(api: Api, hub: Hub, name: str | None, status: int, words: str) -> None:
    result = api.post("/api/pull", {"model": name})
    assert result.status_code == status
    assert words in result.json["error"]


def test_a_deleted_model_is_unloaded_and_gone(api: Api, tmp_path: Path) -> None:
    write_fake_model(tmp_path, "other")
    api.post("/api/generate", {"model": "fake"})
    assert api.http.simulate_get("/health").json["current_model"] == "fake"
    result = delete(api, "fake:latest")
    assert (result.status_code, result.text) == (200, "")
    assert not (tmp_path / "fake").exists()
    assert api.http.simulate_get("/health").json["current_model"] is None
    assert ids(api) == ["other:latest"]
    assert delete(api, "fake").status_code == 404


@pytest.mark.parametrize("name", ["..", ".", "", None, "../fake", "fake/..", "/", "qwen", "fa*", "fake\0"])
def test_only_the_id_of_a_model_is_deleted(api: Api, tmp_path: Path, name: str | None) -> None:
    write_fake_model(tmp_path, "qwen-2")
    result = delete(api, name)
    assert 400 <= result.status_code < 500
    assert ids(api) == ["fake:latest", "qwen-2:latest"]


def test_a_folder_that_holds_another_model_stays(api: Api, tmp_path: Path) -> None:
    write_fake_model(tmp_path / "fake", "inner")
    result = delete(api, "fake")
    assert result.status_code == 400
    assert "by hand" in result.json["error"]
    assert delete(api, "inner").status_code == 200
    assert ids(api) == ["fake:latest"]


def test_what_is_no_part_of_the_model_stays_and_is_said(api: Api, tmp_path: Path) -> None:
    chapter = tmp_path / "fake" / "thesis" / "chapter1.txt"
    chapter.parent.mkdir()
    chapter.write_text("It was a dark and stormy night.")
    chapter.with_name("zwölf\n").touch()
    result = delete(api, "fake")
    assert result.status_code == 200
    assert "thesis/chapter1.txt" in result.headers["x-rkllm-warning"]
    assert [path.name for path in (tmp_path / "fake").iterdir()] == ["thesis"]
    assert chapter.read_text() == "It was a dark and stormy night."
    assert ids(api) == []


def test_a_tree_deeper_than_a_recursion_can_go_stays_and_is_said(api: Api, tmp_path: Path) -> None:
    levels = sys.getrecursionlimit() + 10
    place = os.open(tmp_path / "fake", os.O_DIRECTORY)
    for _ in range(levels):  # step by step: the whole path is longer than most calls take
        os.mkdir("d", dir_fd=place)
        place = closed_for(os.open("d", os.O_DIRECTORY, dir_fd=place), place)
    (tmp_path / "fake" / "d" / "note.txt").touch()
    result = delete(api, "fake")
    for above in reversed(range(levels)):  # nothing that clears up after the tests goes so deep
        place = closed_for(os.open("..", os.O_DIRECTORY, dir_fd=place), place)
        if above:
            os.rmdir("d", dir_fd=place)
    os.close(place)
    assert (result.status_code, result.headers["x-rkllm-warning"]) == (
        200,
        "the folder stays, since it has other files: d/note.txt",
    )


def closed_for(new: int, old: int) -> int:
    """Close the descriptor `old` and return `new`."""
    os.close(old)
    return new


def test_all_parts_of_a_model_are_deleted(api: Api, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    for name in ("big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "small.gguf"):
        write_gguf(tmp_path / "big" / name, {"general.architecture": "fake"})
    (tmp_path / "big" / "model.yaml").write_text("file: big-00001-of-00002.gguf")
    assert "small.gguf" in delete(api, "big").headers["x-rkllm-warning"]
    assert [path.name for path in (tmp_path / "big").iterdir()] == ["small.gguf"]


def test_a_link_to_a_folder_elsewhere_stays(api: Api, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = write_fake_model(tmp_path_factory.mktemp("elsewhere"), "linked")
    (tmp_path / "linked").symlink_to(elsewhere)
    assert delete(api, "linked").status_code == 400
    assert elsewhere.exists()
    assert delete(api, "fake").status_code == 200


def test_only_files_inside_of_the_folder_are_deleted(
    api: Api, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    precious = tmp_path_factory.mktemp("elsewhere") / "precious.txt"
    precious.touch()
    fake = tmp_path / "fake"
    (fake / "sub").symlink_to(precious.parent)
    (fake / "folder").mkdir()
    (fake / "own").mkdir()
    (fake / "own" / "note.txt").touch()
    files = ["sub/precious.txt", "folder", "model.yaml/x", "gone/x", "own/note.txt"]
    (fake / ".fetched.json").write_text(json.dumps({"file": "model.gguf", "sha256": "", "files": files}))
    result = delete(api, "fake")
    assert (result.status_code, result.headers["x-rkllm-warning"]) == (
        200,
        "the folder stays, since it has other files: sub",
    )
    assert precious.exists()
    assert sorted(path.name for path in fake.iterdir()) == ["folder", "sub"]


@pytest.mark.parametrize("name", ["Colon:0.6B", "colon:0.6b", "colon:0.6b:latest"])
def test_an_id_with_a_colon_is_its_own(api: Api, tmp_path: Path, name: str) -> None:
    write_fake_model(tmp_path, "Colon:0.6B")
    write_fake_model(tmp_path, "colon-0.6b")
    assert api.post("/api/show", {"model": name}).json["modelfile"].startswith("FROM colon:0.6b\n")
    assert delete(api, name).status_code == 200
    assert ids(api) == ["colon-0.6b:latest", "fake:latest"]
    assert delete(api, name).status_code == 200, "Ollama writes a colon where ids have a hyphen"
    assert ids(api) == ["fake:latest"]


def test_what_others_use_is_the_administrators_to_change(make: Callable[..., Api], tmp_path: Path) -> None:
    write_fake_model(tmp_path, "fake")
    api = make(api_key="user-0123456789abcdef", admin_key="admin-0123456789abcdef")
    body = json.dumps({"model": "fake", "keep_alive": 0}).encode()
    for method, path in (("POST", "/api/pull"), ("POST", "/api/generate"), ("DELETE", "/api/delete")):
        result, allowed = (
            api.http.simulate_request(method, path, body=body, headers={"Authorization": f"Bearer {key}"})
            for key in ("user-0123456789abcdef", "admin-0123456789abcdef")
        )
        assert result.status_code == 403
        assert "administrator" in result.json["error"]
        assert allowed.status_code == 200


def test_a_folder_that_cannot_be_written_names_the_script(
    api: Api, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for result in (api.post("/api/pull", {"model": "tiny"}), delete(api, "fake")):
        assert result.status_code == 503
        assert "scripts/models.sh" in result.json["error"]
    assert ids(api) == ["fake:latest"]
