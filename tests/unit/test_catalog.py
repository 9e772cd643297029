"""The catalogue: which folders hold models, what they are called, how long their contexts are, what is wrong."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import pytest

from services.core.errors import ModelNotFound
from services.core.model import Model
from services.core.settings import Settings
from services.engines.registry import SUFFIXES
from services.models import gguf
from services.models.catalog import Catalog, derived_aliases
from services.models.context_length import named_length
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
    for name in ("mmproj-a.gguf", "readme.md", ".hidden.gguf", "a.gguf.part"):
        (tmp_path / "A" / name).write_bytes(b"x")
    (tmp_path / ".trash" / "B").mkdir(parents=True)
    rkllm(tmp_path / ".trash", "B")
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


def test_an_unreadable_head_is_a_problem_and_no_crash(tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "A").mkdir()
    os.symlink("/nowhere", tmp_path / "A" / "a.gguf")
    assert catalog.models() == ()
    assert "A" in catalog.problems()[0]


def test_metadata_stops_at_the_tokenizer(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "a.gguf", {"a": 1, "b": 0.5, "c": True, "d": ["x"], "tokenizer.ggml.model": "z"})
    assert gguf.read_metadata(path) == {"a": 1, "b": 0.5, "c": True}


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


@pytest.mark.parametrize("content", ["no json", "[1]", '{"chat_template": 5}', '{"chat_template": [5, {"name": 1}]}'])
def test_a_broken_tokenizer_configuration_is_no_template(tmp_path: Path, catalog: Catalog, content: str) -> None:
    rkllm(tmp_path, "A")
    (tmp_path / "A" / "tokenizer.json").write_text("{}")
    (tmp_path / "A" / "tokenizer_config.json").write_text(content)
    assert only(catalog).chat_template == ""


def test_an_unknown_family_is_a_problem_that_lists_the_known_ones(tmp_path: Path) -> None:
    rkllm(tmp_path, "A", yaml="tools: hermez")
    (problem,) = Catalog(Settings(models_dir=tmp_path), SUFFIXES, ("hermes", "llama")).problems()
    assert "the unknown tools: hermez; write one of hermes, llama, off, required_only" in problem
