"""What a dead child has left in its pipes is logged once, and the newest line is the cause."""

from __future__ import annotations

import os

import pytest

from services.engines.worker.child_log import ChildLog, repeated


@pytest.mark.parametrize(
    ("logged", "rest", "count"),
    [
        ([], ["a"], 0),
        (["a", "b"], [], 0),
        (["x", "a", "b"], ["a", "b", "c"], 2),
        (["a", "a"], ["a", "a", "a"], 2),
        (["a", "b"], ["b", "a"], 1),
        (["a"], ["b"], 0),
    ],
)
def test_the_lines_that_a_child_had_copied_are_known_again(logged: list[str], rest: list[str], count: int) -> None:
    assert repeated(logged, rest) == count


def test_the_rest_of_another_pipe_is_logged_but_for_what_was_copied() -> None:
    (log_end, log), (tap_end, tap) = os.pipe(), os.pipe()
    os.set_blocking(log_end, False)
    lines: list[str] = []
    child_log = ChildLog(log_end, "child", 1, lines.append)
    os.write(log, b"I rkllm: one\nE rkllm: two\n")
    os.write(tap, b"E rkllm: two\n\n\0" + b"1\0\nE rkllm: three\n")
    child_log.take(at_rest=True)
    child_log.take_rest(tap_end)
    assert lines == ["I rkllm: one", "E rkllm: two", "E rkllm: three"]
    assert child_log.last_line == "E rkllm: three"
    os.close(log)
    child_log.join(10)
    for end in (tap, tap_end):
        os.close(end)
