"""Calculate with embeddings. It needs no numpy, since each vector takes only microseconds."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence

Vector = Sequence[float]


def normalise(vector: Vector) -> list[float]:
    """Return a vector of the same direction with the length 1; a vector of zeros stays as it is."""
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else list(vector)


def shorten_vector(vector: Vector, dimensions: int) -> list[float]:
    """Return the first `dimensions` numbers as an embedding of the length 1.

    Only models that were trained for this (Matryoshka) have such embeddings.
    """
    return normalise(vector[:dimensions])


def cosine(a: Vector, b: Vector) -> float:
    """Return the similarity of two embeddings, from -1 to 1; 0 if one of them is zero."""
    lengths = math.hypot(*a) * math.hypot(*b)
    return sum(map(float.__mul__, a, b)) / lengths if lengths else 0.0


def base64_floats(vector: Vector) -> str:
    """Return the vector as little-endian 32-bit floats in base64: OpenAI's ``encoding_format`` of that name."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def ranked_indices(scores: Sequence[float], count: int | None) -> list[int]:
    """Return the indices of the `count` highest scores (None: of all), highest first; equal ones stay in order."""
    return sorted(range(len(scores)), key=lambda index: -scores[index])[:count]
