"""Plan the input of a run, and what of it the runtime's KV cache may still have. Standard library only.

There are two planners (`TokenPrompts`, `TemplatePrompts`) and two strategies for the KV cache: ``prefix`` always gives
the whole prompt, and the runtime reuses what its cache has of the beginning; ``history`` gives only what is new when
the cache certainly has all the rest, and clears it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from services.engines.npu.plain import neutral
from services.engines.rkllm.answer import RunOutcome
from services.engines.rkllm.conversation import History, RoleAndText, flattened, pairs
from services.engines.rkllm.runtime import RunInput
from services.engines.rkllm.tokens import Template, Tokenized, reasoning_opening, template_text
from services.engines.worker.errors import LoadFailed, RequestRefused
from services.engines.worker.reasoning import OPENINGS

RESERVED = 4
"""Tokens of the context that a prompt may not use: the runtime's message for a longer prompt counts without them."""


@dataclass(frozen=True)
class Plan:
    """State what to do for a request."""

    input: RunInput
    clear: bool
    """Clear the runtime's cache first."""
    prompt_tokens: int | None
    """Exact, or None where only the runtime will know."""
    limit: int
    """Tokens the answer may have."""
    opening: str = ""
    """The tag of a reasoning that the prompt ends with, so that the answer begins inside it."""


class PromptPlanner(Protocol):
    """Plan runs, and remember what the cache has. Used by the main thread alone."""

    tokens: bool
    """Whether prompts are given as tokens."""

    def data(self, request: dict[str, Any]) -> Any:
        """Return the data for a request about tokens. Raises `RequestRefused`."""

    def plan(self, request: dict[str, Any]) -> Plan:
        """Return what to do for `request`. Raises `RequestRefused`."""

    def record(self, outcome: RunOutcome, kv_size: int) -> None:
        """Note that the planned run ended by itself with `outcome`.

        `kv_size` is the number of tokens in the cache, as the runtime counts them.
        """

    def forget(self) -> None:
        """Note that the cache was cleared, or that its content is unknown."""


class TokenPrompts:
    """Render the model's template here, and give the runtime tokens."""

    tokens = True

    def __init__(self, tokenized: Tokenized, context: int, history: bool) -> None:
        """Take the context in tokens; `history` chooses that strategy."""
        self._tokenized, self._context, self._history = tokenized, context, history
        self._ids: list[int] = []
        self._cached: list[int] = []

    def data(self, request: dict[str, Any]) -> Any:
        """Return the data as `PromptPlanner.data` says."""
        return self._tokenized.data(request)

    def plan(self, request: dict[str, Any]) -> Plan:
        """Return the plan as `PromptPlanner.plan` says."""
        ids, opening = self._tokenized.encode(request)
        self._ids = ids
        if len(ids) > self._context - RESERVED:
            raise RequestRefused("The prompt is too long.", "context", len(ids), self._context)
        if not ids:
            raise RequestRefused("The prompt is empty; send at least one character.")
        cached = len(self._cached)
        extends = self._history and 0 < cached < len(ids) and ids[:cached] == self._cached
        given = RunInput(tokens=ids[cached:] if extends else ids, keep_history=self._history)
        limit = min(request["max_tokens"], self._context - len(ids) - 1)
        return Plan(given, self._history and not extends, len(ids), limit, opening)

    def record(self, outcome: RunOutcome, kv_size: int) -> None:
        """Note the tokens as `PromptPlanner.record` says."""
        cached = self._ids + outcome.ids
        # A runtime that keeps another number of tokens than we count keeps something we do not know.
        self._cached = cached if kv_size == len(cached) else []

    def forget(self) -> None:
        """Note as `PromptPlanner.forget` says."""
        self._cached = []


Opens = Callable[[dict[str, Any]], str]
"""Returns the tag of the reasoning that the template begins for a request; empty where it begins none."""


def opens(folder: Path, always: bool) -> Opens:
    """Return a function that says which reasoning tag the runtime's template begins for a request.

    With `always`, every template begins one, unless thinking is off. Else the template in `folder` is rendered; without
    one the tag is unknown, and the function returns nothing.
    """
    if always:
        return lambda request: "" if request["template_kwargs"].get("enable_thinking") is False else OPENINGS[0]
    try:
        template = Template(folder) if template_text(folder) else None
    except LoadFailed:
        template = None  # the runtime has its own, and does not need this one

    def begun(request: dict[str, Any]) -> str:
        try:
            return reasoning_opening(template.render(request["messages"], request)) if template else ""
        except (RequestRefused, RecursionError):
            return ""

    return begun


class TemplatePrompts:
    """Give the runtime text, which it puts into the model's template as one user message."""

    tokens = False

    def __init__(self, context: int, history: bool, opens: Opens, missing: Sequence[str] = ()) -> None:
        """Take the context in tokens; `history` chooses that strategy.

        `missing` are the files without which the model's tokens are unknown; none where a setting chose this planner.
        """
        self._context, self._opens, self._missing = context, opens, missing
        self._history = History() if history else None
        self._messages: tuple[RoleAndText, ...] = ()

    def data(self, request: dict[str, Any]) -> Any:
        """Raise `RequestRefused`: the tokens are unknown."""
        files = " and ".join(self._missing)
        needed = f"Put the model's {files} beside it." if files else "Set npu_prompt to auto instead of template."
        raise RequestRefused(f"The NPU runtime does not give out the tokens of this model. {needed}")

    def plan(self, request: dict[str, Any]) -> Plan:
        """Return the plan as `PromptPlanner.plan` says."""
        if request["kind"] != "chat":
            raise RequestRefused(
                "This model completes no raw prompt: the NPU runtime puts every prompt into its chat template. Use the "
                "chat endpoint, or put the model's tokenizer.json and chat template beside it."
            )
        messages = self._messages = pairs(request["messages"])
        new = self._history.continued(messages) if self._history else None
        prompt = neutral(flattened(messages) if new is None else new)
        thinking = bool(request["template_kwargs"].get("enable_thinking", True))
        given = RunInput(prompt, keep_history=self._history is not None, thinking=thinking)
        limit = min(request["max_tokens"], self._context)
        return Plan(given, self._history is not None and new is None, None, limit, self._opens(request))

    def record(self, outcome: RunOutcome, kv_size: int) -> None:
        """Note the messages as `PromptPlanner.record` says."""
        if self._history and kv_size:
            self._history.record(self._messages, outcome.text)

    def forget(self) -> None:
        """Note as `PromptPlanner.forget` says."""
        if self._history:
            self._history.forget()
