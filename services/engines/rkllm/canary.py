"""Recognise from the library's own default values that it has other layouts than expected. Standard library only.

`rkllm_createDefaultParam` fills a whole struct. Read by the layouts of another release, its values are those of their
neighbours: a float where a small integer belongs, a zero where none may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "top_k": (1, 100_000),
    "top_p": (0.01, 1),
    "temperature": (0, 5),
    "repeat_penalty": (0.1, 10),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "mirostat": (0, 2),
    "mirostat_tau": (0.1, 100),
    "mirostat_eta": (0.001, 10),
}
"""What a default can be, least and most. Ranges, since a newer release may have chosen other defaults."""

PLAUSIBLE_EXTEND: Mapping[str, tuple[float, float]] = {
    "base_domain_id": (0, 15),
    "enabled_cpus_num": (1, 16),
    "n_batch": (1, 100),
}
"""The same for RKLLMExtendParam, which stands at the end of the struct and so shows whether anything before it grew."""


def implausible(param: Any) -> list[str]:
    """Return the defaults in RKLLMParam that cannot be any, as ``mirostat 1084227584``; none for the right layouts."""
    return [*outside(param, PLAUSIBLE), *outside(param.extend_param, PLAUSIBLE_EXTEND)]


def outside(struct: Any, ranges: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    """Yield name and value of each field that is outside of its range; NaN is outside of any."""
    for name, (least, most) in ranges.items():
        value = getattr(struct, name)
        # The library's values are 32-bit floats, which may be a little below what was written.
        if not least - 1e-6 <= value <= most + 1e-6:
            yield f"{name} {value:.6g}"
