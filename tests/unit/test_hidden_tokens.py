"""Tokens that llama.cpp passes over: which pieces have some, and what becomes of them."""

from __future__ import annotations

from typing import Any

from services.engines.llama.hidden import Entry, Ledger, Piece, completed

A: Entry = {"id": 1, "token": "x", "logprob": -1.0, "top_logprobs": []}
B: Entry = {**A, "id": 2}


def test_pieces_wait_from_the_first_one_with_hidden_tokens_on() -> None:
    ledger = Ledger()
    ledger.skip(3)  # reasoning
    assert ledger.take("x", [A], 4) == [A]
    assert ledger.take("y", [B], 7) == ()
    assert ledger.take("x", [A], 8) == ()
    assert ledger.ids == [1]
    assert ledger.kept == [Piece("y", [B], 2), Piece("x", [A], 0)]


class Engine:
    """Finds three tokens in every text; the first two are bytes of a character."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.asked: list[list[int]] = []

    def pieces(self, _text: str) -> list[tuple[int, bytes]]:
        return [(7, b"\xe2\x82"), (8, b"\xac"), (self._last, b"x")]

    def handle_completions(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body["prompt"])
        likely = [{"id": id, "token": "?", "logprob": -id / 10} for id in (7, 8)]
        return {"choices": [{"logprobs": {"content": [{"top_logprobs": likely}]}}]}


def test_hidden_tokens_are_read_from_the_list_of_likely_ones() -> None:
    engine: Any = Engine(last=1)
    found = list(completed(engine, engine, [5], [Piece("€x", [A], 2), Piece("", [], 0)]))
    assert [(entry["token"], entry["bytes"], entry["logprob"]) for entry in found] == [
        ("", [0xE2, 0x82], -0.7),
        ("€", [0xAC], -0.8),
        ("x", [ord("x")], -1.0),
    ]
    assert engine.asked == [[5], [5, 7]]


def test_a_text_that_is_cut_otherwise_keeps_the_entries_it_has() -> None:
    engine: Any = Engine(last=9)
    assert list(completed(engine, engine, [], [Piece("€x", [A], 2)])) == [A]
    assert not engine.asked
