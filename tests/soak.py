"""How long the soak tests run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator


def rounds(usual: int) -> Iterator[int]:
    """Count to `usual`; under `make soak`, go on until SOAK_SECONDS have passed."""
    end = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "0"))
    number = 0
    while number < usual or time.monotonic() < end:
        yield number
        number += 1
