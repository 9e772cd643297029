"""YAML files of the owner: plain values come out, one sentence for all else, in bounded time."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.core.keys import keys_from_file
from services.core.settings import SettingsError, load_settings
from services.core.yaml_file import LIMIT, YamlError, parse_yaml, read_yaml
from services.models.folder import read_settings
from services.models.manifest import ManifestError, load_manifest
from services.models.model_files import Unusable

READERS: list[tuple[Callable[[Path], Any], type[Exception]]] = [
    (lambda path: load_settings(path, {}), SettingsError),
    (keys_from_file, SettingsError),
    (read_settings, Unusable),
    (load_manifest, ManifestError),
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("\ufeffa: 1", {"a": 1}),
        ("a: [1, 1.5, yes, off, ~, text]", {"a": [1, 1.5, True, False, None, "text"]}),
        ("a: 2024-02-30", {"a": "2024-02-30"}),
        ("a: 2024-02-20 10:00:00", {"a": "2024-02-20 10:00:00"}),
        ("a: '5'\n5: 6\non: =", {"a": "5", "5": 6, "on": "="}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: 0x_", {"a": "0x_"}),
        ("a: " + "9" * 5000, {"a": "9" * 5000}),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    assert parse_yaml(text.encode()) == value


ODD: dict[str, str | bytes] = {
    "alias": "a: &x 1\nb: *x",
    "merge": "a: &x {b: 1}\nc: {<<: *x}",
    "bomb": "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 1}]\n" for i in range(30)),
    "merge bomb": "- &a0 {b: 1}\n" + "".join(f"- &a{i + 1} {{<<: [*a{i}, *a{i}, *a{i}]}}\n" for i in range(30)),
    "tag": "a: !!bool x",
    "binary": "a: !!binary x",
    "object": "a: !!python/object/apply:os.getpid []",
    "timestamp": "a: !!timestamp x",
    "twice": "a: 1\na: 2",
    "documents": "a: 1\n---\na: 2",
    "deep list": "[" * 50_000,
    "deep mapping": "{a: " * 20_000,
    "deep lines": "- " * 50_000,
    "deep keys": "? " * 50_000,
    "key": "[a]: b",
    "half a character": r'a: "\ud800"',
    "nul": r'a: "\0"',
    "escape": r'a: "\e[31m"',
    "raw nul": "a: \0",
    "no end": "a: '" + "x" * 50_000,
    "indent": "a: 1\n   b: 2",
    "latin": b"a: \xe9",
    "large": "a: b\n" + "# x\n" * LIMIT,
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("reader", range(len(READERS)))
def test_every_file_of_the_owner_is_read_with_one_sentence_for_what_is_odd(
    tmp_path: Path, odd: str, reader: int
) -> None:
    read, kind = READERS[reader]
    content = ODD[odd]
    path = tmp_path / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((kind, OSError)) as caught:
        read(path)
    assert len(str(caught.value)) < 400 + len(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", range(len(READERS)))
@pytest.mark.timeout(10)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path, reader: int) -> None:
    read, kind = READERS[reader]
    os.mkfifo(tmp_path / "file.yaml")
    with pytest.raises((kind, OSError), match="no regular file"):
        read(tmp_path / "file.yaml")


def test_an_error_says_where_and_shows_nothing_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("- name: a\n  sha256: [secret-secret\n- x: }")
    with pytest.raises(YamlError, match="in line 3") as caught:
        read_yaml(path)
    assert "secret" not in str(caught.value)


PIECES = (
    "a", "b: ", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ", ", "? ", "&x ", "*x", "<<: ", "!!int ", "!x ", "'", '"',
    "|\n", ">-\n", "#", "---\n", "...\n", "%YAML 1.1\n", "1", "1.5", "0x", "_", "1:30", "2024-01-01", "~", "yes",
    ".inf", "\t", "\0", "\x1b", "\ufeff", "é", "\U0001f600", "\x85", "\\ud800", "\\x00", "\u2028", "@", "`",
)  # fmt: skip


def generated(dice: random.Random) -> bytes:
    data = bytearray("".join(dice.choices(PIECES, k=dice.randrange(1, 40))).encode())
    if dice.random() < 0.2:
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


def is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


def outcome(data: bytes) -> object:
    try:
        return parse_yaml(data)
    except YamlError as error:
        return error


def test_generated_garbage_is_plain_values_or_a_sentence() -> None:
    dice = random.Random(5)
    outcomes = {True: 0, False: 0}
    for _ in range(3000):
        data = generated(dice)
        found = outcome(data)
        outcomes[is_plain(found)] += 1
        assert is_plain(found) or str(found).encode().isascii(), data
    assert min(outcomes.values()) > 100


@pytest.mark.parametrize(
    "text", ["- " * 60_000, "[" * 100_000, "[" + "1," * 50_000 + "]", "{" * 100_000, "[? " * 40_000]
)
def test_the_slowest_files_take_little_time(text: str) -> None:
    begin = time.thread_time()
    outcome(text.encode())
    assert time.thread_time() - begin < 2
