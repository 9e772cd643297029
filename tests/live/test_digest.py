"""Long documents that are read in parts on a running server: who else is served, who leaves, and the real model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.conftest import Server, answer
from tests.openwebui import as_json, document, messages

Bell = Callable[[], tuple[str, Callable[[], str]]]
Start = Callable[..., Server]

STORY = "\n\n".join(
    f"In the year {1900 + number} the people of Eastwick built bridge {number} over the river, and the miller paid "
    f"{number * 7} crowns for it, since his mill stood on the other side."
    for number in range(250)
)
ASKED = {"stream": True, "messages": as_json(messages("Summarize this", [document(1, "story.txt", STORY)]))}
REAL = "smollm2-135m-instruct"


def idle(health: dict[str, Any]) -> bool:
    return not health["busy"] and health["waiting_requests"] == 0


def test_others_are_answered_between_two_parts(start: Start, bell: Bell) -> None:
    path, rung = bell()
    server = start(load={"run": {"fault": "pause", "bell": path}}, cancel_timeout=0.5)
    server.post("/v1/chat/completions", ASKED)
    server.until(lambda health: bool(health["busy"]))
    other = server.chat({"text": "hi"}, stream=False)
    server.until(lambda health: health["waiting_requests"] == 1)
    assert rung() == "decode"
    # The next part waits for the bell, so this answer cannot be behind it.
    status, body = answer(other)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "hi")
    assert rung() == "decode"


def test_leaving_while_a_part_is_read_ends_the_reading(start: Start, bell: Bell) -> None:
    path, rung = bell()
    server = start(load={"run": {"fault": "hold", "bell": path}})
    connection = server.post("/v1/chat/completions", ASKED)
    assert rung() == "decode"
    (engine,) = server.engine_pids()
    connection.close()
    server.until(idle)
    assert server.ask({"text": "still there"}) == "still there"
    assert server.engine_pids() == {engine}


@pytest.mark.timeout(240)
def test_the_real_model_reads_a_document_in_parts(real: Server) -> None:
    asked = as_json(messages("Summarize this", [document(1, "story.txt", STORY[:5000])]))
    with real.client() as client:
        patient = client.with_options(timeout=180)
        found = patient.chat.completions.with_raw_response.create(model=REAL, messages=asked, max_tokens=20)
    # On a busy machine there may be time for one part alone.
    assert re.search(r"parts=[12]/2; note=Read ", found.headers["X-RKLLM-RAG"])
    assert found.parse().choices[0].message.content
