"""Home Assistant in an environment of its own. It needs Python 3.13, which few machines have: its suite is optional."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.engines import ROOT

LOCK = Path(__file__).with_name("homeassistant.lock")
HOME = ROOT / ".venv-homeassistant"
HASS = HOME / "bin" / "hass"
STAMP = HOME / "stamp"


def pythons() -> Iterator[str]:
    """Yield what may be Python 3.13: a shim of pyenv may name one that is not chosen."""
    if found := shutil.which("python3.13"):
        yield found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob("versions/3.13*/bin/python3.13")))


def works(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0


def install(python: str) -> str:
    """Install what the lock says; return why that failed, or nothing. Blocks for a minute or two."""
    uv = [str(ROOT / ".venv" / "bin" / "uv"), "pip", "install", "-q", "--python", str(HOME / "bin" / "python")]
    steps = [[python, "-m", "venv", "--clear", str(HOME)], [*uv, "--require-hashes", "--no-deps", "-r", str(LOCK)]]
    if any(subprocess.run(step, check=False).returncode for step in steps):
        return "its packages cannot be installed"
    STAMP.touch()
    return ""


def missing() -> str:
    """Return why Home Assistant cannot run here, or nothing once it is installed."""
    if STAMP.exists() and STAMP.stat().st_mtime > LOCK.stat().st_mtime:
        return ""
    python = next(filter(works, pythons()), None)
    return install(python) if python else "there is no Python 3.13"
