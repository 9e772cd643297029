"""What a person does with the box, through Open WebUI itself. In this order: the last tests restart it."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.webui.conftest import CITING, EMBEDDER, REAL, SCRIPTED, SHORT, Running
from tests.webui.user import JOBS, Refused, User

QUESTION = "What does the NPU of the RK3588 deliver?"

pytestmark = [pytest.mark.webui, pytest.mark.timeout(600)]


def test_the_generated_password_signs_in_and_another_does_not(running: Running) -> None:
    assert running.admin.get("/api/v1/auths/")["role"] == "admin"
    with pytest.raises(Refused):
        User(running.box.url, "admin@localhost", "another one")


def test_provisioning_finds_every_seed_in_place(running: Running) -> None:
    """A row that this version does not know would be set again."""
    said = running.box.provision()
    assert "settings changed: none" in said
    updated = said.partition("models updated: ")[2].partition(";")[0].split(", ")
    assert sorted(updated) == sorted([EMBEDDER.lower(), SCRIPTED, CITING, SHORT, REAL])


def test_the_models_are_there_without_a_click(running: Running) -> None:
    models = {model["id"]: model for model in running.admin.get("/api/models")["data"]}
    assert set(models) == {REAL, SCRIPTED, CITING, SHORT}
    assert models[REAL]["name"] == "SmolLM2 135M Instruct"
    assert models[REAL]["info"]["meta"]["description"]
    assert models[REAL]["info"]["meta"]["capabilities"]["vision"] is False


def test_an_answer_streams(running: Running) -> None:
    """Of the real model, whose words are nobody's to foresee."""
    deltas = list(running.admin.stream(REAL, "What is the capital of France?"))
    assert len([delta for delta in deltas if delta.get("content")]) > 1


def test_a_chat_is_one_request(running: Running) -> None:
    """Its title is the question's; no job of Open WebUI's own goes to the model."""
    before = running.box.chats()
    turn = running.admin.ask(REAL, "What is the capital of France?")
    answer = turn.finished()
    assert answer["content"]
    assert answer["usage"]["completion_tokens"] > 0
    turn.until_titled("What is the capital of France?")
    assert running.box.chats() == before + 1


def test_thinking_is_a_block_of_its_own(running: Running) -> None:
    said = {"text": "<think>Let me see.</think>Blue."}
    answer = running.admin.ask(SCRIPTED, json.dumps(said)).finished()
    assert answer["content"] == "Blue."
    thought, message = answer["output"]
    assert thought["type"] == "reasoning"
    assert thought["content"][0]["text"] == "Let me see."
    assert message["type"] == "message"


def test_a_web_search_reaches_the_model_and_is_cited(running: Running) -> None:
    """The scripted model repeats its prompt: what the server made of Open WebUI's source blocks."""
    used = running.box.metric("rkllm_rag_decisions_total", decision="context")
    answer = running.admin.ask(SCRIPTED, QUESTION, features={"web_search": True}).finished()
    assert running.asked[-1] == QUESTION
    assert "[1] RK3588 data sheet\nThe NPU of the RK3588 has three cores" in answer["content"]
    assert "<source " not in answer["content"]
    assert answer["content"].endswith(QUESTION)
    (found,) = answer["sources"]
    assert found["metadata"][0]["title"] == "RK3588 data sheet"
    assert found["metadata"][0]["source"] == "https://example.org/rk3588"
    assert running.box.metric("rkllm_rag_decisions_total", decision="context") == used + 1


def test_what_was_left_out_of_a_search_is_told_in_the_page(running: Running) -> None:
    question = "Who wrote the Symphony of the Stars?"
    answer = running.admin.ask(SCRIPTED, question, features={"web_search": True}).finished()
    assert answer["content"] == f"You said: {question}"
    last = answer["statusHistory"][-1]
    assert last["description"] == "3 search results did not fit the question and were left out."
    assert last["done"] is True


def test_a_follow_up_is_searched_with_the_names_that_it_leans_on(running: Running) -> None:
    search = {"web_search": True}
    first = running.admin.ask(SCRIPTED, QUESTION, features=search)
    first.finished()
    running.admin.ask(SCRIPTED, "And when was it released?", after=first, features=search).finished()
    assert running.asked[-1] == "And when was it released? NPU RK3588"


def test_a_document_is_read_and_answers_come_from_it(running: Running) -> None:
    file = running.admin.attached("note.txt", b"The warehouse in Hamburg opens at 7:45 on Mondays.")
    answer = running.admin.ask(SCRIPTED, "When does the warehouse open on Mondays?", files=[file]).finished()
    assert "[1] note.txt\nThe warehouse in Hamburg opens at 7:45 on Mondays." in answer["content"]
    assert answer["sources"][0]["source"]["name"] == "note.txt"


def test_a_pdf_is_refused(running: Running) -> None:
    """And not taken as a document without a word in it."""
    with pytest.raises(Refused, match="File type pdf is not allowed"):
        running.admin.upload("paper.pdf", b"%PDF-1.4\n%%EOF", "application/pdf")


def test_sign_up_is_closed_and_an_added_user_sees_the_models(running: Running) -> None:
    body = json.dumps({"name": "Eve", "email": "eve@localhost", "password": "correct-horse-1"}).encode()
    request = urllib.request.Request(
        f"{running.box.url}/api/v1/auths/signup", body, {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=60)
    account = {"name": "Bob", "email": "bob@localhost", "password": "correct-horse-1", "role": "user"}
    running.admin.post("/api/v1/auths/add", account)
    bob = User(running.box.url, account["email"], account["password"])
    assert set(bob.models()) == {REAL, SCRIPTED, CITING, SHORT}
    assert bob.ask(SCRIPTED, json.dumps({"text": "Hello Bob"})).finished()["content"] == "Hello Bob"
    may = bob.get("/api/v1/auths/")["permissions"]["chat"]
    assert (may["file_upload"], may["stt"], may["call"]) == (True, False, False)
    with pytest.raises(Refused):
        bob.get("/api/v1/configs/export")


def test_the_stop_button_stops_the_engine(running: Running) -> None:
    def cancelled() -> float:
        return running.box.metric("rkllm_requests_cancelled_total", model=SCRIPTED, phase="decode")

    before = cancelled()
    turn = running.admin.ask(SCRIPTED, json.dumps({"text": "tok ", "tokens": 100_000, "delay": 0.02}))
    while not (read := turn.answer().get("content")):
        pass
    turn.stop()
    while cancelled() == before:
        pass
    running.box.api.until(lambda health: not health["busy"])
    assert turn.finished()["content"].startswith(read)


def test_a_closed_search_leaves_the_chat(running: Running) -> None:
    """Nobody listens at the search's address: the chat goes on without sources."""
    with running.admin.rows({"web.search.searxng_query_url": "http://127.0.0.1:9/search"}):
        answer = running.admin.ask(SCRIPTED, "Anything new?", features={"web_search": True}).finished()
    assert answer["content"] == "You said: Anything new?"
    assert any(status.get("error") for status in answer["statusHistory"])


def test_background_tasks_that_an_admin_enables_wait_for_the_slot(running: Running) -> None:
    """Title, tags and follow-ups come while a chat is answered; none of them is refused and none disturbs it."""
    jobs = dict.fromkeys(("task.title.enable", "task.tags.enable", "task.follow_up.enable"), True)
    before, good = running.box.chats(), running.box.answered()
    with running.admin.rows(jobs):
        turn = running.admin.ask(SCRIPTED, json.dumps({"text": "tok ", "tokens": 50, "delay": 0.02}))
        other = running.admin.ask(SCRIPTED, json.dumps({"text": "other"}))
        assert turn.finished()["content"].split() == ["tok"] * 50
        assert other.finished()["content"] == "other"
        requests = 2 * (1 + len(JOBS))
        while running.box.answered() < good + requests:
            pass
    assert running.box.chats() == before + requests


def test_native_tools_that_do_not_fit_are_explained(running: Running) -> None:
    """An admin turns Open WebUI's own tools on, 25 kB of definitions: in short they fit 4,096 tokens, and not 2,048."""
    rows = running.admin.get("/api/v1/configs/export")
    params = {**rows["models.default_params"], "function_calling": "native"}
    capabilities = {**rows["models.default_metadata"]["capabilities"], "builtin_tools": True}
    with running.admin.rows(
        {"models.default_params": params, "models.default_metadata": {"capabilities": capabilities}}
    ):
        running.admin.models()  # the page asks for them when it is loaded; until then the old settings hold
        assert running.admin.ask(SCRIPTED, "Hello").finished()["content"] == "You said: Hello"
        refused = running.admin.ask(SHORT, "Hello")
        while not (answer := refused.answer()).get("done"):
            pass
    running.admin.models()
    error = answer["error"]
    assert "set Function Calling of the model to Legacy" in error["content"]


def test_what_an_admin_changed_survives_a_restart_and_new_defaults(running: Running) -> None:
    """The number of results: set by the admin. The documents: left alone, so the owner's new wish arrives."""
    running.admin.set_rows({"web.search.result_count": 7})
    changed = {"WEB_SEARCH_RESULT_COUNT": "5", "RAG_ALLOWED_FILE_EXTENSIONS": "txt"}
    running.restart(**changed)
    said = running.box.provision(**changed)
    assert "settings changed: rag.file.allowed_extensions;" in said
    assert said.endswith("kept as the admin set them: web.search.result_count")
    rows = running.admin.get("/api/v1/configs/export")
    assert rows["web.search.result_count"] == 7
    assert rows["rag.file.allowed_extensions"] == ["txt"]
    assert running.admin.ask(REAL, "What is the capital of France?").finished()["content"]


def test_sessions_survive_a_restart(running: Running) -> None:
    """The key that signs them is a file in a volume."""
    running.restart()
    assert running.admin.get("/api/v1/auths/")["role"] == "admin"
