"""How a job becomes the input of a run, and what of it the runtime may still hold. Standard library only.

Two sources of prompts (`TokenTurns`, `TemplateTurns`) and two strategies for the KV cache: ``prefix`` always gives the
whole prompt and leaves it to the runtime to reuse what it has of its beginning; ``history`` gives what is new when the
runtime certainly holds all the rest, and clears it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from services.engines.rkllm.answer import Outcome
from services.engines.rkllm.prompt import History, Message, flattened, neutral, said
from services.engines.rkllm.runtime import Turn
from services.engines.rkllm.tokens import Template, Tokenized, opening, template_text
from services.engines.worker.loop import JobRefused, LoadFailed
from services.engines.worker.reasoning import OPENINGS

RESERVED = 4
"""Tokens of the context that a prompt may not use: the runtime's message for a longer prompt counts without them."""


@dataclass(frozen=True)
class Plan:
    """What to do for a job."""

    turn: Turn
    clear: bool
    """Clear the runtime's cache first."""
    prompt_tokens: int | None
    """Exact, or None where only the runtime will know."""
    limit: int
    """Tokens the answer may have."""
    opening: str = ""
    """The tag of a reasoning that the prompt ends with, so that the answer begins inside it."""


class Turns(Protocol):
    def data(self, request: dict[str, Any]) -> Any:
        """The result of a job about tokens. Raises `JobRefused`."""

    def plan(self, request: dict[str, Any]) -> Plan:
        """Raises `JobRefused`."""

    def hold(self, outcome: Outcome, kv_size: int) -> None:
        """The planned run ended by itself with `outcome`, or at its limit with all its tokens in the cache."""

    def forget(self) -> None:
        """Nobody knows what the runtime holds."""


class TokenTurns:
    """The template is rendered here; the runtime gets tokens."""

    def __init__(self, tokenized: Tokenized, context: int, history: bool) -> None:
        self._tokenized, self._context, self._history = tokenized, context, history
        self._ids: list[int] = []
        self._held: list[int] = []

    def data(self, request: dict[str, Any]) -> Any:
        return self._tokenized.data(request)

    def plan(self, request: dict[str, Any]) -> Plan:
        ids, opening = self._tokenized.encode(request)
        self._ids = ids
        if len(ids) > self._context - RESERVED:
            raise JobRefused("The prompt is too long.", "context", len(ids), self._context - RESERVED)
        if not ids:
            raise JobRefused("The prompt is empty; send at least one character.")
        held = len(self._held)
        extends = self._history and 0 < held < len(ids) and ids[:held] == self._held
        turn = Turn(tokens=ids[held:] if extends else ids, keep_history=self._history)
        limit = min(request["max_tokens"], self._context - len(ids) - 1)
        return Plan(turn, self._history and not extends, len(ids), limit, opening)

    def hold(self, outcome: Outcome, kv_size: int) -> None:
        held = self._ids + outcome.ids + outcome.beyond
        # A runtime that keeps another number of tokens than we count keeps something we do not know.
        self._held = held if kv_size == len(held) else []

    def forget(self) -> None:
        self._held = []


Opens = Callable[[dict[str, Any]], str]
"""Tells the tag of the reasoning that the template begins for a job; empty where it begins none."""


def opens(folder: Path, told: bool) -> Opens:
    """What is known of the runtime's template: by `told`, that it always begins one, or by the template beside it."""
    if told:
        return lambda request: "" if request["template_kwargs"].get("enable_thinking") is False else OPENINGS[0]
    try:
        template = Template(folder) if template_text(folder) else None
    except LoadFailed:
        template = None  # the runtime has its own, and does not need this one

    def begun(request: dict[str, Any]) -> str:
        try:
            return opening(template.render(request["messages"], request)) if template else ""
        except JobRefused:
            return ""

    return begun


class TemplateTurns:
    """The runtime puts each prompt into the model's template as one user turn."""

    def __init__(self, context: int, history: bool, opens: Opens, missing: Sequence[str] = ()) -> None:
        """`missing` are the files without which nobody knows the model's tokens; none where a setting says so."""
        self._context, self._opens, self._missing = context, opens, missing
        self._history = History() if history else None
        self._messages: tuple[Message, ...] = ()

    def data(self, request: dict[str, Any]) -> Any:
        files = " and ".join(self._missing)
        needed = f"Put the model's {files} beside it." if files else "Set npu_prompt to auto instead of template."
        raise JobRefused(f"The NPU runtime tells nobody the tokens of this model. {needed}")

    def plan(self, request: dict[str, Any]) -> Plan:
        if request["kind"] != "chat":
            raise JobRefused(
                "This model completes no raw prompt: the NPU runtime puts every prompt into its chat template. Use the "
                "chat endpoint, or put the model's tokenizer.json and chat template beside it."
            )
        messages = self._messages = said(request["messages"])
        new = self._history.continued(messages) if self._history else None
        prompt = neutral(flattened(messages) if new is None else new)
        thinking = bool(request["template_kwargs"].get("enable_thinking", True))
        turn = Turn(prompt, keep_history=self._history is not None, thinking=thinking)
        limit = min(request["max_tokens"], self._context)
        return Plan(turn, self._history is not None and new is None, None, limit, self._opens(request))

    def hold(self, outcome: Outcome, kv_size: int) -> None:
        if self._history and kv_size:
            self._history.hold(self._messages, outcome.text)

    def forget(self) -> None:
        if self._history:
            self._history.forget()
