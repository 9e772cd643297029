"""Answers that must be JSON of a schema: the schema checked, told to the model, and held against what it wrote. Pure.

Nothing is fetched, whatever a schema refers to; patterns are matched in linear time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema_rs

from services.chat.tools.call import refuse
from services.chat.tools.source import JsonEnd
from services.core.errors import BadRequest

Schema = dict[str, Any]

PARAM = "response_format"
"""Where a client writes its schema."""

SAID_ELSEWHERE = frozenset({"$schema", "$id", "title", "examples", "default"})
"""Keys of a schema that tell a model nothing it needs."""

DEPTH = 64
"""Levels of JSON that schemas and arguments of calls may have: enough for any in use, and few for what walks them."""

VALUES = 10_000
"""JSON values that schemas and arguments may have: what a grammar is made of, while others wait for the engine."""

_FENCE = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")


def shallow(value: Any, where: str) -> Any:
    """JSON of a request, of no more than `DEPTH` levels and `VALUES` values and without NUL, which ends a C string.
    Raises `BadRequest`.
    """
    level, size = [value], 0
    for _ in range(DEPTH):
        size += len(level)
        if size > VALUES:
            raise BadRequest(f"{where} is too large: it has more than {VALUES} values.", param=where)
        if any("\0" in text for item in level for text in texts(item)):
            raise BadRequest(f"{where} contains a NUL character; remove it.", param=where)
        level = [inner for item in level for inner in inside(item)]
        if not level:
            return value
    raise BadRequest(f"{where} is nested too deeply: it has more than {DEPTH} levels of JSON.", param=where)


def texts(value: Any) -> Iterable[str]:
    """The strings of a JSON value, those inside it excepted."""
    return (value,) if isinstance(value, str) else value if isinstance(value, dict) else ()


def inside(value: Any) -> Iterable[Any]:
    """What a JSON value consists of."""
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def checked(schema: Schema) -> None:
    """Raises `BadRequest` where a client's `schema` is none, or refers to another document."""
    validator(shallow(schema, PARAM))


def validator(schema: Schema) -> Any:
    """Checks JSON values. Raises as `checked` does."""
    try:
        return jsonschema_rs.validator_for(
            schema or {"type": "object"}, offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, RecursionError) as error:  # the package's own are ValueErrors
        reason = " ".join(str(error).split())[:300]
        raise BadRequest(f"{PARAM} has no usable JSON schema: {reason}", param=PARAM) from error


def instructions(schema: Schema) -> str:
    """What a model is told that no grammar holds to `schema`."""
    if not schema:
        return "Answer with one JSON object alone, without any text around it."
    text = json.dumps(bare(schema), ensure_ascii=False, separators=(",", ":"))
    return f"Answer with JSON alone, without any text around it. It must satisfy this JSON schema:\n{text}"


def bare(value: Any, names: bool = False) -> Any:
    """`value` without what only people read; `names` says that its keys are names of properties."""
    if isinstance(value, list):
        return [bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if names or key not in SAID_ELSEWHERE}
    return {key: bare(item, key in ("properties", "$defs") and not names) for key, item in kept.items()}


def found(text: str, schema: Schema) -> str:
    """The JSON in `text` that satisfies `schema`. Raises `Unsatisfied`."""
    complaint, checks = "it holds no JSON", validator(schema)
    for candidate in candidates(text):
        try:
            error = next(checks.iter_errors(json.loads(candidate, parse_constant=refuse)), None)
        except (ValueError, RecursionError):
            continue
        if error is None:
            return candidate
        complaint = " ".join(error.message.split())[:300]
    raise Unsatisfied(complaint)


class Unsatisfied(Exception):
    """An answer has no JSON of the schema; the message says what is wrong with it."""


def candidates(text: str) -> Iterator[str]:
    """What may be the JSON of an answer: all of it, what is in its fences, its first object or list."""
    yield text.strip()
    yield from (inside.strip() for inside in _FENCE.findall(text))
    opening = _OPENING.search(text)
    end = JsonEnd(opening.start()).find(text) if opening else None
    if opening and end:
        yield text[opening.start() : end]
