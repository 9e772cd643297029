"""Whose tokens were reused, as far as a client may know."""

from __future__ import annotations

from services.core.events import Done, Usage
from services.core.message import message
from services.core.model import Model
from services.core.request import EngineRequest, GenerationRequest
from services.scheduler.prompt_owners import PromptOwners
from tests.engines import request
from tests.unit.test_plan import MODEL


class Runs:
    """One engine that says of every prompt that 30 tokens were reused."""

    def __init__(self) -> None:
        self.owners = PromptOwners()

    def counted(self, name: str, *texts: str, model: Model = MODEL) -> int:
        """The reused tokens that a key is told of; each prompt has 20 tokens, and each answer 5."""
        messages = tuple(message("user", text) for text in texts)
        return self.of(name, request(model, "", messages=messages))

    def of(self, name: str, job: EngineRequest) -> int:
        self.owners.add(name)
        return self.owners.own(name, job, Done("stop", Usage(20, 5, 30))).usage.cached_tokens


def test_a_key_alone_is_told_all() -> None:
    runs = Runs()
    assert [runs.counted("a", "one"), runs.counted("a", "two")] == [30, 30]


def test_the_prompts_of_another_key_do_not_count() -> None:
    runs = Runs()
    runs.counted("a", "secret")
    assert runs.counted("b", "secret") == 0
    assert runs.counted("b", "secret", "more") == 20
    assert runs.counted("b", "other", "more") == 0
    assert runs.counted("a", "secret", "more") == 0


def test_a_guess_that_is_sent_again_tells_nothing_of_what_ran_in_between() -> None:
    runs = Runs()
    assert [runs.counted("b", "guess"), runs.counted("a", "secret"), runs.counted("b", "guess")] == [30, 0, 0]
    assert runs.counted("b", "guess") == 20


def test_a_run_that_was_broken_off_counts_as_another_key_s() -> None:
    runs = Runs()
    runs.owners.add("a")
    assert runs.counted("b", "secret") == 0


def test_a_raw_prompt_counts_for_those_that_begin_with_it() -> None:
    runs = Runs()
    runs.counted("b", "x")

    def raw(ids: tuple[int, ...]) -> EngineRequest:
        return EngineRequest("id", MODEL, "completion", GenerationRequest(prompt="", prompt_ids=ids))

    assert [runs.of("a", raw((1, 2))), runs.of("a", raw((1, 2, 3))), runs.of("a", raw((1, 4)))] == [0, 20, 0]


def test_a_shorter_prompt_does_not_begin_with_a_longer_one() -> None:
    runs = Runs()
    runs.counted("b", "x")
    runs.counted("a", "one", "two")
    assert runs.counted("a", "one") == 0
