"""Find the JSON in an answer, and hold it against its schema.

Only the process of `answering.judge` imports this: a client's patterns and an answer can make it slow. Nothing is
fetched, whatever a schema refers to.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from services.chat.tools.call import refuse_constant
from services.chat.tools.reader import JsonEnd

_FENCE = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")

OPTIONS: dict[str, Any] = {"offline": True, "validate_formats": True}

OLDER = (jsonschema_rs.Draft7Validator, jsonschema_rs.Draft4Validator)
"""Drafts that schemas are still written in: lists in ``items``, ``exclusiveMinimum: true``."""

SHOWN = 300
"""Characters of what the validator says that are passed on."""


class Unsatisfied(Exception):
    """The answer contains no JSON of the schema; the message says what is wrong with it."""


def validator(schema: dict[str, Any]) -> Any:
    """Return a validator of JSON values. Raises `ValueError` if `schema` is none, or refers to another document.

    A schema that names no draft is of the newest one that it is valid in.
    """
    wanted = schema or {"type": "object"}
    try:
        return jsonschema_rs.validator_for(wanted, **OPTIONS)
    except ValueError as error:
        for draft in () if "$schema" in wanted else OLDER:
            with contextlib.suppress(ValueError):
                return draft(wanted, **OPTIONS)
        raise error


def matching_json(text: str, schema: dict[str, Any]) -> str:
    """Return the JSON in `text` that satisfies `schema`. Raises `Unsatisfied` if there is none."""
    complaint, checks = "", validator(schema)
    for candidate in json_candidates(text):
        try:
            value = json.loads(candidate, parse_constant=refuse_constant, object_pairs_hook=distinct)
            error = next(checks.iter_errors(value), None)
        except Repeated as repeated:
            complaint = complaint or str(repeated)
        except (ValueError, RecursionError):
            continue
        else:
            if error is None:
                return candidate
            complaint = complaint or described(error)
    raise Unsatisfied(complaint or "it holds no JSON")


class Repeated(Exception):
    """A JSON object has a key twice: readers differ in which of its values they take."""


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises `Repeated` if it has a key twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Repeated("an object has a key twice")
    return found


def described(error: Any) -> str:
    """Return what the validator says, with the place in the answer."""
    place = ".".join(map(str, error.instance_path))
    message = " ".join(str(error.message).split())
    return (f"{place}: {message}" if place else message)[:SHOWN]


def json_candidates(text: str) -> Iterator[str]:
    """Yield the parts of `text` that may be its JSON: all of it, the contents of fences, the first object or list."""
    # The whole text comes first: JSON inside a string of the answer must not win over the answer.
    yield text.strip()
    yield from (inside.strip() for inside in _FENCE.findall(text))
    opening = _OPENING.search(text)
    end = JsonEnd(opening.start()).find(text) if opening else None
    if opening and end:
        yield text[opening.start() : end]
