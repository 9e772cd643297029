"""What a stream says of its waiting and its sources: events for who asks for them, comments for everybody else."""

from __future__ import annotations

from typing import Any

import pytest

from services.api.dialects.openai.progress import waiting_words
from services.core.events import Waiting
from tests.http.conftest import Api, chunks
from tests.http.test_digest import STORY, Engine, ask
from tests.openwebui import as_json, messages, web


def statuses(result: Any) -> list[tuple[str, bool, bool]]:
    found = [chunk["event"]["data"] for chunk in chunks(result) if chunk and "event" in chunk]
    return [(data["description"], data["done"], data["hidden"]) for data in found]


def test_a_stream_says_what_is_read_to_who_asks_for_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(api, monkeypatch)
    result = ask(api, stream=True, status_events=True)
    count = len(engine.notes)
    assert statuses(result) == [
        *((f"Reading the document: part {number} of {count}", False, False) for number in range(1, count + 1)),
        (f"Read story.txt in {count} parts. The answer comes from notes about them.", True, False),
    ]
    assert all(chunk["choices"] == [] for chunk in chunks(result) if chunk and "event" in chunk)
    assert "".join(
        chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(result) if chunk and chunk["choices"]
    )


def test_dropped_results_are_told_in_the_header_and_the_stream(api: Api) -> None:
    asked = as_json(
        messages("Who wrote the symphony of the stars?", [web(1, "q", STORY[:500]), web(2, "q", STORY[700:900])])
    )
    words = "2 search results did not fit the question and were left out."
    assert ask(api, asked).headers["X-RKLLM-RAG"].endswith(f"; note={words}")
    assert statuses(ask(api, asked, stream=True, status_events=True)) == [(words, True, False)]


WAITS = (
    Waiting("queued", 2),
    Waiting("queued", 1),
    Waiting("loading"),
    Waiting("loading"),
    Waiting("prefill", progress=0.57),
)


def test_waiting_is_told_once_for_each_change_and_hidden_in_the_end(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(api, monkeypatch, *WAITS)
    result = api.chat("hello", stream=True, status_events=True)
    assert statuses(result) == [
        ("Waiting: 2 other requests first", False, False),
        ("Waiting: 1 other request first", False, False),
        ("Loading the model", False, False),
        ("Reading the question: 50%", False, False),
        ("Answering", True, True),
    ]
    assert result.headers["X-RKLLM-State"] == "queued position=2"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Waiting("prefill"), "Reading the question"),
        (Waiting("prefill", progress=0.0), "Reading the question: 0%"),
        (Waiting("decode"), "Writing the answer"),
        (Waiting("retry", reason="tools"), "Trying again"),
    ],
)
def test_the_words_of_the_other_phases(event: Waiting, words: str) -> None:
    assert waiting_words(event) == words


def test_others_get_comments(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(api, monkeypatch, *WAITS)
    result = api.chat("hello", stream=True)
    assert statuses(result) == []
    assert [line for line in result.text.splitlines() if line.startswith(": ")] == [f": {wait}" for wait in WAITS]


def test_an_error_ends_what_is_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(api, monkeypatch, Waiting("loading"))
    result = api.chat({"fault": "error"}, stream=True, status_events=True)
    assert statuses(result) == [("Loading the model", False, False), ("Answering", True, True)]
    assert "error" in chunks(result)[-1]


def test_a_failure_before_the_first_byte_is_a_status(api: Api) -> None:
    assert api.chat({"fault": "bad_request"}, stream=True, status_events=True).status_code == 400
