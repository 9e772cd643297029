"""API keys: their sources, files with errors, changes while the server runs, and the program that makes them."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from services import keys as program
from services.api.http.auth import LOG_INTERVAL, Refusals
from services.core.caller import Caller
from services.core.key_text import hash_of_key
from services.core.keys import KEY_FILE_SIZE, Keys, check_keys_required, exposed_files, keys_from_file
from services.core.settings import Settings, SettingsError
from services.engines.worker.process import worker_env

SECRET = "0123456789abcdef"


def line(name: str, secret: str = SECRET, more: str = "") -> str:
    return f"- {{name: {name}, sha256: {hash_of_key(secret.encode())}{more}}}\n"


def keys_of(path: Path, **more: Any) -> Keys:
    return Keys(Settings(keys_file=path, **more))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.yaml"


def create(path: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    program.main(["--file", str(path), "create", *arguments])
    return capsys.readouterr().out.strip()


def test_a_key_is_known_by_its_hash(path: Path) -> None:
    path.write_text(line("laptop", more=", role: admin, priority: background, max_waiting: 3"))
    keys = keys_of(path)
    assert keys.find(SECRET.encode()) == Caller("laptop", admin=True, low_priority=True, max_waiting=3)
    assert keys.find(SECRET.encode() + b"x") is None
    assert keys.find(b"") is None
    assert keys.find(hash_of_key(SECRET.encode()).encode()) is None


def test_keys_are_found_in_settings_and_in_files_that_they_name(tmp_path: Path) -> None:
    (tmp_path / "boss").write_text(f"{SECRET}-admin\n")
    (tmp_path / "odd name").write_text(f"{SECRET}-odd")
    keys = Keys(Settings(api_key=SECRET, admin_key_file=tmp_path / "boss", api_key_file=tmp_path / "odd name"))
    assert keys.find(SECRET.encode()) == Caller("api_key")
    assert keys.find(f"{SECRET}-odd".encode()) == Caller("api_key")
    assert keys.find(f"{SECRET}-admin".encode()) == Caller("boss", admin=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {name: a}", "sha256"),
        ("- {name: a b, sha256: x}", "name"),
        ("name: a", "Expected `array`"),
        ("- [", "no YAML"),
        (line("a", more=", rule: admin"), "rule"),
        (line("a", more=", role: king"), "king"),
        (line("a") + line("a", "other"), "two keys have the name 'a'"),
    ],
)
def test_a_wrong_file_is_refused_with_a_message(path: Path, text: str, says: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        keys_of(path)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"api_key": "short"}, "at least 16"),
        ({"api_key": f"{SECRET}\n{SECRET}"}, "api_key: the key has a line end or another control character"),
        ({"api_key_file": Path("/nowhere")}, "api_key_file: /nowhere cannot be read"),
        ({"api_key_file": Path("/dev/zero")}, "api_key_file: /dev/zero cannot be read: it is no regular file"),
    ],
)
def test_a_wrong_key_in_the_settings_is_refused_with_a_message(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Keys(Settings(**settings))


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b" \n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"\t\n\n"])
def test_what_editors_put_around_a_key_is_no_part_of_it(path: Path, before: bytes, after: bytes) -> None:
    path.write_bytes(before + SECRET.encode() + after)
    assert Keys(Settings(api_key_file=path)).find(SECRET.encode())
    assert Keys(Settings(api_key=f" {SECRET}\n")).find(SECRET.encode())


@pytest.mark.parametrize("text", [SECRET.encode("utf-16"), f"# mine\n{SECRET}".encode(), f"{SECRET}\0".encode()])
def test_a_key_file_that_no_request_could_match_is_refused_and_not_shown(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    with pytest.raises(SettingsError, match="which no request can send") as caught:
        Keys(Settings(api_key_file=path))
    assert SECRET not in str(caught.value)


def test_a_file_that_cannot_be_read_just_now_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(line("a"))
    keys = keys_of(path)
    path.write_text("# all are revoked\n")
    with monkeypatch.context() as patched:
        patched.setattr("services.core.yaml_file.read_bounded", no_descriptor)
        assert keys.find(SECRET.encode()) == Caller("a")
    assert keys.find(SECRET.encode()) is None


def no_descriptor(_path: Path, _limit: int) -> bytes:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_a_key_file_is_read_up_to_a_limit(path: Path) -> None:
    path.write_bytes(b"x" * (KEY_FILE_SIZE + 1))
    with pytest.raises(SettingsError, match="more than 65536 bytes"):
        Keys(Settings(api_key_file=path))


def test_a_changed_file_is_used_at_once_and_a_broken_one_changes_nothing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(line("a"))
    keys = keys_of(path)
    path.write_text(line("a") + line("second", "another one"))
    assert keys.find(b"another one") == Caller("second")
    path.write_text("- [ broken")
    for _ in range(3):
        assert keys.find(b"another one") == Caller("second")
    assert caplog.text.count("stay as they were") == 1
    path.write_text(line("second", "another one"))
    assert keys.find(SECRET.encode()) is None
    path.unlink()
    assert keys.find(b"another one") is None
    assert keys.configured


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"host": "0.0.0.0"}, r"0\.0\.0\.0, where others can reach it, and has no API key.*ALLOW_ANONYMOUS"),
        ({"host": "::"}, "has no API key"),
        ({"host": "board.local"}, "has no API key"),
        ({"keys_file": Path("/nowhere")}, "holds none.*create NAME"),
    ],
)
def test_a_server_that_anybody_or_nobody_could_use_does_not_start(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        check_keys_required(Settings(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"host": "localhost"},
        {"host": "::1"},
        {"host": "0.0.0.0", "api_key": SECRET},
        {"host": "0.0.0.0", "allow_anonymous": True},
    ],
)
def test_a_server_that_is_safe_starts(settings: dict[str, Any]) -> None:
    check_keys_required(Settings(**settings))


def test_the_program_makes_lists_and_revokes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = create(path, "laptop", capsys=capsys)
    other = create(path, "nightly", "--admin", "--background", "--max-waiting", "2", capsys=capsys)
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = keys_of(path)
    assert keys.find(secret.encode()) == Caller("laptop")
    assert keys.find(other.encode()) == Caller("nightly", admin=True, low_priority=True, max_waiting=2)
    program.main(["--file", str(path), "list"])
    assert "nightly  admin  background  max_waiting=2" in capsys.readouterr().out
    program.main(["--file", str(path), "revoke", "laptop"])
    assert keys.find(secret.encode()) is None
    assert [key.name for key in keys_from_file(path)] == ["nightly"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["create", "taken"], "already"), (["create", "a b"], "name"), (["revoke", "ghost"], "there are: taken")],
)
def test_the_program_says_what_is_wrong(path: Path, arguments: list[str], says: str) -> None:
    path.write_text(line("taken"))
    with pytest.raises(SystemExit, match=says):
        program.main(["--file", str(path), *arguments])
    assert path.read_text() == line("taken")


def test_refused_keys_are_counted_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    for _ in range(1000):
        refusals.note("192.0.2.1")
    now[0] = LOG_INTERVAL
    refusals.note("192.0.2.2")
    assert [record.getMessage() for record in caplog.records] == [
        "1 request(s) without a valid key, the last from 192.0.2.1",
        "1000 request(s) without a valid key, the last from 192.0.2.2",
    ]


def test_no_engine_gets_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RKLLM_API_KEY", SECRET)
    monkeypatch.setenv("RKLLM_ADMIN_KEY", SECRET)
    assert SECRET not in worker_env().values()
    assert os.environ["RKLLM_API_KEY"] == SECRET


def test_the_program_stores_a_key_from_standard_input(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    assert create(path, "board1", "--stdin", capsys=capsys) == "board1 is known."
    assert keys_of(path).find(SECRET.encode()) == Caller("board1")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\ufeff{SECRET}2\r\n"))
    create(path, "board3", "--stdin", capsys=capsys)
    assert keys_of(path).find(f"{SECRET}2".encode()) == Caller("board3")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(SystemExit, match="at least 16"):
        program.main(["--file", str(path), "create", "board2", "--stdin"])


@pytest.mark.parametrize(
    "text",
    [
        f"- {SECRET}: [",
        f"- *{SECRET}",
        f"- {{name: a, {SECRET}: user}}",
        f"- {{name: a, sha256: {'0' * 64}, role: {SECRET}}}",
        f"- {{name: '{SECRET} x', sha256: {'0' * 64}}}",
        f"- {SECRET}",
        f"{SECRET}: a\n{SECRET}: b",
        f"- {{name: a, '` {SECRET}': user}}",
    ],
)
def test_a_broken_file_keeps_its_secrets(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        keys_of(path)
    assert SECRET not in str(caught.value)


def test_a_key_in_place_of_its_hash_is_named_by_its_place(path: Path) -> None:
    path.write_text("- {name: a, sha256: rk-0123456789abcdefghijk}")
    with pytest.raises(SettingsError, match=r"Expected `str` matching regex '.*' - at `\$\[0\]\.sha256`"):
        keys_of(path)


@pytest.mark.parametrize(
    ("mode", "deed"), [(0o600, ""), (0o640, ""), (0o644, "read"), (0o666, "change"), (0o602, "change")]
)
def test_files_that_everybody_may_read_or_change_are_named(path: Path, mode: int, deed: str) -> None:
    path.touch()
    path.chmod(mode)
    found = exposed_files(Settings(keys_file=path, api_key_file=path.with_name("nothing")))
    assert found == (
        [f"Every user of this computer may {deed} the keys in {path}. Run: chmod o-rwx {path}"] if deed else []
    )
