"""Keep what was promised of an answer: make its grammar before, hold it against its schema when it is finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from services.answering import judge
from services.chat.schemas.checks import PARAM, schema_instructions, tool_schema_name
from services.chat.tokens import estimate_tokens
from services.chat.tools.grammar import arguments_schema
from services.chat.tools.prompt import with_instructions
from services.core.errors import BadRequest
from services.core.events import Event, Text, ToolCallDelta
from services.core.request import EngineRequest
from services.engines.registry import spec_of

NO_CALL = "it calls no function"
"""What is wrong with text where a call was demanded."""

REMEDIES: Mapping[str, str] = MappingProxyType({
    "invalid": "Send a valid JSON schema that refers to nothing outside of it.",
    "unsatisfiable": "No answer can satisfy it; correct it.",
    "costly": "Make it simpler.",
    "no_grammar": "No grammar can be made of it; make it simpler.",
})  # fmt: skip
"""What to do about a schema that cannot be used, by `judge.Verdict.fault`."""


def settled(request: EngineRequest, owner: str = "") -> EngineRequest:
    """Return `request` with the grammar that enforces what it promises, if anything, where its engine has grammars.

    `owner` is the name of the key that asks. Blocks and raises as `judge.compile_schemas` does. Raises `BadRequest`
    for a schema that cannot be used.
    """
    if not request.has_promise:
        return request
    enforced = request.has_form and spec_of(request.model).grammar
    if enforced and request.messages and request.messages[-1].role == "assistant" and request.messages[-1].text:
        # A grammar holds for what is written now, so the two together would be no JSON.
        raise BadRequest(
            "The last message is the assistant's, which an answer continues; one that must be a call or JSON begins "
            "anew. Send a user's message last.",
            param="messages",
        )
    bound = {tool.name: arguments_schema(tool) for tool in request.tools} if enforced else bound_arguments(request)
    found = judge.compile_schemas(bound, request.answer_schema, owner)
    if found.fault and (enforced or found.fault not in harmless_faults(request)):
        raise refused(found)
    if not enforced:
        return request
    return replace(request, grammar=found.rules) if found.complete else with_schema(request, found.rules)


def bound_arguments(request: EngineRequest) -> dict[str, dict[str, Any]]:
    """Return the schemas that arguments must satisfy, by the names of the tools. Other calls are as free as text is."""
    return {tool.name: arguments_schema(tool) for tool in request.tools if tool.strict or request.check_call}


def harmless_faults(request: EngineRequest) -> tuple[str, ...]:
    """Return the faults of a schema that do no harm where no grammar is made of it."""
    return ("no_grammar",) if request.has_form else ("no_grammar", "costly")


def with_schema(request: EngineRequest, rules: str) -> EngineRequest:
    """Return `request` with a grammar that enforces less than was promised, so that the model must know the schema."""
    held = replace(request, grammar=rules, hold_back=True)
    if request.answer_schema is None or request.kind != "chat":
        return held
    text = schema_instructions(request.answer_schema)
    return replace(
        held,
        messages=with_instructions(request.messages, text, request.model),
        prompt_tokens_estimate=request.prompt_tokens_estimate + estimate_tokens(text),
    )


def refused(found: judge.Verdict) -> BadRequest:
    """Return the error for a schema that cannot be used."""
    name, param = (tool_schema_name(found.tool), "tools") if found.tool else (PARAM, PARAM)
    reason = found.reason.rstrip(".")
    return BadRequest(f"The schema of {name} cannot be used: {reason}. {REMEDIES[found.fault]}", param=param)


class Answer:
    """Collect one answer, and hold it against what was promised."""

    def __init__(self, request: EngineRequest) -> None:
        """Collect an answer to `request`."""
        self._request = request
        self._text: list[str] = []
        self._calls: list[ToolCallDelta] = []

    def take(self, event: Event) -> None:
        """Take an event of the answer."""
        if isinstance(event, Text):
            self._text.append(event.text)
        elif isinstance(event, ToolCallDelta):
            self._calls.append(event)

    @property
    def text(self) -> str:
        """Return the text so far."""
        return "".join(self._text)

    @property
    def called(self) -> bool:
        """Return whether it has a call."""
        return bool(self._calls)

    def calls(self) -> list[tuple[str, str]]:
        """Return the name and the arguments of each call."""
        names = {piece.index: piece.name for piece in self._calls if piece.name}
        return [
            (name, "".join(piece.arguments for piece in self._calls if piece.index == index))
            for index, name in names.items()
        ]

    def judged(self) -> judge.Match:
        """Return the JSON of the finished answer, or what is wrong with it. Blocks and raises as `judge` does.

        The JSON is empty for calls.
        """
        if not self.called and self._request.check_call:
            return judge.Match(complaint=NO_CALL)
        pairs = self._promised_arguments() if self.called else [(self.text, self._request.answer_schema or {})]
        try:
            matches = judge.match_answers(pairs) if pairs else []
        except judge.TooCostly:
            return judge.Match(complaint="checking it takes too much time or memory")
        wrong = next((match for match in matches if match.json is None), None)
        return wrong or (judge.Match("") if self.called else matches[0])

    def _promised_arguments(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the arguments of each call that must satisfy a schema, with that."""
        bound = bound_arguments(self._request)
        return [(arguments, bound[name]) for name, arguments in self.calls() if name in bound]
