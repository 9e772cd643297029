"""Make the grammar of an answer from a client's schemas, or say why there is none.

Only the process of `answering.judge` imports this: compiling a schema can take seconds and gigabytes, and kill.
The compiler is llguidance of the release that is in llama.cpp. There it fails open: a grammar that it does not take is
left out without a word. So every grammar is compiled here before an engine gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from llguidance import LLMatcher, LLTokenizer

from services.chat.schemas.bounds import Costly, check_cost
from services.chat.schemas.match import validator
from services.chat.schemas.narrow import has_gap, narrowed, prepared
from services.chat.tools.grammar import call_schema, rules
from services.core.grammar import whole

Fault = Literal["invalid", "unsatisfiable", "costly", "no_grammar"]

BYTES = LLTokenizer("byte")
"""The tokens that grammars are tried with: no model is needed to know what one allows."""

PROBED = 64
"""Bytes of an answer that are tried. Some grammars are too large only once an answer has begun."""

SHOWN = 200
"""Characters of a reason that are passed on."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The grammar of an answer."""

    rules: str
    """Its rules, as `tools.grammar` writes them."""
    complete: bool
    """Whether it enforces all of the schemas."""


class Unusable(Exception):
    """A schema cannot be promised."""

    def __init__(self, fault: Fault, reason: str, tool: str = "") -> None:
        """Take what is wrong, and the name of the tool whose arguments the schema describes; empty for an answer."""
        super().__init__(reason)
        self.fault, self.reason, self.tool = fault, " ".join(reason.split())[:SHOWN], tool


def compiled(calls: Mapping[str, dict[str, Any]], answer: dict[str, Any] | None) -> Compiled:
    """Return the grammar of an answer that is a call of one of `calls`, or JSON of `answer`. Raises `Unusable`."""
    parts = {tool: call_schema(tool, arguments) for tool, arguments in calls.items()}
    if answer is not None:
        parts[""] = answer
    for tool, schema in parts.items():
        check_validity(tool, schema)
    if not any(map(has_gap, parts.values())):
        exact = rules(map(prepared, parts.values()))
        if not refusal(exact):
            return Compiled(exact, complete=True)
    loose = rules(closest(tool, schema) for tool, schema in parts.items())
    if reason := refusal(loose):
        raise Unusable("no_grammar", reason)
    return Compiled(loose, complete=False)


def check_validity(tool: str, schema: dict[str, Any]) -> None:
    """Check that answers can be held against `schema`, and that compiling it has a bounded cost. Raises `Unusable`."""
    try:
        check_cost(schema)
        validator(schema)
    except Costly as error:
        raise Unusable("costly", str(error), tool) from error
    except ValueError as error:
        raise Unusable("invalid", str(error), tool) from error


def closest(tool: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema as a grammar enforces most of it. Raises `Unusable`."""
    exact = prepared(schema)
    if not (reason := refusal(rules([exact]))):
        return exact
    # Only what nothing is left out of proves that no value satisfies the original.
    if "Unsatisfiable" in reason:
        raise Unusable("unsatisfiable", reason, tool)
    loose = narrowed(schema, compiles)
    if refusal(rules([loose])):
        raise Unusable("no_grammar", reason, tool)
    return loose


def compiles(schema: dict[str, Any]) -> bool:
    """Return whether a grammar of `schema` can be made."""
    return not refusal(rules([schema]))


def refusal(rules: str) -> str:
    """Return why llguidance refuses a grammar, or the beginning of an answer; empty if it does not."""
    matcher = LLMatcher(BYTES, whole(rules), log_level=0)
    for _ in range(PROBED):
        if matcher.is_error() or matcher.is_stopped():
            break
        matcher.consume_token(first_allowed(matcher.compute_bitmask()))
    reason, _, _ = matcher.get_error().partition("<state>")
    # It stands between the place in a text that the client did not write, and that text.
    return reason.partition("JSON schema: ")[2].partition("\n   ")[0] or reason


def first_allowed(mask: bytes) -> int:
    """Return the first token that a mask allows."""
    number = int.from_bytes(mask, "little")
    return (number & -number).bit_length() - 1
