"""Decode a body into its type: as strict as the type, and tolerant of what clients write without a second meaning.

Tolerated are whole numbers that were written as floats, a byte order mark, and halves of characters, which JavaScript
and Python write where they cut a text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import msgspec

from services.api.http.whole_numbers import with_whole_numbers
from services.core.errors import BadRequest

T = TypeVar("T")

Body = bytes | bytearray

BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8, which some editors and shells write in front of a text."""

GZIP = b"\x1f\x8b"
"""The first bytes of what gzip compressed."""

MOST_TEXTS, MOST_LISTS = 100_000, 100_000
"""The most texts (keys among them) and the most lists and objects of a body. Millions take seconds to make."""

MOST_BETWEEN = 2 * 1024 * 1024
"""The most bytes between the texts of a body: numbers, punctuation and blanks."""

MOST_FLOATS = 512 * 1024
"""The most bytes between the texts of a body in which floats become integers: that way reads each number in Python."""

PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
"""How msgspec names the field at fault, at the end of its message."""

MISSING = re.compile(r"Object missing required field `([^`]+)`")
"""How msgspec names a field that is not there; the path is that of its object."""

SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""The beginning of an escape that stands for half of a character."""

_FIRST, _SECOND = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"

HALF = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_FIRST, _SECOND, _FIRST, _SECOND))
"""The escape of half a character without its other half, in JSON without escaped backslashes."""

MASK = b"\xff"
"""Stands for an escaped backslash meanwhile; no UTF-8 has this byte."""

MOST_MENDED = 2 * 1024 * 1024
"""The most bytes of a body whose half characters are replaced, which takes a tenth of a second for so many."""

MOST_DIGITS = 4300
"""The most digits of an integer that Python reads."""

REPLACED = "replaced: half characters in the request's text; each is U+FFFD now"


def decode_body(data: Body, kind: type[T], warn: Callable[[str], None]) -> T:
    """Return `data` as a `kind`. Raises `BadRequest` that names the field at fault.

    Halves of characters become U+FFFD, and `warn` is called with a sentence about it.
    """
    between = check_values(data)
    text = data[len(BOM) :] if data.startswith(BOM) else data
    try:
        whole = with_whole_characters(text)
        if whole != text:
            warn(REPLACED)
        return typed(whole, kind, between)
    except msgspec.ValidationError as error:
        raise wrong_field(str(error)) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise BadRequest(f"The request's body is no JSON: {fault(data, error)}.") from error
    # msgspec decodes by recursion, and stops at Python's limit.
    except RecursionError as error:
        raise BadRequest("The request's JSON is nested too deeply; send a flatter one.") from error


def check_values(data: Body) -> int:
    """Check that `data` has no more values than can be made quickly, and return the bytes between its texts.

    Raises `BadRequest`. All steps run at the speed of C: they take 70 ms for 16 MB at most, and brackets inside texts
    do not count.
    """
    without_escapes = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if without_escapes.count(b'"') > 2 * MOST_TEXTS:
        raise too_many(f"{MOST_TEXTS} texts and keys")
    between = b"".join(without_escapes.split(b'"')[::2])
    if between.count(b"[") + between.count(b"{") > MOST_LISTS:
        raise too_many(f"{MOST_LISTS} lists and objects")
    if len(between) > MOST_BETWEEN:
        raise too_many(f"{MOST_BETWEEN} bytes of numbers, blanks and punctuation")
    return len(between)


def too_many(most: str) -> BadRequest:
    """Return the error for a body with more than `most`."""
    return BadRequest(f"The request's body has more than {most}; send less, or several requests.")


def typed(data: Body, kind: type[T], between: int) -> T:
    """Return `data` as a `kind`. Raises what msgspec raises, and `ValueError` for what is no JSON.

    `between` is how many bytes are between its texts.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        if "got `float`" not in str(error) or between > MOST_FLOATS:
            raise
    # Only a body with a float at the place of an integer pays for the second way.
    return msgspec.convert(with_whole_numbers(untyped(data), kind), kind, str_keys=True)


def untyped(data: Body) -> Any:
    """Return decoded JSON, in which a number out of range is its text. Raises `ValueError` for what is no JSON.

    The first way does not read numbers of unknown fields, so they may be any. A text is refused where a field takes
    numbers.
    """
    return json.loads(data, parse_int=whole_number, parse_float=fraction, parse_constant=no_number)


def whole_number(text: str) -> int | str:
    """Return the integer that `text` is, or `text` if it has more digits than Python reads."""
    return int(text) if len(text) <= MOST_DIGITS else text


def fraction(text: str) -> float | str:
    """Return the float that `text` is, or `text` if none is so large."""
    return value if math.isfinite(value := float(text)) else text


def no_number(text: str) -> NoReturn:
    """Refuse NaN and Infinity, which are no JSON. Raises `ValueError`."""
    raise ValueError(f"{text} is no number of JSON; send a finite one or null")


def with_whole_characters(data: Body) -> Body:
    """Return the JSON with U+FFFD in place of each half character. All steps run at the speed of C."""
    if len(data) > MOST_MENDED or not SURROGATE.search(data) or MASK in data:
        return data
    return HALF.sub(rb"\\ufffd", data.replace(rb"\\", MASK)).replace(MASK, rb"\\")


def wrong_field(text: str) -> BadRequest:
    """Return the error for a message of msgspec, with the field at fault in OpenAI's notation."""
    place, missing = PATH.search(text), MISSING.match(text)
    path = place.group(1) if place else ""
    param = ".".join(filter(None, (path, missing and missing.group(1))))
    return BadRequest(f"{PATH.sub('', text)}{f' in {path!r}' if path else ''}.", param=param or None)


def fault(data: Body, error: Exception) -> str:
    """Return what is wrong with bytes that are no JSON: the first byte that is no UTF-8, else what `error` says.

    msgspec counts bytes from the beginning of a text, and knows half a character only by its missing other half.
    """
    if data.startswith(GZIP):
        return "it is compressed with gzip; send the text as it is"
    try:
        data.decode()
    except UnicodeDecodeError as found:
        return f"byte {found.start} (0x{data[found.start]:02x}) is no UTF-8; send the text as UTF-8"
    half = len(data) > MOST_MENDED and SURROGATE.search(data)
    return f"{error}; it may have half of a character (\\ud83d without \\ude00)" if half else str(error)
