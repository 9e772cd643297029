"""Questions about the whole of a long document over HTTP: read in parts, then answered; and what the client is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.chat.rag.notes_prompt import NOTES
from services.core.client import Client
from services.core.events import Event
from services.core.request import EngineRequest
from tests.engines import write_fake_model
from tests.http.conftest import Api
from tests.openwebui import as_json, document, messages

STORY = "\n\n".join(
    f"In the year {1900 + number} the people of Eastwick built bridge {number} over the river, and the miller paid "
    f"{number * 7} crowns for it, since his mill stood on the other side."
    for number in range(200)
)
NOTE = "- The mill burned down in 1906."
ASKED = as_json(messages("Summarize this", [document(1, "story.txt", STORY)]))
SCRIPT = {"tokens": 3, "text": f"{NOTE}\n", "prefill_steps": 100}
"""What the engine writes: notes, and the answer. It counts about as many tokens as a part has."""


class Engine:
    """What the engine was asked, in order."""

    def __init__(self, api: Api, monkeypatch: pytest.MonkeyPatch, *first: Event) -> None:
        self.asked: list[EngineRequest] = []
        serve = api.app.service.scheduler.serve

        def spy(request: EngineRequest, client: Client) -> Iterator[Event]:
            self.asked.append(request)
            yield from first
            yield from serve(request, client)

        monkeypatch.setattr(api.app.service.scheduler, "serve", spy)

    @property
    def notes(self) -> list[EngineRequest]:
        """The requests for notes."""
        return [asked for asked in self.asked if asked.messages[-1].text.endswith(NOTES["en"])]


@pytest.fixture
def api(make: Callable[..., Api], tmp_path: Path) -> Api:
    write_fake_model(tmp_path, "fake", json.dumps({"run": SCRIPT}))
    return make()


def ask(api: Api, asked: Any = ASKED, **more: Any) -> Any:
    return api.post("/v1/chat/completions", {"messages": asked, **more})


def parts(api: Api, result: str) -> float | None:
    return api.app.service.metrics.registry.get_sample_value("rkllm_rag_parts_total", {"result": result})


def test_the_answer_comes_from_notes_about_all_parts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(api, monkeypatch)
    result = ask(api)
    *read, answered = engine.asked
    assert len(read) == len(engine.notes) >= 4
    prompts = "".join(asked.messages[-1].text for asked in read)
    assert all(f"built bridge {number} over" in prompts for number in range(200))
    sources = answered.messages[-1].text
    assert f"[1] story.txt\n{NOTE}" in sources
    assert "built bridge" not in sources
    assert f"parts={len(read)}/{len(read)}; note=Read story.txt in {len(read)} parts" in result.headers["X-RKLLM-RAG"]
    assert parts(api, "read") == len(read)


def test_all_that_the_model_read_and_wrote_counts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(api, monkeypatch)
    usage = ask(api).json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1000 * len(engine.asked), 3 * len(engine.asked))


def test_the_next_turn_reads_nothing_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(api)
    engine = Engine(api, monkeypatch)
    again = ask(api, as_json(messages("List all topics", [document(1, "story.txt", STORY)])))
    assert (len(engine.asked), len(engine.notes)) == (1, 0)
    assert again.json["usage"]["prompt_tokens"] == 1000
    assert again.headers["X-RKLLM-RAG"].partition("parts=")[2] == first.headers["X-RKLLM-RAG"].partition("parts=")[2]
    assert parts(api, "cached") == parts(api, "read")


def test_the_same_question_is_answered_from_the_cache(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(api)
    engine = Engine(api, monkeypatch)
    assert ask(api).headers["X-RKLLM-Cache"] == "hit"
    assert engine.asked == []


def test_another_document_is_another_reading(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(api)
    engine = Engine(api, monkeypatch)
    ask(api, as_json(messages("Summarize this", [document(1, "story.txt", STORY.replace("Eastwick", "Westwick"))])))
    assert engine.notes
    assert all("Westwick" in asked.messages[-1].text for asked in engine.notes)


def test_of_two_documents_the_one_that_fits_stays_as_it_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(api, monkeypatch)
    ask(api, as_json(messages("Compare them", [document(1, "a.txt", STORY), document(2, "b.txt", "The mill is new.")])))
    assert engine.notes
    sources = engine.asked[-1].messages[-1].text
    assert f"[1] a.txt\n{NOTE}" in sources
    assert "[2] b.txt\nThe mill is new." in sources


def test_where_time_is_over_the_answer_comes_from_an_overview(
    make: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fake_model(tmp_path, "fake", json.dumps({"run": SCRIPT}))
    api = make(rag_digest_seconds=1e-9)
    engine = Engine(api, monkeypatch)
    result = ask(api)
    assert len(engine.asked) == 2
    assert "built bridge" in engine.asked[-1].messages[-1].text
    assert re.search("Read 1 of .* little or nothing of the others|The rest did not fit", result.headers["X-RKLLM-RAG"])
    assert parts(api, "left")


def test_the_choices_of_a_request_read_once(
    make: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fake_model(tmp_path, "fake", json.dumps({"run": SCRIPT}))
    api = make(rag_digest_seconds=1e-9)
    engine = Engine(api, monkeypatch)
    assert len(ask(api, n=3).json["choices"]) == 3
    assert len(engine.notes) == 1
    left = parts(api, "left")
    assert (parts(api, "read"), parts(api, "cached")) == (1, 2)
    assert left
    assert left % 3 == 0


def test_where_a_part_is_too_long_the_next_question_reads_shorter_ones(
    make: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vocabulary without Chinese needs four times the tokens that were estimated."""
    write_fake_model(tmp_path, "bytes", json.dumps({"run": {"bytes_are_tokens": True, "text": "磨坊烧毁了。"}}))
    api = make()
    story = "\n\n".join(
        f"第{number}年东关的人在河上修了一座新桥。磨坊主付了钱。因为他的磨坊在对岸。" for number in range(400)
    )
    asked = as_json(messages("总结一下这份文件", [document(1, "story.txt", story)]))
    first = ask(api, asked)
    assert first.status_code == 200
    assert re.search("little or nothing of the others|The rest did not fit", first.headers["X-RKLLM-RAG"])
    engine = Engine(api, monkeypatch)
    found = re.search(r"parts=(\d+)/", ask(api, asked).headers["X-RKLLM-RAG"])
    assert found
    assert int(found[1]) == len(engine.asked) - 1 > 5
    assert all(len(sent.messages[-1].text.encode()) < 4096 for sent in engine.asked)


@pytest.mark.parametrize("question", ["Translate this text", "What did the miller pay in 1950?"])
def test_other_questions_read_no_parts_and_say_what_they_show(
    api: Api, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    engine = Engine(api, monkeypatch)
    result = ask(api, as_json(messages(question, [document(1, "story.txt", STORY)])))
    assert len(engine.asked) == 1
    assert "pages' worth of story.txt" in result.headers["X-RKLLM-RAG"]


def test_switched_off(make: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fake_model(tmp_path, "fake", json.dumps({"run": SCRIPT}))
    api = make(rag_digest_seconds=0)
    engine = Engine(api, monkeypatch)
    ask(api)
    assert len(engine.asked) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": ASKED}),
        ("/v1/responses", {"input": ASKED}),
        ("/v1/messages", {"messages": ASKED, "max_tokens": 9}),
        ("/api/chat", {"model": "fake", "messages": ASKED}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_every_dialect_reads_and_stays_as_it_is(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any], stream: bool
) -> None:
    engine = Engine(api, monkeypatch)
    result = api.post(path, {**body, "stream": stream})
    assert result.status_code == 200
    assert engine.notes
    assert json.dumps(NOTE)[1:-1] in result.text
    assert "Reading the document" not in result.text
    assert '"event":{' not in result.text
    if stream:
        assert result.headers["X-RKLLM-State"] == f"reading 1/{len(engine.notes)}"


def test_a_title_cannot_forge_a_field_of_the_header(api: Api) -> None:
    name = "a; used=5\u4e2d.txt"
    header = ask(api, as_json(messages("Translate this text", [document(1, name, STORY)]))).headers["X-RKLLM-RAG"]
    assert "of a; used=5" not in header
    assert "of a? used?5?.txt. The rest did not fit." in header
