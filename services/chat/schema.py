"""Check answers that must be JSON of a schema: check the schema, describe it to the model, find the JSON in its answer.

Nothing is fetched, whatever a schema refers to. Patterns are matched in linear time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema_rs

from services.chat.tools.call import refuse_constant
from services.chat.tools.reader import JsonEnd
from services.core.errors import BadRequest

Schema = dict[str, Any]

PARAM = "response_format"
"""The field of a request that contains the schema, for error messages."""

ANNOTATIONS = frozenset({"$schema", "$id", "title", "examples", "default"})
"""Keys of a schema that a model does not need. They would only cost tokens of the prompt."""

MAX_DEPTH = 64
"""Largest nesting of schemas and of arguments in a request, in levels. It is enough for all in use, and keeps
recursive code far from Python's limit."""

MAX_VALUES = 10_000
"""Largest number of JSON values in a schema or in arguments. The grammar is made from them, while other requests
wait."""

_FENCE = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")


def bounded_json(value: Any, where: str) -> Any:
    """Return `value`, JSON from the field `where` of a request. Raises `BadRequest` if it is too large or contains NUL.

    The limits are `MAX_DEPTH` levels and `MAX_VALUES` values. NUL is refused, because it ends a string in C.
    """
    # One level after the other: recursion would reach Python's limit before the check.
    level, size = [value], 0
    for _ in range(MAX_DEPTH):
        size += len(level)
        if size > MAX_VALUES:
            raise BadRequest(
                f"{where} is too large: it has more than {MAX_VALUES} JSON values. Make it smaller.", param=where
            )
        if any("\0" in text for item in level for text in own_strings(item)):
            raise BadRequest(f"{where} contains a NUL character; remove it.", param=where)
        level = [inner for item in level for inner in children(item)]
        if not level:
            return value
    raise BadRequest(
        f"{where} is nested too deeply: it has more than {MAX_DEPTH} levels of JSON. Make it flatter.", param=where
    )


def own_strings(value: Any) -> Iterable[str]:
    """Return the strings that belong to a JSON value itself: the value or its keys, without those inside it."""
    return (value,) if isinstance(value, str) else value if isinstance(value, dict) else ()


def children(value: Any) -> Iterable[Any]:
    """Return the values directly inside a JSON value."""
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def check_schema(schema: Schema) -> None:
    """Check a client's schema. Raises `BadRequest` if it is not a JSON schema, or refers to another document."""
    validator(bounded_json(schema, PARAM))


def validator(schema: Schema) -> Any:
    """Return a validator of JSON values. Raises `BadRequest` as `check_schema` does."""
    try:
        return jsonschema_rs.validator_for(
            schema or {"type": "object"}, offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, RecursionError) as error:  # the package's own are ValueErrors
        reason = " ".join(str(error).split())[:300]
        raise BadRequest(f"{PARAM} has no usable JSON schema: {reason}", param=PARAM) from error


def schema_instructions(schema: Schema) -> str:
    """Return the text that asks a model for JSON of `schema`, for engines without a grammar."""
    if not schema:
        return "Answer with one JSON object alone, without any text around it."
    text = json.dumps(without_annotations(schema), ensure_ascii=False, separators=(",", ":"))
    return f"Answer with JSON alone, without any text around it. It must satisfy this JSON schema:\n{text}"


def without_annotations(value: Any, names: bool = False) -> Any:
    """Return a schema without its `ANNOTATIONS`. `names`: the keys of `value` are property names, so all stay."""
    if isinstance(value, list):
        return [without_annotations(item) for item in value]
    if not isinstance(value, dict):
        return value
    needed = {key: item for key, item in value.items() if names or key not in ANNOTATIONS}
    return {
        key: without_annotations(item, key in ("properties", "$defs") and not names) for key, item in needed.items()
    }


def matching_json(text: str, schema: Schema) -> str:
    """Return the JSON in `text` that satisfies `schema`. Raises `Unsatisfied` if there is none."""
    complaint, checks = "it holds no JSON", validator(schema)
    for candidate in json_candidates(text):
        try:
            error = next(checks.iter_errors(json.loads(candidate, parse_constant=refuse_constant)), None)
        except (ValueError, RecursionError):
            continue
        if error is None:
            return candidate
        complaint = " ".join(error.message.split())[:300]
    raise Unsatisfied(complaint)


class Unsatisfied(Exception):
    """The answer contains no JSON of the schema; the message says what is wrong with it."""


def json_candidates(text: str) -> Iterator[str]:
    """Yield the parts of `text` that may be its JSON: all of it, the contents of fences, the first object or list."""
    # The whole text comes first: JSON inside a string of the answer must not win over the answer.
    yield text.strip()
    yield from (inside.strip() for inside in _FENCE.findall(text))
    opening = _OPENING.search(text)
    end = JsonEnd(opening.start()).find(text) if opening else None
    if opening and end:
        yield text[opening.start() : end]
