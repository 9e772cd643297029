"""Callbacks of the NPU runtime that come after their run has returned."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from services.engines.rkllm.abi import FINISH, GROUPS, NORMAL
from services.engines.rkllm.runtime import Returned, RunInput, Runtime

ABI = GROUPS[0]

LIMIT = 10.0
"""Seconds until a test that hangs fails."""


class Library:
    """A library whose runs last until `end` is set, and whose callback the test calls."""

    def __init__(self) -> None:
        self.end, self.aborts = threading.Event(), 0

    def rkllm_createDefaultParam(self) -> Any:  # noqa: N802 - the name is the library's
        return ABI.make("RKLLMParam")

    def rkllm_init(self, handle: Any, param: Any, callback: Any) -> int:
        handle._obj.value, self.callback = 1, callback
        return 0

    def rkllm_run(self, *arguments: Any) -> int:
        assert self.end.wait(LIMIT)
        return 0

    def rkllm_abort(self, handle: Any) -> int:
        self.aborts += 1
        self.end.set()
        return 0


@pytest.mark.parametrize("state", [NORMAL, FINISH])
def test_a_late_callback_neither_writes_into_nor_ends_the_next_run(state: int) -> None:
    library = Library()
    runtime = Runtime(library, ABI)
    runtime.init({}, {})
    library.end.set()
    runtime.start(RunInput(tokens=[1]), {}, 9)
    assert isinstance(runtime.next(LIMIT), Returned)
    library.callback(None, 1, state)
    library.end.clear()
    runtime.start(RunInput(tokens=[2]), {}, 9)
    library.callback(None, 1, state)
    assert runtime.next(LIMIT) is None  # the late one before the run
    runtime.abort()
    assert isinstance(runtime.next(LIMIT), Returned)
    assert library.aborts == 1
