"""The rules by which `bench.answers` counts answers."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.answers import outcome
from bench.exam import Item, items


@pytest.mark.parametrize(
    ("pieces", "answer", "expected"),
    [
        (("4088",), "In all 4,088 cyclists ride [1].", "right"),
        (("4088",), "It is 14088.", "wrong"),
        (("17",), "[1] 170 mm", "wrong"),
        (("555 266",), "Llame al +34 600 555 266.", "right"),
        (("warrant",), "They need warrants first.", "right"),
        (("7",), "[7]", "wrong"),
        (("warrant",), "The sources do not say what they need.", "says so"),
        (("queso",), "Las fuentes no contienen la respuesta.", "says so"),
        (("Ull",), "Das steht nicht in den Quellen: Die Quellen nennen ihn nicht.", "says so"),
        (("пят",), "Там нет ответа.", "says so"),
        ((), "I'm sorry, the text does not mention it.", "right"),
        ((), "It is 42 metres high [1].", "wrong"),
    ],
)
def test_outcomes(pieces: tuple[str, ...], answer: str, expected: str) -> None:
    assert outcome(Item("en", "web", "How?", "", pieces), answer) == expected


def test_there_are_a_hundred_questions_in_both_splits() -> None:
    asked = items()
    assert Counter(item.split for item in asked) == {"tune": 50, "tell": 50}
    assert sum(not item.answer for item in asked) == 20
    assert len({(item.question, item.sources) for item in asked}) == 100
