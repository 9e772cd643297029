"""Refuse schemas that contradict themselves or that no grammar can be made of, before any work is done on them.

Pure, and linear in the size of the schema. So the server's own process may do `check_bounds`; everything else that is
done with a client's schema is done in a process of its own (`answering.judge`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from services.chat.schemas.parts import children, in_place, place, schemas
from services.chat.schemas.patterns import repetition
from services.core.errors import BadRequest

MAX_REPETITION = 10_000
"""Largest number of repetitions that the counts of a pattern mean together. Each takes memory in the grammar."""

MAX_REFERENCES = 100
"""Largest number of references that follow each other. The grammar's compiler recurses, and dies of about 700."""

MAX_OPTIONAL = 400
"""Largest number of properties of one object that may be missing. llguidance has room for 498."""

COUNTS = (
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minContains", "maxContains"),
)
"""Pairs of bounds of whole numbers."""

BOUNDS = frozenset({
    *(name for pair in COUNTS for name in pair), "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "pattern", "patternProperties",
})  # fmt: skip
"""Keywords that can contradict each other, or themselves."""


class Interval(NamedTuple):
    """The numbers that a schema allows."""

    low: float
    high: float
    low_open: bool
    high_open: bool


def check_bounds(schema: dict[str, Any], name: str, param: str) -> None:
    """Check that no part of the schema `name`, from the field `param`, has bounds that no value satisfies.

    That is a mistake even where another part makes up for it, and engines have died of it. Raises `BadRequest`.
    """
    for path, part in schemas(schema):
        for reason in contradictions(part):
            at = f" at {place(path)!r}" if path else ""
            raise BadRequest(f"The schema of {name}{at} contradicts itself: {reason}. Correct it.", param=param)


class Costly(Exception):
    """The cost of a grammar of the schema would have no bound; the message says why."""


def check_cost(schema: dict[str, Any]) -> None:
    """Check that a grammar of `schema` has a bounded cost. Raises `Costly`."""
    for path, part in schemas(schema):
        for pattern in patterns(part):
            if (product := repetition(pattern).product) > MAX_REPETITION:
                at = f" at {place(path)!r}" if path else ""
                raise Costly(f"its pattern{at} repeats something {product} times; {MAX_REPETITION} is the limit")
        if (count := optional_properties(part)) > MAX_OPTIONAL:
            raise Costly(f"it has an object with {count} properties that are not required; {MAX_OPTIONAL} is the limit")
    if longest_chain(schema) > MAX_REFERENCES:
        raise Costly(f"it has more than {MAX_REFERENCES} references in a row")
    if has_circle(schema):
        raise Costly("it has references that lead back to themselves without a value in between")


def contradictions(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each contradiction between the schema's own keywords."""
    if BOUNDS.isdisjoint(schema):
        return
    for least, most in COUNTS:
        low, high = number(schema.get(least)), number(schema.get(most))
        if low is not None and high is not None and low > high:
            yield f"{least} ({schema[least]}) is greater than {most} ({schema[most]})"
    if is_empty(interval(schema), schema.get("type") == "integer"):
        yield "no number is between its minimum and its maximum"
    for pattern in patterns(schema):
        if reverse := repetition(pattern).reverse:
            yield f"the pattern repeats {reverse}, whose first number is greater than its second"


def number(value: Any) -> float | int | None:
    """Return `value` if it is a number, else None. JSON's true and false are none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def interval(schema: Mapping[str, Any]) -> Interval:
    """Return the numbers between the bounds of a schema, of any draft."""
    low, high = number(schema.get("minimum")), number(schema.get("maximum"))
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    above, below = number(over), number(under)
    # In draft 4 the two are true or false, and say it of the other bound.
    low_open = over is True or (above is not None and (low is None or above >= low))
    high_open = under is True or (below is not None and (high is None or below <= high))
    lows = [each for each in (low, above) if each is not None]
    highs = [each for each in (high, below) if each is not None]
    return Interval(max(lows, default=-math.inf), min(highs, default=math.inf), low_open, high_open)


def is_empty(numbers: Interval, whole: bool) -> bool:
    """Return whether no number is in the interval; `whole`: no whole one."""
    low, high, low_open, high_open = numbers
    if low >= high:
        return low > high or low_open or high_open
    # Compared and not asked of `math.isinf`, which cannot take an integer beyond the floats.
    if not whole or low == -math.inf or high == math.inf:
        return False
    least = math.floor(low) + 1 if low_open else math.ceil(low)
    return least > (math.ceil(high) - 1 if high_open else math.floor(high))


def patterns(schema: Mapping[str, Any]) -> list[str]:
    """Return the regular expressions among the schema's own keywords."""
    named = schema.get("patternProperties")
    names = list(named) if isinstance(named, dict) else []
    pattern = schema.get("pattern")
    return [*names, pattern] if isinstance(pattern, str) else names


def longest_chain(schema: dict[str, Any]) -> int:
    """Return the largest number of references that a compiler has open at once, which takes schemas in their order."""
    found, seen = 0, set()
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        part, chain = waiting.pop()
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen.add(id(part))
        found = max(found, chain)
        waiting += [(inner, chain) for _, inner in children(part)]
        # Last, so that it is taken first: what is reached in two ways counts with its longer one, mostly.
        waiting.append((target(schema, part), chain + 1))
    return found


def optional_properties(schema: Mapping[str, Any]) -> int:
    """Return how many of the properties of an object may be missing."""
    properties, required = schema.get("properties"), schema.get("required")
    names = properties.keys() if isinstance(properties, dict) else set()
    return len(names - {name for name in required if isinstance(name, str)} if isinstance(required, list) else names)


def has_circle(schema: dict[str, Any]) -> bool:
    """Return whether a schema applies to a value only if it applies to that value itself."""
    ended: set[int] = set()
    return any(leads_back(schema, start, ended) for _, start in schemas(schema))


def leads_back(root: dict[str, Any], start: dict[str, Any], ended: set[int]) -> bool:
    """Return whether a path from `start` meets itself. `ended` are the schemas whose paths end, and grows."""
    path: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(start, False)]
    while waiting:
        part, left = waiting.pop()
        if left:
            path.discard(id(part))
            ended.add(id(part))
        elif id(part) in path:
            return True
        elif isinstance(part, dict) and id(part) not in ended:
            path.add(id(part))
            waiting.append((part, True))
            waiting += [(inner, False) for inner in (*in_place(part), target(root, part))]
    return False


def target(root: dict[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return what the reference of `schema` points to in its own document; None where it has none or leads nowhere."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for step in unquote(reference[1:]).split("/")[1:]:
        found = inside(found, step.replace("~1", "/").replace("~0", "~"))
    return found if reference == "#" or reference.startswith("#/") else None


def inside(value: Any, name: str) -> Any:
    """Return the value in a JSON object or list that one step of a pointer names; None where there is none."""
    if isinstance(value, list):
        return value[int(name)] if name.isascii() and name.isdigit() and int(name[:9]) < len(value) else None
    return value.get(name) if isinstance(value, dict) else None
