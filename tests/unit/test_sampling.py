"""Sampling parameters as engines get them."""

from __future__ import annotations

import pytest

from services.core.sampling import Sampling, for_engine


@pytest.mark.parametrize(
    ("seed", "meant"), [(0, 0), (7, 7), (2**32 - 2, 2**32 - 2), (2**32 - 1, 0), (-1, 2**32 - 2), (2**63 - 1, 2**31 - 1)]
)
def test_every_seed_is_one_that_an_engine_repeats(seed: int, meant: int) -> None:
    assert for_engine(Sampling(seed=seed)) == {"seed": meant}


def test_only_what_has_a_value_reaches_an_engine() -> None:
    assert for_engine(Sampling(temperature=0)) == {"temperature": 0}
