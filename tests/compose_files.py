"""The compose files as Compose itself reads them; needs no daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.engines import ROOT

TOOLS = Path(sys.executable).parent


def compose(*files: str, **env: str) -> dict[str, Any]:
    """The stack that `files` make, without any .env; fails when it is against the schema."""
    arguments = [item for file in files for item in ("--file", file)]
    command = [str(TOOLS / "docker-compose"), *arguments, "--env-file", "/dev/null", "config", "--format", "json"]
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
