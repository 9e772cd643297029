"""Arithmetic of embeddings. Pure, and free of numpy: what is done here costs microseconds per vector."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence

Vector = Sequence[float]


def normalised(vector: Vector) -> list[float]:
    """The same direction with the length 1; a vector of zeros stays one."""
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else list(vector)


def shortened(vector: Vector, dimensions: int) -> list[float]:
    """The beginning of an embedding whose model was trained so that this is an embedding too."""
    return normalised(vector[:dimensions])


def cosine(a: Vector, b: Vector) -> float:
    """How near two texts are, by their embeddings: -1 to 1."""
    lengths = math.hypot(*a) * math.hypot(*b)
    return sum(map(float.__mul__, a, b)) / lengths if lengths else 0.0


def packed(vector: Vector) -> str:
    """Little-endian 32-bit floats in base64, as OpenAI's ``encoding_format`` has it."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def best(scores: Sequence[float], count: int | None) -> list[int]:
    """The indices of the `count` highest scores (None for all), the highest first; equals as they came."""
    return sorted(range(len(scores)), key=lambda index: -scores[index])[:count]
