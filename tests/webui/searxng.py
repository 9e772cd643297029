"""SearXNG itself, from a checkout of its source, with our settings.

`SEARXNG_SOURCE` names the checkout; its packages are in `.venv` there::

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt -r requirements-server.txt
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.engines import ROOT
from tests.ports import free_port
from tests.webui.process import answers, running

SETTINGS = ROOT / "searxng" / "settings.yml"


def source() -> Path | None:
    found = os.environ.get("SEARXNG_SOURCE")
    return Path(found) if found else None


def settings(engine_url: str) -> dict[str, Any]:
    """Ours, and one engine more, on this computer: the others are outside."""
    found: dict[str, Any] = yaml.safe_load(SETTINGS.read_text())
    local = {"name": "local", "engine": "json_engine", "shortcut": "loc", "categories": ["general"], "weight": 5}
    where = {"enable_http": True, "search_url": f"{engine_url}/?q={{query}}", "results_query": "results"}
    fields = {"url_query": "url", "title_query": "title", "content_query": "content"}
    found["engines"].append({**local, **where, **fields, "disabled": False, "inactive": False})
    return found


@contextmanager
def serving(checkout: Path, settings_file: Path, secret: str) -> Iterator[tuple[str, Path]]:
    """Its address and its log. The environment is that of compose.yaml and of its image."""
    port = free_port()
    env = {
        "PATH": os.environ["PATH"],
        "SEARXNG_SETTINGS_PATH": str(settings_file),
        **({"SEARXNG_SECRET": secret} if secret else {}),
        "TMPDIR": str(settings_file.parent),
        "GRANIAN_INTERFACE": "wsgi",
        "GRANIAN_HOST": "127.0.0.1",
        "GRANIAN_PORT": str(port),
        "GRANIAN_WEBSOCKETS": "false",
        "GRANIAN_BLOCKING_THREADS": "4",
    }
    log = settings_file.with_name("searxng.log")
    with running([str(checkout / ".venv/bin/granian"), "searx.webapp:app"], checkout, env, log) as process:
        url = f"http://127.0.0.1:{port}"
        answers(f"{url}/healthz", process, log)
        yield url, log
