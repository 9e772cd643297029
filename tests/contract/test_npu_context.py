"""No conversation ever sees another's context, and one that goes on prefills only what is new.

The simulated model's answer depends on every token of its context, so each answer is compared with the one to exactly
the context that the conversation should have; `Conversations` knows which that is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest

from services.core.client import NOBODY
from services.core.errors import ContextOverflow
from services.core.events import Done, Text
from services.core.message import Message, message
from services.engines.rkllm.conversation import flattened, pairs
from services.engines.worker.parent import WorkerEngine
from tests.engines import request
from tests.npu import features_of, npu_engine, npu_model, npu_settings
from tests.openwebui import as_json
from tests.simulator import build
from tests.simulator.model import SYSTEM, answer, chatml, runtime_template

Messages = Sequence[Message]

WAYS = [*itertools.product(("tokens", "template"), ("prefix", "history"), ("clean", "stale"))]
# The releases differ in nothing that bears on the context; older ones are tried in the way that sources agree on.
COMBINATIONS = [
    (release, *way) for release in build.RELEASES for way in WAYS if release == build.NEWEST or way[2] == "clean"
]


def user(text: str) -> Message:
    return message("user", text)


def system(text: str) -> Message:
    return message("system", text)


class Conversations:
    """One engine, asked by several clients; every answer is checked."""

    def __init__(self, engine: WorkerEngine, release: str, prompt: str, strategy: str) -> None:
        self.engine = engine
        self._tokens, self._history = prompt == "tokens", strategy == "history"
        self._limits = features_of(release).limit_per_run
        self._held: tuple[Messages, str] = ((), "")
        self.last: Done | None = None

    def expected(self, messages: Messages) -> str:
        """The context the conversation must have."""
        if self._tokens:
            return chatml(as_json(messages))
        held, context = self._held
        if self._history and held and list(messages[:-1]) == list(held):
            return f"{context}<|im_end|>\n{chatml(as_json(messages[-1:]))}"
        return runtime_template(flattened(pairs(as_json(messages))))

    def ask(self, *messages: Message) -> list[Message]:
        """Ask, check the answer, and return the conversation with it."""
        context = self.expected(messages)
        events = list(self.engine.generate(request(self.engine.model, "", messages=messages, max_tokens=64), NOBODY))
        text = "".join(event.text for event in events if isinstance(event, Text))
        assert text == answer(context)
        assert isinstance(events[-1], Done)
        self.last = events[-1]
        whole = [*messages, message("assistant", text)]
        self._held = (whole, context + text)
        return whole

    def cancel(self, *messages: Message) -> None:
        """Ask and leave after the first word."""
        events = self.engine.generate(request(self.engine.model, "", messages=messages, max_tokens=2000), NOBODY)
        next(event for event in events if isinstance(event, Text))
        events.close()  # type: ignore[attr-defined]
        self._held = ((), "")

    def cut(self, *messages: Message) -> list[Message]:
        """Ask for two words of a slow answer; returns the conversation with them."""
        context = self.expected(messages)
        events = list(self.engine.generate(request(self.engine.model, "", messages=messages, max_tokens=2), NOBODY))
        text = "".join(event.text for event in events if isinstance(event, Text))
        assert text == answer(context, 2)
        whole = [*messages, message("assistant", text)]
        # Where the limit is our abort and the template the runtime's, the conversation is said anew.
        self._held = (whole, context + text) if self._limits else ((), "")
        return whole

    def overflow(self, *messages: Message) -> None:
        with pytest.raises(ContextOverflow):
            list(self.engine.generate(request(self.engine.model, "", messages=messages), NOBODY))
        if not self._tokens:
            self._held = ((), "")

    @property
    def prefilled(self) -> int:
        assert self.last is not None
        return self.last.usage.prompt_tokens - self.last.usage.cached_tokens


@pytest.fixture(params=COMBINATIONS, ids="-".join, scope="module")
def chats(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversations]:
    """Yield one engine for all tests of a combination, so an answer that depends on earlier requests fails a test."""
    release, prompt, strategy, kv = request.param
    folder = tmp_path_factory.mktemp("models")
    settings = npu_settings(folder, release, kv_strategy=strategy)
    model = npu_model(folder, tokenizer=prompt == "tokens", context_limit=4096)
    engine = npu_engine(settings, RKLLM_SIM_KV=kv)(model)
    engine.start()
    list(engine.ready(NOBODY))
    yield Conversations(engine, release, prompt, strategy)
    engine.stop()


def test_two_clients_that_open_with_the_same_words_and_diverge(chats: Conversations) -> None:
    one = chats.ask(user("Hello there."))
    two = chats.ask(user("Hello there."))
    assert one == two
    one = chats.ask(*one, user("I am Ann."))
    two = chats.ask(*two, user("I am Bob."))
    chats.ask(*one, user("Who am I?"))
    chats.ask(*two, user("Who am I?"))


def test_an_edited_and_a_regenerated_answer(chats: Conversations) -> None:
    one = chats.ask(user("Name a tree."))
    again = chats.ask(user("Name a tree."))
    chats.ask(*again, user("Another."))
    edited = [one[0], message("assistant", "An oak.")]
    chats.ask(*edited, user("Another."))
    chats.ask(*one, user("Another."), message("assistant", ""), user("Go on."))


def test_a_changed_system_prompt_and_a_clock_in_it(chats: Conversations) -> None:
    one = chats.ask(system("Be brief."), user("Hello."))
    chats.ask(system("Be long."), *one[1:], user("And now?"))
    for minute in range(3):
        one = chats.ask(system(f"It is 12:0{minute}."), *one[1:], user("What time is it?"))
    chats.ask(*one[1:], user("And without?"))


def test_a_cancelled_and_a_failed_run_in_between(chats: Conversations) -> None:
    one = chats.ask(user("Hello."))
    chats.cancel(*one, user("Tell me all. [[tokens=2000 us=1000]]"))
    one = chats.ask(*one, user("Short, please."))
    chats.overflow(*one, user("long " * 2000))
    one = chats.ask(*one, user("Shorter."))
    chats.cancel(user("Another. [[tokens=2000 us=1000]]"))
    chats.ask(*one, user("Where were we?"))


def test_a_secret_of_another_conversation_is_in_no_cache(chats: Conversations) -> None:
    chats.ask(system("The password is amber."), user("Hello."))
    chats.ask(user("What is the password?"))
    chats.ask(system(SYSTEM), user("What is the password?"))


def test_answers_that_are_cut_by_max_tokens(chats: Conversations) -> None:
    one = chats.ask(user("Hello."))
    one = chats.ask(*one, user("Go on."))
    one = chats.cut(*one, user("And on. [[tokens=90 us=2000]]"))
    one = chats.ask(*one, user("Once more."))
    chats.cut(user("Somebody else. [[tokens=90 us=50]]"))
    one = chats.ask(*one, user("Where were we?"))
    chats.cut(user("Somebody else. [[tokens=90 us=2000]]"))
    chats.ask(user("Who are you?"))


REUSING = [
    (release, prompt, strategy)
    for release, prompt, strategy in itertools.product(build.RELEASES, ("tokens", "template"), ("prefix", "history"))
    if (prompt, strategy) != ("template", "prefix")
]


@pytest.mark.parametrize("chats", [(*combination, "clean") for combination in REUSING], ids="-".join, indirect=True)
def test_ten_turns_prefill_only_what_is_new(chats: Conversations) -> None:
    conversation: list[Message] = [system("You are a patient teacher of botany. " * 20)]
    question = "Tell me about another tree."
    new = len(f"<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")
    for number in range(10):
        conversation = chats.ask(*conversation, user(question))
        assert chats.last is not None
        assert chats.last.usage.prompt_tokens > 700
        if number:
            assert chats.prefilled <= new


LIMITED = [(*way, "clean") for way in REUSING if way[1] == "tokens" and features_of(way[0]).limit_per_run]
# Elsewhere the limit is an abort, and nobody knows what is in a cache after one.


@pytest.mark.parametrize("chats", LIMITED, ids="-".join, indirect=True)
def test_a_turn_after_a_cut_answer_prefills_only_what_is_new(chats: Conversations) -> None:
    one = chats.ask(system("You are a patient teacher of botany. " * 20), user("Hello."))
    one = chats.ask(*one, user("Go on."))
    question = "And on. [[tokens=90 us=20000]]"
    for _ in range(3):
        one = chats.cut(*one, user(question))
        chats.ask(*one, user("Go on."))
        assert chats.prefilled <= len("<|im_end|>\n<|im_start|>user\nGo on.<|im_end|>\n<|im_start|>assistant\n")
        one = chats.ask(*one, user("Go on."))
