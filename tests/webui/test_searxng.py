"""SearXNG itself, with our settings: it starts clean, speaks JSON, and knows every engine that we name."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.webui import search_engine, searxng

pytestmark = [
    pytest.mark.webui,
    pytest.mark.skipif(searxng.source() is None, reason="SEARXNG_SOURCE names no checkout of SearXNG"),
]

OFFLINE = (
    "TRACKER_PATTERNS",  # lists of advertisers' parameters, which it fetches at its start
    "limiter.toml",  # the limiter is off; it looks for its settings all the same
    "X-Forwarded-For",  # Open WebUI asks it directly, and not through a proxy
    "searx.engines",  # an engine whose service cannot be reached
    "searx.network",
    "Error while getting the",  # the checkout's version, which its image has in a file
)
"""What its log may say above the level of information, on a computer without internet."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Its address and its log; its secret comes from the environment."""
    checkout = searxng.source()
    assert checkout
    folder = tmp_path_factory.mktemp("searxng")
    with search_engine.serving() as (engine_url, _):
        (folder / "settings.yml").write_text(yaml.safe_dump(searxng.settings(engine_url)))
        with searxng.serving(checkout, folder / "settings.yml", "b" * 64) as found:
            yield found


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def test_it_answers_in_json(running: tuple[str, Path]) -> None:
    found = asked(f"{running[0]}/search?q=rk3588&format=json&safesearch=1&language=all")
    assert [result["url"] for result in found["results"]] == [entry["url"] for entry in search_engine.RESULTS]
    assert found["results"][0]["title"] == "RK3588 data sheet"


def test_every_engine_that_we_name_is_there_and_on(running: tuple[str, Path]) -> None:
    named = {engine["name"] for engine in yaml.safe_load(searxng.SETTINGS.read_text())["engines"]}
    engines = {engine["name"]: engine for engine in asked(f"{running[0]}/config")["engines"]}
    assert set(engines) == named | {"local"}
    assert all(engine["enabled"] for engine in engines.values())
    assert all("general" in engine["categories"] for engine in engines.values())


def test_it_says_nothing_against_our_settings(running: tuple[str, Path]) -> None:
    lines = running[1].read_text().splitlines()
    loud = [line for line in lines if "WARNING:" in line or "ERROR:" in line]
    assert not [line for line in loud if not any(harmless in line for harmless in OFFLINE)]


def test_it_does_not_start_without_a_secret(tmp_path: Path) -> None:
    checkout = searxng.source()
    assert checkout
    (tmp_path / "settings.yml").write_text(searxng.SETTINGS.read_text())
    with pytest.raises(AssertionError), searxng.serving(checkout, tmp_path / "settings.yml", ""):
        pass
    assert "server.secret_key is not changed" in (tmp_path / "searxng.log").read_text()
