"""What llama.cpp's chunks become."""

from __future__ import annotations

from typing import Any

from services.engines.llama.chunks import ChunkReporter


class Recorder:
    """A run that keeps what is reported."""

    over = False

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.usage = {"prompt_tokens": 0, "completion_tokens": 0, "cached_tokens": 0}

    def reasoning(self, piece: str) -> None:
        self.pieces.append(piece)


def test_a_reasoning_begins_with_its_first_word() -> None:
    run: Any = Recorder()
    reporter = ChunkReporter(run, 0, 100)
    for piece in ("\n", "\nWell", "\n", "then"):
        reporter.take({"choices": [{"delta": {"reasoning_content": piece}}]})
    assert run.pieces == ["Well", "\n", "then"]
