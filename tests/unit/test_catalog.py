"""The catalogue: which folders hold models, what they are called, how long their contexts are, what is wrong."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import struct
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.core import owner_files
from services.core.errors import ModelNotFound, Unavailable
from services.core.model import Model
from services.core.settings import Settings
from services.engines.registry import SUFFIXES
from services.models import catalog as catalog_module
from services.models import folder, gguf, walk
from services.models.catalog import RETRY, Catalog
from services.models.context_length import named_length
from services.models.names import derived_aliases
from tests.gguf_file import Value, write_gguf


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(Settings(models_dir=tmp_path), SUFFIXES)


def rkllm(root: Path, folder: str, file: str = "model.rkllm", yaml: str | None = None) -> Path:
    path = root / folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"any bytes")
    if yaml is not None:
        path.with_name("model.yaml").write_text(yaml)
    return path


def llama(root: Path, folder: str, context: int = 2048, file: str = "model.gguf") -> Path:
    (root / folder).mkdir(parents=True, exist_ok=True)
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.tags": ["a", "b"],
        "llama.context_length": context,
    }
    return write_gguf(root / folder / file, metadata)


def only(catalog: Catalog) -> Model:
    (model,) = catalog.models()
    assert not catalog.problems()
    return model


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("Qwen2.5-1.5B-Instruct-2K", 2048),
        ("qwen_4k", 4096),
        ("qwen-8k-rkllm", 8192),
        ("Qwen3-4B-16K", 16384),
        ("x-32k", 32768),
        ("phi-3-mini-128k-instruct", 131072),
        ("4k", 4096),
        ("a-4k-then-8k", 8192),
        ("qwen-2kids", None),
        ("disk16k", None),
        ("qwen-4kb", None),
        ("smollm2-135m", None),
        ("x-0k", None),
    ],
)
def test_a_context_length_in_a_name_is_a_token_of_its_own(name: str, length: int | None) -> None:
    assert named_length([name]) == length


def test_the_file_name_goes_before_the_folder_and_the_folder_before_the_default(
    tmp_path: Path, catalog: Catalog
) -> None:
    rkllm(tmp_path / "with-16k-parent", "A-8k", "a-2k.rkllm")
    rkllm(tmp_path, "B-8k")
    rkllm(tmp_path, "C")
    assert [model.context_length for model in catalog.models()] == [2048, 8192, 4096]


@pytest.mark.parametrize(
    ("folder", "trained", "length"),
    [("a", 2048, 2048), ("a", 131072, 8192), ("a-16k", 131072, 16384), ("a-16k", 4096, 4096)],
)
def test_a_gguf_tells_its_context(tmp_path: Path, catalog: Catalog, folder: str, trained: int, length: int) -> None:
    llama(tmp_path, folder, trained)
    assert only(catalog).context_length == length


def test_ids_come_from_folders(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "Qwen3 4B_Chat")
    model = only(catalog)
    assert (model.id, model.name, model.engine) == ("qwen3-4b-chat", "Qwen3 4B_Chat", "rkllm")


def test_model_yaml_overrides(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(
        tmp_path,
        "Qwen3-4k",
        yaml="""
            name: Qwen 3
            description: It thinks.
            context_length: 1000
            capabilities: [chat]
            aliases: [Best One, qwen3]
            engine: rkllm_cli
            sampling: {temperature: 0.5, max_tokens: 99}
            system_prompt: "Be brief. "
            thinking: false
        """,
    )
    model = only(catalog)
    assert (model.name, model.description, model.context_length) == ("Qwen 3", "It thinks.", 1000)
    assert (model.engine, model.system_prompt, model.thinking) == ("rkllm_cli", "Be brief.", False)
    assert model.capabilities == {"chat"}
    assert dict(model.sampling)["temperature"] == 0.5
    assert dict(model.sampling)["max_tokens"] == 99
    assert catalog.resolve("best-one") == catalog.resolve("Best One") == model


@pytest.mark.parametrize(
    ("yaml", "part"),
    [
        ("contextlength: 5", "nearest is 'context_length'"),
        ("sampling: {temprature: 1}", "nearest is 'temperature'"),
        ("context_length: long", "context_length"),
        ("capabilities: [fly]", "capabilities"),
        ("a: [", "is no YAML"),
        ("- a", "is wrong"),
        ("file: other.rkllm", "which is not there"),
    ],
)
def test_a_wrong_model_yaml_is_named(tmp_path: Path, catalog: Catalog, yaml: str, part: str) -> None:
    rkllm(tmp_path, "A", yaml=yaml)
    assert not catalog.models()
    (problem,) = catalog.problems()
    assert str(tmp_path / "A") in problem
    assert part in problem


def test_a_sharded_gguf_counts_once(tmp_path: Path, catalog: Catalog) -> None:
    for number in (1, 2):
        llama(tmp_path, "Big", file=f"big-0000{number}-of-00002.gguf")
    model = only(catalog)
    assert model.path.name == "big-00001-of-00002.gguf"
    assert model.size_bytes == 2 * model.path.stat().st_size
    model.path.unlink()
    assert "1 of the 2 parts" in catalog.problems()[0]


def test_two_models_in_a_folder_need_a_choice(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "A", "one.rkllm")
    path = rkllm(tmp_path, "A", "two.rkllm")
    assert "it has 2 models" in catalog.problems()[0]
    path.with_name("model.yaml").write_text("file: two.rkllm")
    assert only(catalog).path == path


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"PK\3\4 no model at all", "does not begin with GGUF"),
        (b"GGUF\x03\0\0\0", "ends inside"),
        (b"GGUF\x09\0\0\0" + bytes(16), "version is 9"),
        (b"GGUF\x03\0\0\0" + bytes(8) + b"\1" + bytes(7) + b"\xff" * 8, "string of"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (bytes(4096), "begins with zeros"),
        (b"/annex/objects/SHA256E-s100", "git annex get"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, catalog: Catalog, content: bytes, part: str) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "a.gguf").write_bytes(content)
    (problem,) = catalog.problems()
    assert part in problem
    assert not catalog.models()


def test_files_that_are_no_language_model_are_passed_over(tmp_path: Path, catalog: Catalog) -> None:
    llama(tmp_path, "A")
    folder = tmp_path / "A"
    names = ("mmproj-a", "a-mmproj-f16", "A.MMPROJ.Q8", "a-imatrix", "no-gguf")
    for name in (*(f"{name}.gguf" for name in names), "readme.md", ".hidden.gguf", "a.gguf.part", "a.gguf.incomplete"):
        (folder / name).write_bytes(b"x")
    for name, what in NO_MODELS.items():
        write_gguf(folder / f"{name}.gguf", what)
    llama(tmp_path, "A", file="b-00001-of-00002.gguf")
    (folder / "c.gguf").write_bytes(b"")
    (folder / "d.gguf").symlink_to("/nowhere")
    (folder / "e.gguf").symlink_to(folder / "e.gguf")
    os.mkfifo(folder / "f.gguf")
    (tmp_path / ".trash" / "B").mkdir(parents=True)
    rkllm(tmp_path / ".trash", "B")
    assert only(catalog).path == folder / "model.gguf"


NO_MODELS: dict[str, dict[str, Value]] = {
    "clip": {"general.architecture": "clip"},
    "encoder": {"general.architecture": "llama", "general.type": "mmproj"},
    "lora": {"general.architecture": "llama", "general.type": "adapter"},
    "matrix": {"general.type": "imatrix"},
    "chunks": {"general.architecture": "llama", "imatrix.chunk_count": 3},
    "control": {"general.architecture": "controlvector"},
}


@pytest.mark.parametrize("name", NO_MODELS)
def test_a_file_that_is_no_language_model_is_said_to_be_none(tmp_path: Path, catalog: Catalog, name: str) -> None:
    (tmp_path / "A").mkdir()
    write_gguf(tmp_path / "A" / f"{name}.gguf", NO_MODELS[name])
    rkllm(tmp_path, "B")
    assert [model.id for model in catalog.models()] == ["b"]
    assert "and no language model" in catalog.problems()[0]


def test_a_model_that_was_quantised_with_a_matrix_is_one(tmp_path: Path, catalog: Catalog) -> None:
    llama(tmp_path, "A", file="a-imatrix-Q4_K_M.gguf")
    assert only(catalog).id == "a"


def test_a_file_without_a_folder_is_reported(tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "a.rkllm").write_bytes(b"x")
    assert "give it a folder of its own" in catalog.problems()[0]


def test_equal_ids_are_reported_and_not_merged(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "Qwen 3")
    rkllm(tmp_path, "qwen_3")
    assert [model.path.parent.name for model in catalog.models()] == ["Qwen 3"]
    assert "rename one" in catalog.problems()[0]


def test_changes_are_noticed(tmp_path: Path, catalog: Catalog) -> None:
    assert catalog.models() == ()
    path = rkllm(tmp_path, "A", yaml="context_length: 100")
    before = only(catalog)
    path.with_name("model.yaml").write_text("context_length: 2000")
    assert only(catalog).context_length == 2000
    assert only(catalog) != before
    shutil.rmtree(path.parent)
    assert catalog.models() == ()


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
def test_a_changed_file_beside_an_npu_model_makes_it_another(tmp_path: Path, catalog: Catalog, name: str) -> None:
    beside = rkllm(tmp_path, "npu").with_name(name)
    before = catalog.resolve("npu")
    beside.write_text("{}")
    with_it = catalog.resolve("npu")
    beside.write_text("{ }")
    changed = catalog.resolve("npu")
    beside.unlink()
    assert len({before, with_it, changed}) == 3
    assert catalog.resolve("npu") == before


def test_a_file_beside_a_gguf_changes_nothing(tmp_path: Path, catalog: Catalog) -> None:
    llama(tmp_path, "cpu")
    before = catalog.resolve("cpu")
    (tmp_path / "cpu" / "tokenizer.json").write_text("{}")
    assert catalog.resolve("cpu") == before


def test_nothing_is_read_again_while_nothing_changes(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "A")
    assert catalog.models() is catalog.models()


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Catalog(Settings(models_dir=tmp_path / "none"), SUFFIXES).models() == ()


def test_derived_aliases() -> None:
    assert derived_aliases("qwen2.5-1.5b-instruct-4k") == [
        "qwen2.5-1.5b-instruct", "qwen2.5-1.5b", "qwen2.5", "qwen2", "qwen",
    ]  # fmt: skip
    assert derived_aliases("deepseek-r1") == ["deepseek"]
    assert derived_aliases("4k") == []


def test_an_alias_two_models_claim_nobody_gets_and_the_log_says_so(
    tmp_path: Path, catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    rkllm(tmp_path, "Qwen3-4B-16K")
    rkllm(tmp_path, "Qwen3-4B-4K")
    with caplog.at_level(logging.INFO):
        assert [model.aliases for model in catalog.models()] == [(), ()]
    assert "'qwen3'" in caplog.text
    assert "qwen3-4b-16k, qwen3-4b-4k" in caplog.text
    with pytest.raises(ModelNotFound):
        catalog.resolve("qwen3")


def test_an_id_is_never_shadowed_by_an_alias(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "qwen")
    rkllm(tmp_path, "qwen-4b", yaml="aliases: [qwen, mine]")
    assert catalog.resolve("qwen").id == "qwen"
    assert catalog.resolve("mine").id == "qwen-4b"
    assert "is the id of a model" in catalog.problems()[0]


def test_a_written_alias_goes_before_a_derived_one(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "qwen3-4b")
    rkllm(tmp_path, "qwen3-8b", yaml="aliases: [qwen3]")
    assert catalog.resolve("qwen3").id == "qwen3-8b"


def test_other_folders_do_not_make_a_model_another_one(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "qwen3-4b")
    before = only(catalog)
    rkllm(tmp_path, "qwen3-8b")
    after = catalog.resolve("qwen3-4b")
    assert before.aliases != after.aliases
    assert before == after


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "/", "a\x00b", "qwen3-4b/../x", "QWEN9"])
def test_an_unknown_name_is_refused_with_the_names_there_are(tmp_path: Path, catalog: Catalog, name: str) -> None:
    rkllm(tmp_path, "qwen3-4b")
    with pytest.raises(ModelNotFound, match="qwen3"):
        catalog.resolve(name)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", ["keys", "list", "strings", "pipe"])
def test_a_damaged_file_takes_no_time(tmp_path: Path, catalog: Catalog, what: str) -> None:
    rkllm(tmp_path, "good")
    path = tmp_path / "A" / "a.gguf"
    path.parent.mkdir()
    if what == "pipe":
        os.mkfifo(path)
    else:
        count = 2**63 if what == "keys" else 50
        value = b"" if what == "keys" else struct.pack("<QIIQ", 0, 9, 0 if what == "list" else 8, gguf.LIMIT)
        path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, count) + value)
        os.truncate(path, 300_000_000)
    begin = time.thread_time()
    assert [model.id for model in catalog.models()] == ["good"]
    assert time.thread_time() - begin < 2
    assert str(path.parent) in catalog.problems()[0]


def test_links_show_each_folder_once_and_by_its_own_path(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path / "team", "A")
    rkllm(tmp_path, "Z")
    (tmp_path / "team" / "A" / "again").symlink_to(tmp_path)
    (tmp_path / "B").symlink_to(tmp_path / "team" / "A")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "self").symlink_to(".")
    assert [model.path.parent for model in catalog.models()] == [tmp_path / "team" / "A", tmp_path / "Z"]
    assert not catalog.problems()


def test_a_link_to_a_folder_elsewhere_is_followed(
    tmp_path: Path, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rkllm(tmp_path_factory.mktemp("disk"), "A")
    (tmp_path / "A").symlink_to(tmp_path_factory.getbasetemp() / "disk0" / "A")
    assert only(catalog).id == "a"


def fail(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int) -> None:
    """Let nobody list `folder`, as if it had the error `number`."""
    list_entries = walk.list_entries

    def listed(path: Path, most: int) -> object:
        if path == folder:
            raise OSError(number, os.strerror(number))
        return list_entries(path, most)

    monkeypatch.setattr(walk, "list_entries", listed)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, errno.ENOMEM])
@pytest.mark.parametrize("place", ["", "A"])
def test_what_cannot_be_read_just_now_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, place: str
) -> None:
    rkllm(tmp_path, "A")
    now = [0.0]
    catalog = Catalog(Settings(models_dir=tmp_path), SUFFIXES, clock=lambda: now[0])
    known = catalog.models()
    with monkeypatch.context() as patch:
        fail(patch, tmp_path / place, number)
        assert catalog.models() == known
        assert catalog.resolve("a") == known[0]
        assert os.strerror(number) in catalog.problems()[0]
        with pytest.raises(Unavailable, match="Try again"):
            catalog.resolve("b")
    now[0] += RETRY
    assert only(catalog) == known[0]
    with pytest.raises(ModelNotFound):
        catalog.resolve("b")


def test_a_header_that_cannot_be_read_just_now_is_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    llama(tmp_path, "A")
    now = [0.0]
    catalog = Catalog(Settings(models_dir=tmp_path), SUFFIXES, clock=lambda: now[0])

    def fails(path: Path) -> dict[str, gguf.Value]:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(gguf, "read_metadata", fails)
        with pytest.raises(Unavailable, match="Input/output error"):
            catalog.resolve("a")
    assert "Input/output error" in catalog.problems()[0]
    now[0] += RETRY
    assert only(catalog).id == "a"


def test_a_folder_that_may_not_be_read_hides_no_other(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    rkllm(tmp_path, "A")
    rkllm(tmp_path, "B")
    fail(monkeypatch, tmp_path / "A", errno.EACCES)
    assert [model.id for model in catalog.models()] == ["b"]
    assert f"{tmp_path / 'A'} cannot be read: Permission denied" in catalog.problems()[0]
    with pytest.raises(ModelNotFound):
        catalog.resolve("a")


def test_a_folder_of_too_many_files_is_named(tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "ENTRIES", 3)
    for name in "abcd":
        rkllm(tmp_path, name)
    assert "more than 3 files and folders" in catalog.problems()[0]


def test_a_folder_of_too_many_folders_is_named(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "FOLDERS", 3)
    for name in "abc":
        rkllm(tmp_path, name)
    assert len(catalog.models()) == 2
    assert "more than 3 folders, and only so many are looked at" in catalog.problems()[0]
    (tmp_path / "c" / "model.rkllm").rename(tmp_path / "b" / "other.txt")
    (tmp_path / "c").rmdir()
    assert len(catalog.models()) == 2
    assert not catalog.problems()


def test_a_folder_of_too_many_models_is_named(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "MOST", 2)
    for name in "abcd":
        rkllm(tmp_path, name)
    assert [model.id for model in catalog.models()] == ["a", "b"]
    (problem,) = catalog.problems()
    assert f"{tmp_path / 'c'} and the model folders after it" in problem


def test_a_model_yaml_that_leads_nowhere_is_named(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "A").with_name("model.yaml").symlink_to("gone.yaml")
    assert "a link to a file that is not there" in catalog.problems()[0]


def test_a_file_that_would_let_its_reader_wait_is_named(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    llama(tmp_path, "A")
    rkllm(tmp_path, "B")
    reader, writer = os.pipe()
    # A pipe that may pass for a regular file acts as /proc/kmsg does for the superuser.
    os.set_blocking(reader, False)
    real = owner_files.regular_descriptor

    def opener(path: str, flags: int) -> int:
        return os.dup(reader) if path.endswith(".gguf") else real(path, flags)

    monkeypatch.setattr(owner_files, "regular_descriptor", opener)
    assert [model.id for model in catalog.models()] == ["b"]
    assert "model.gguf cannot be read: it has no content" in catalog.problems()[0]
    os.close(reader)
    os.close(writer)


def test_a_mistake_of_the_server_costs_one_model(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rkllm(tmp_path, "A")
    rkllm(tmp_path, "B", yaml="name: b")
    read_settings = folder.read_settings

    def fails(path: Path) -> Any:
        return read_settings(path) if path.exists() else 1 // 0

    monkeypatch.setattr(folder, "read_settings", fails)
    assert [model.id for model in catalog.models()] == ["b"]
    assert "A is not used: ZeroDivisionError" in catalog.problems()[0]
    assert "Traceback" in caplog.text


def test_only_what_changed_is_read_again(tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        rkllm(tmp_path, name)
    read: list[str] = []
    read_model = folder.read_model

    def noted(place: Path, *more: Any) -> Model:
        read.append(place.name)
        return read_model(place, *more)

    monkeypatch.setattr(folder, "read_model", noted)
    catalog.models()
    rkllm(tmp_path, "a", yaml="name: other")
    catalog.models()
    (tmp_path / "b" / "model.rkllm").chmod(0o600)
    catalog.models()
    assert read == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        (b"caf\xe9", "no UTF-8"),
        (b" ", "only blanks"),
        (b"new\nline", "control"),
        (b"a\x1b[31mred", "control"),
        (b"\xc2\x9b1m", "control"),
    ],
)
def test_odd_names_of_folders_can_be_sent(tmp_path: Path, catalog: Catalog, folder: bytes, part: str) -> None:
    rkllm(tmp_path, os.fsdecode(folder))
    (problem,) = catalog.problems()
    assert part in problem
    assert problem.isprintable()


def test_an_odd_model_yaml_is_one_short_sentence(tmp_path: Path) -> None:
    catalog = Catalog(Settings(models_dir=tmp_path), SUFFIXES, ("hermes",))
    rkllm(tmp_path, "good")
    odd = ("tools: " + "x" * 9999, "x" * 999 + ": 1", "capabilities: [" + "x" * 9999 + "]", "sampling: 5",
           "sampling: [", "context_length: 9999999999999", "file: " + "x" * 9999,
           "sampling: {temperature: .nan}")  # fmt: skip
    for index, text in enumerate(odd):
        rkllm(tmp_path, f"odd{index}", yaml=text)
    assert [model.id for model in catalog.models()] == ["good"]
    assert len(catalog.problems()) == len(odd)
    assert max(map(len, catalog.problems())) < 700


@pytest.mark.parametrize(("seconds", "year"), [(-(10**10), 1970), (10**10, 2286), (2**40, 9999)])
def test_any_time_of_a_file_is_a_date(tmp_path: Path, catalog: Catalog, seconds: int, year: int) -> None:
    path = rkllm(tmp_path, "A")
    try:
        os.utime(path, (seconds, seconds))
    except OSError:
        pytest.skip("this file system has no such times")
    assert datetime.fromtimestamp(only(catalog).created, UTC).year <= year


def test_chat_models_come_first(tmp_path: Path, catalog: Catalog) -> None:
    for name in ("a-embed", "b", "c-embed", "d"):
        rkllm(tmp_path, name)
    assert [model.id for model in catalog.models()] == ["b", "d", "a-embed", "c-embed"]


@pytest.mark.parametrize("name", ["Qwen3 4B", "QWEN3:4b", "qwen3-4b:latest", "qwen3:4B:LATEST", "qwen3:latest"])
def test_a_name_may_have_a_tag(tmp_path: Path, catalog: Catalog, name: str) -> None:
    rkllm(tmp_path, "qwen3-4b")
    assert catalog.resolve(name).id == "qwen3-4b"


def test_a_name_of_any_length_is_refused_in_a_short_sentence(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "qwen3-4b")
    for name in ("x" * 1_000_000, "x" * 256):
        with pytest.raises(ModelNotFound) as caught:
            catalog.resolve(name)
        assert len(caught.value.message) < 600


def test_an_unreadable_head_is_a_problem_and_no_crash(tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "A").mkdir()
    os.symlink("/nowhere", tmp_path / "A" / "a.gguf")
    assert catalog.models() == ()
    assert "A" in catalog.problems()[0]


def test_metadata_stops_at_the_lists_of_the_tokenizer(tmp_path: Path) -> None:
    own: dict[str, Value] = {"a": 1, "b": 0.5, "c": True, "tokenizer.ggml.model": "z"}
    for last in ({"tokenizer.ggml.tokens": ["x"]}, {"tokenizer.chat_template": "x" * gguf.LIMIT}):
        path = write_gguf(tmp_path / "a.gguf", {**own, "d": ["x"], **last, "e": 1})
        assert gguf.read_metadata(path) == own


@pytest.mark.parametrize(
    ("metadata", "capability", "pooling"),
    [
        ({"general.architecture": "bert", "bert.pooling_type": 1}, "embedding", ""),
        ({"general.architecture": "bert"}, "embedding", ""),
        ({"general.architecture": "nomic-bert", "nomic-bert.pooling_type": 1}, "embedding", ""),
        ({"general.architecture": "qwen3", "qwen3.pooling_type": 3}, "embedding", ""),
        ({"general.architecture": "bert", "bert.pooling_type": 4}, "rerank", ""),
        ({"general.architecture": "qwen3", "qwen3.pooling_type": 0}, None, "mean"),
        ({"general.architecture": "llama"}, None, "mean"),
    ],
)
def test_the_file_says_what_a_model_is_for(
    catalog: Catalog, tmp_path: Path, metadata: dict[str, Value], capability: str | None, pooling: str
) -> None:
    (tmp_path / "m").mkdir()
    write_gguf(tmp_path / "m" / "m.gguf", metadata)
    model = only(catalog)
    assert model.capabilities == ({capability} if capability else {"chat", "completion"})
    assert model.pooling == pooling


def test_a_model_for_vectors_has_a_shorter_context_unless_set_otherwise(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    write_gguf(tmp_path / "m" / "m.gguf", {"general.architecture": "bert", "bert.context_length": 8192})
    assert only(catalog).context_length == 2048
    (tmp_path / "m" / "model.yaml").write_text("context_length: 8192\n")
    assert only(catalog).context_length == 8192


@pytest.mark.parametrize(
    ("folder", "able"),
    [
        ("Qwen3-Embedding-0.6B", {"embedding"}),
        ("qwen3_embed_w8a8", {"embedding"}),
        ("Qwen3-0.6B", {"chat", "completion"}),
        ("reembedded", {"chat", "completion"}),
    ],
)
def test_the_name_of_an_rkllm_model_says_its_purpose(
    catalog: Catalog, tmp_path: Path, folder: str, able: set[str]
) -> None:
    rkllm(tmp_path, folder)
    assert only(catalog).capabilities == able


def test_model_yaml_says_what_a_file_does_not(catalog: Catalog, tmp_path: Path) -> None:
    folder = llama(tmp_path, "m").parent
    (folder / "model.yaml").write_text("capabilities: [chat, embedding]\npooling: last\nmatryoshka: true\n")
    model = only(catalog)
    assert model.capabilities == {"chat", "embedding"}
    assert (model.pooling, model.matryoshka) == ("last", True)
    (folder / "model.yaml").write_text("capabilities: [dance]\n")
    assert "capabilities" in catalog.problems()[0]


HERMES = "{%- if tools %}{{ tools | tojson }} <tool_call>{% endif %}"


@pytest.mark.parametrize(
    ("template", "yaml", "found"),
    [
        (HERMES, "", ""),
        ("", "tools: hermes", "hermes"),
        (HERMES, "tools: json", "json"),
        (HERMES, "tools: off", "off"),
        (HERMES, "tools: 'off'", "off"),
        (HERMES, "tools: on", ""),
        (HERMES, "tools: required_only", "required_only"),
    ],
)
@pytest.mark.parametrize("engine", ["llama", "rkllm"])
def test_the_template_and_what_model_yaml_says_of_tools(
    tmp_path: Path, catalog: Catalog, engine: str, template: str, yaml: str, found: str
) -> None:
    folder = tmp_path / "A"
    if engine == "llama":
        folder.mkdir()
        write_gguf(folder / "a.gguf", {"tokenizer.ggml.model": "x", "tokenizer.chat_template": template})
    else:
        rkllm(tmp_path, "A")
        (folder / "tokenizer.json").write_text("{}")
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    (folder / "model.yaml").write_text(yaml)
    model = only(catalog)
    assert (model.tools, model.chat_template) == (found, template)


def test_a_template_without_a_tokenizer_renders_nothing(tmp_path: Path, catalog: Catalog) -> None:
    rkllm(tmp_path, "A")
    (tmp_path / "A" / "chat_template.jinja").write_text(HERMES)
    assert only(catalog).chat_template == ""


@pytest.mark.parametrize(
    "content",
    [
        "no json", "[1]", '{"chat_template": 5}', '{"chat_template": [5, {"name": 1}]}',
        '{"chat_template": [{"name": []}]}',
        '{"chat_template": "\\ud800"}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_broken_tokenizer_configuration_is_no_template(tmp_path: Path, catalog: Catalog, content: str) -> None:
    rkllm(tmp_path, "A")
    (tmp_path / "A" / "tokenizer.json").write_text("{}")
    (tmp_path / "A" / "tokenizer_config.json").write_text(content)
    assert only(catalog).chat_template == ""


def test_an_unknown_family_is_a_problem_that_lists_the_known_ones(tmp_path: Path) -> None:
    rkllm(tmp_path, "A", yaml="tools: hermez")
    (problem,) = Catalog(Settings(models_dir=tmp_path), SUFFIXES, ("hermes", "llama")).problems()
    assert "the unknown tools: hermez; write one of hermes, llama, off, required_only" in problem
