"""The page in a real browser, once through: tests/webui/browse.py says what is done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engines import ROOT
from tests.webui.box import python
from tests.webui.conftest import Running

PICTURES = "PICTURES"
"""Environment variable: the folder to leave the pictures in."""

pytestmark = [pytest.mark.webui, pytest.mark.timeout(600)]


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no chromium to drive")
def test_a_person_finds_everything(running: Running, tmp_path: Path) -> None:
    folder = Path(os.environ.get(PICTURES, tmp_path)).absolute()
    command = [str(python()), str(ROOT / "tests/webui/browse.py"), running.box.url]
    command += [running.box.secret("open-webui/admin_password"), str(folder)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert said["sign_up"] == 0
    assert said["dialogs"] == 0, "nothing has to be clicked away"
    assert said["chat"]
    assert "Thought for" in said["searched"]
    assert "6 TOPS with int8 \nexample.org" in said["searched"], "the number became a link"
    assert "3 Sources" in said["searched"]
    assert said["source"].startswith("https://example.org/rk3588")
    assert "File type pdf is not allowed" in said["refused_file"]
    assert said["attached"] == 0
