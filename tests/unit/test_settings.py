"""Settings: defaults, file, environment, and a sentence for everything that is wrong."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from scripts import settings_docs
from services.core import logs
from services.core.settings import FIELDS, Settings, SettingsError, from_environment, load_settings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def test_the_generated_files_are_up_to_date() -> None:
    assert settings_docs.EXAMPLE.read_text() == settings_docs.example(), "run: make docs"
    page = settings_docs.PAGE.read_text()
    assert page == settings_docs.page(page), "run: make docs"


def test_the_example_file_contains_every_setting_with_its_default() -> None:
    assert load_settings(settings_docs.EXAMPLE, {}) == Settings()
    assert list(yaml.safe_load(settings_docs.EXAMPLE.read_text())) == [field.name for field in settings_docs.settings()]


def test_every_setting_is_described() -> None:
    described = {one.name: one.description for one in settings_docs.settings()}
    assert set(described) == set(FIELDS)
    assert not [name for name, text in described.items() if not text.endswith(".") or "|" in text]


def test_a_setting_without_a_description_is_an_error() -> None:
    with pytest.raises(ValueError, match="port has no docstring"):
        settings_docs.setting("server", "port", None)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "port: 9000\nqueue_depth: 3\n")
    settings = load_settings(path, {"RKLLM_PORT": "9001", "PATH": "/bin"})
    assert (settings.port, settings.queue_depth) == (9001, 3)


def test_values_from_the_environment_have_types() -> None:
    env = {
        "RKLLM_CORS_ORIGINS": "http://a, http://b,",
        "RKLLM_LOG_FILE": "~/server.log",
        "RKLLM_API_LOG_LEVEL": "debug",
        "RKLLM_RAG_DEDUP_SIMILARITY": "0.5",
        "RKLLM_DEFAULT_MODEL": " ",
        "RKLLM_LOG_LEVEL": "1",
        "RKLLM_CONFIG": "x",
    }
    settings = load_settings(None, env)
    assert settings.cors_origins == ("http://a", "http://b")
    assert settings.log_file == Path.home() / "server.log"
    assert settings.api_log_level == "DEBUG"
    assert settings.rag_dedup_similarity == 0.5
    assert settings.default_model == ""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("prot: 1", ["'prot'", "nearest is 'port'"]),
        ("zzzzzz: 1", ["'zzzzzz'", "known are", "port"]),
        ("port: '80'", ["port in", "'80'", "int"]),
        ("port: 70000", ["port in", "65535"]),
        ("queue_depth: -1", ["queue_depth in", ">= 0"]),
        ("api_log_level: LOUD", ["api_log_level in", "LOUD"]),
        ("rag_dedup_similarity: 7", ["rag_dedup_similarity in"]),
        ("shutdown_timeout: .inf", ["shutdown_timeout in", "<= 315360000"]),
        ("idle_unload_timeout: .nan", ["idle_unload_timeout in", ">= 0"]),
        ("rag_min_quality_score: .nan", ["rag_min_quality_score in", ">= 0"]),
        ("cpu_threads: 9999999999", ["cpu_threads in", "<= 2147483647"]),
        ("models_dir: ~nobody-has-this-name/x", ["models_dir in", "no such home folder"]),
        ("models_dir: ''", ["models_dir in", "path"]),
        ("cors_origins: http://a", ["cors_origins in", "array"]),
        ("- port", ["contains a list", "key: value"]),
        ("port: [", ["is no YAML"]),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text), {})
    assert not [part for part in parts if part not in str(caught.value)], caught.value


@pytest.mark.parametrize(
    "text",
    ["api_key: 1234567890123456789", "admin_key: [1234567890123456789]", "api_key: 1234567890123456789\nport: ["],
)
def test_a_key_that_is_no_text_is_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text), {})
    assert "1234567890123456789" not in str(caught.value)
    assert "quotation marks" in str(caught.value) or "in line " in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "part"),
    [
        ("RKLLM_PORT", "many", "RKLLM_PORT"),
        ("RKLLM_PROT", "1", "nearest is 'port'"),
        ("RKLLM_IDLE_UNLOAD_TIMEOUT", "-1", ">= 0"),
        ("RKLLM_HOST", "\udcff", "RKLLM_HOST has a control character, or bytes that are no UTF-8"),
        ("RKLLM_API_KEY", "\udcff" * 20, "RKLLM_API_KEY has a control character, or bytes that are no UTF-8"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(variable: str, text: str, part: str) -> None:
    with pytest.raises(SettingsError, match=part):
        load_settings(None, {variable: text})


def test_a_home_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"RKLLM_CONFIG: .*no such home folder"):
        from_environment({"RKLLM_CONFIG": "~nobody-has-this-name/config.yaml"})


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, ""), {}) == Settings()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.yaml cannot be read"):
        load_settings(tmp_path / "nothing.yaml", {})


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before, level, factory = root.handlers[:], root.level, logging.getLogRecordFactory()
    root.handlers = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = before, level
    logging.setLogRecordFactory(factory)


def test_logs_go_to_a_file_that_rotates(tmp_path: Path, root_logger: logging.Logger) -> None:
    path = tmp_path / "api.log"
    logs.configure(Settings(log_file=path, api_log_level="WARNING"))
    logging.getLogger("test").info("not this")
    logging.getLogger("test").warning("but this")
    assert "but this" in path.read_text()
    assert "not this" not in path.read_text()
    assert not path.stat().st_mode & 0o137, "strangers may not read it, and its group may not change it"
    rotating = root_logger.handlers[1]
    assert isinstance(rotating, logging.handlers.RotatingFileHandler)
    assert (rotating.maxBytes, rotating.backupCount) == (10_000_000, 3)


@pytest.mark.parametrize("key", ["rk-" + "-_aB3" * 8 + "xyz", "0123456789abcdef" * 4])
@pytest.mark.parametrize(
    "words", ["path=/v1/%s/models status=404", "Invalid HTTP Header: 'Bearer %s'", "id=%s method=GET"]
)
def test_a_key_in_a_wrong_place_is_in_no_log(tmp_path: Path, root_logger: logging.Logger, key: str, words: str) -> None:
    path = tmp_path / "api.log"
    logs.configure(Settings(log_file=path))
    logging.getLogger("test").warning(words, key)
    assert words % "(key)" in path.read_text()


@pytest.mark.parametrize("place", ["no/such/folder", ".", "pipe"])
@pytest.mark.parametrize("use", [logs.configure, logs.check_file])
def test_a_log_file_that_cannot_be_written_is_named(
    tmp_path: Path, root_logger: logging.Logger, place: str, use: Callable[[Settings], None]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="log_file"):
        use(Settings(log_file=tmp_path / place))
