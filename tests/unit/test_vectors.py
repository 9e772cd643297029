"""Arithmetic of embeddings, and what the endpoints make of a request."""

from __future__ import annotations

import base64
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.answering.vectors import with_dimensions
from services.api.dialects.openai.vectors import inputs
from services.chat.vectors import base64_floats, cosine, normalise, ranked_indices, shorten_vector
from services.core.errors import BadRequest
from services.core.model import Model

NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20)
MODEL = Model("m", Path("m.gguf"), "llama", 512, 0, 0)


@given(NUMBERS)
def test_a_normalised_vector_has_the_length_1_and_the_same_direction(vector: list[float]) -> None:
    found = normalise(vector)
    if any(abs(value) > 1e-3 for value in vector):
        assert math.hypot(*found) == pytest.approx(1)
        assert cosine(vector, found) == pytest.approx(1)
    assert len(found) == len(vector)


def test_cosine() -> None:
    assert cosine([1.0, 0.0], [0.0, 2.0]) == 0
    assert cosine([1.0, 1.0], [-3.0, -3.0]) == pytest.approx(-1)
    assert cosine([0.0, 0.0], [1.0, 1.0]) == 0


def test_a_shortened_vector_is_normalised_again() -> None:
    assert shorten_vector([3.0, 4.0, 12.0], 2) == pytest.approx([0.6, 0.8])


def test_base64_is_little_endian_floats() -> None:
    assert struct.unpack("<3f", base64.b64decode(base64_floats([1.0, -0.5, 0.25]))) == (1.0, -0.5, 0.25)


def test_the_best_come_first_and_equals_as_they_came() -> None:
    assert ranked_indices([0.1, 0.9, 0.9, 0.5], None) == [1, 2, 3, 0]
    assert ranked_indices([0.1, 0.9, 0.9, 0.5], 2) == [1, 2]
    assert ranked_indices([0.1], 5) == [0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2, 3], [(1, 2, 3)]),
        ([[1, 2], [3]], [(1, 2), (3,)]),
        (["a", [1]], ["a", (1,)]),
    ],
)
def test_every_form_of_input(given: Any, expected: list[Any]) -> None:
    assert inputs(given) == expected


@pytest.mark.parametrize("given", ["", [], [""], [[]], ["a", 1], ["a"] * 2049, ["a\0b"]])
def test_inputs_nothing_can_be_made_of(given: Any) -> None:
    with pytest.raises(BadRequest):
        inputs(given)


def test_dimensions_are_cut_only_where_the_model_was_trained_for_it() -> None:
    vectors = [[3.0, 4.0, 12.0]]
    assert with_dimensions(vectors, None, MODEL) is with_dimensions(vectors, 3, MODEL) is vectors
    assert with_dimensions(vectors, 2, replace(MODEL, matryoshka=True)) == [pytest.approx([0.6, 0.8])]
    for model, dimensions in ((MODEL, 2), (MODEL, 4), (replace(MODEL, matryoshka=True), 4)):
        with pytest.raises(BadRequest, match="dimensions"):
            with_dimensions(vectors, dimensions, model)
