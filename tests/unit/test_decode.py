"""What a body may look like beside plain JSON, and what an error says about one that is none."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from services.api.http import whole_numbers
from services.api.http.decode import (
    MOST_BETWEEN,
    MOST_FLOATS,
    MOST_LISTS,
    MOST_MENDED,
    MOST_TEXTS,
    REPLACED,
    decode_body,
)
from services.core.errors import BadRequest


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog"):
    weight: float


class Inner(Struct, rename="camel"):
    top_k: int | None = None


class Wanted(Struct):
    n: int | None = None
    either: int | float | None = None
    ratio: float | None = None
    tokens: str | list[str | int | list[int]] | None = None
    counts: dict[str, int] | None = None
    pets: list[Cat | Dog] | None = None
    inner: Inner | None = None
    free: dict[str, Any] | None = None
    anything: Any = None
    level: Literal[1, 2] | None = None


def decoded(text: str | bytes) -> Wanted:
    data = text if isinstance(text, bytes) else text.encode()
    return decode_body(data, Wanted, pytest.fail)


def refused(data: bytes, kind: type[Struct] = Wanted) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        decode_body(data, kind, lambda warning: None)
    return caught.value


def exactly(found: object) -> str:
    """Return text that tells 1 from 1.0."""
    return repr(found)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"n": 4096.0}', Wanted(n=4096)),
        ('{"n": 1e3}', Wanted(n=1000)),
        ('{"n": -0.0}', Wanted(n=0)),
        ('{"n": 5.0, "either": 1.0, "ratio": 2.0}', Wanted(n=5, either=1.0, ratio=2.0)),
        ('{"tokens": [1.0, "a", [2.0, 3]]}', Wanted(tokens=[1, "a", [2, 3]])),
        ('{"counts": {"a": 7.0}}', Wanted(counts={"a": 7})),
        (
            '{"pets": [{"type": "dog", "weight": 2.0}, {"type": "cat", "lives": 9.0}]}',
            Wanted(pets=[Dog(2.0), Cat(9)]),
        ),
        ('{"inner": {"topK": 40.0}}', Wanted(inner=Inner(top_k=40))),
        (
            '{"n": 1.0, "free": {"a": 1.0, "b": [2.0]}, "anything": {"n": 3.0}}',
            Wanted(n=1, free={"a": 1.0, "b": [2.0]}, anything={"n": 3.0}),
        ),
    ],
)
def test_whole_numbers_count_as_integers_where_the_type_asks_for_them(text: str, wanted: Wanted) -> None:
    assert exactly(decoded(text)) == exactly(wanted)


@given(st.integers(-(2**53), 2**53))
def test_every_integer_may_be_written_as_a_float(number: int) -> None:
    assert exactly(decoded(f'{{"n": {float(number)!r}}}').n) == exactly(number)


@pytest.mark.parametrize("number", ["1.5", "1e400", '"5"', "true"])
def test_no_other_value_becomes_an_integer(number: str) -> None:
    error = refused(f'{{"n": {number}, "tokens": [1.0]}}'.encode())
    assert error.status == 400
    assert "n" in error.message


@pytest.mark.parametrize("text", ['{"tokens": [%s]}', '{"tokens": [[%s]]}', '{"counts": {%s}}'])
def test_so_many_floats_that_they_cost_a_long_loop_are_refused(text: str) -> None:
    name = '"%d": ' if "counts" in text else ""
    values = ", ".join((name % index if name else "") + "1.0" for index in range(whole_numbers.MOST_VALUES + 1))
    assert "got `float`" in refused((text % values).encode()).message


def test_a_float_beside_very_many_numbers_is_refused_without_reading_them_in_python() -> None:
    numbers = b"1," * (MOST_FLOATS // 2)
    assert "got `float`" in refused(b'{"n": 1.0, "unknown": [' + numbers + b"1]}").message
    assert decoded('{"n": 1.0, "unknown": [' + "1," * 1000 + "1]}").n == 1


def test_a_byte_order_mark_is_skipped() -> None:
    assert decoded('\ufeff{"n": 1}').n == 1


@pytest.mark.parametrize(
    ("escaped", "wanted"),
    [
        (r"a\ud83d", "a\ufffd"),
        (r"\ude00b", "\ufffdb"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\\ud83d\ud83d", "\\ud83d\ufffd"),
        (r"\\ud83d\ude00", "\\ud83d\ufffd"),
    ],
)
def test_half_characters_are_replaced_with_a_warning(escaped: str, wanted: str) -> None:
    warnings: list[str] = []
    found = decode_body(f'{{"anything": "{escaped}", "n": 1.0}}'.encode(), Wanted, warnings.append)
    assert (found.anything, found.n) == (wanted, 1)
    assert warnings == [REPLACED]


@pytest.mark.parametrize("number", ["1" * 5_000, "-1e400", "1" * 400 + ".5"])
@pytest.mark.parametrize("beside", ['"n": 1', '"n": 1.0', r'"n": 1, "anything": "\ud83d"'])
def test_an_unknown_field_may_be_any_number_and_a_known_one_may_not(number: str, beside: str) -> None:
    decoded = decode_body(f'{{{beside}, "unknown": {number}}}'.encode(), Wanted, lambda _: None)
    assert decoded.n == 1
    assert refused(f'{{"either": 1.0, {beside}, "counts": {{"a": {number}}}}}'.encode()).status == 400


def test_half_a_character_in_a_huge_body_is_refused_in_words() -> None:
    text = "a" * MOST_MENDED
    assert "half of a character" in refused(f'{{"anything": "{text}\\ud83d"}}'.encode()).message


def test_whole_characters_give_no_warning() -> None:
    assert decoded(r'{"anything": "\ud83d\ude00 \\ud83d"}').anything == "\U0001f600 \\ud83d"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"anything": "abc caf\xe9"}'.encode("latin-1"), "byte 21 (0xe9) is no UTF-8; send the text as UTF-8"),
        (b"\x1f\x8b\x08\x00", "it is compressed with gzip; send the text as it is"),
        ('{"n": 1}'.encode("utf-16"), "byte 0 (0xff) is no UTF-8"),
        (b'\xef\xbb\xbf{"anything": "\xff"}', "byte 17 (0xff) is no UTF-8"),
        (b'{"n": ', "truncated"),
        (b'{"n": tru}', "byte"),
        (rb'{"anything": "\ud83d', "truncated"),
    ],
)
def test_an_error_says_what_is_wrong_with_the_bytes(data: bytes, says: str) -> None:
    error = refused(data)
    assert error.message.startswith("The request's body is no JSON: ")
    assert says in error.message


class Message(Struct):
    role: str


class Chat(Struct):
    messages: list[Message]


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (b"{}", "messages"),
        (b'{"messages": [{"role": "x"}, {}]}', "messages[1].role"),
        (b'{"messages": [{"role": 5}]}', "messages[0].role"),
        (b"[]", None),
    ],
)
def test_an_error_names_the_field_at_fault(data: bytes, param: str | None) -> None:
    assert refused(data, Chat).param == param


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (b"[]," * MOST_LISTS, "lists and objects"),
        (b'"\\\\",' * MOST_TEXTS, "texts and keys"),
        (b"1," * MOST_BETWEEN, "bytes of numbers"),
    ],
)
def test_more_values_than_anybody_sends_are_refused_before_they_are_made(inside: bytes, said: str) -> None:
    assert said in refused(b'{"free": {"a": [' + inside + b"1]}}").message


def test_what_stands_in_a_text_does_not_count() -> None:
    text = '[]{}",\\' * MOST_LISTS
    assert decoded(json.dumps({"anything": text}).encode()).anything == text
