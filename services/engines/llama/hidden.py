"""Complete the logprobs of an answer where llama.cpp passes over tokens.

It tells nothing of a token that ends inside a character: an emoji of three tokens has the entry of the last one alone.
So the tokens are found again from the text, and the probability of each is read from the list of all likely ones at its
place. That needs the engine idle, so these entries, and all after them, come at the end of the answer.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.engines.llama.scores import A_BLANK, generated
from services.engines.llama.tokens import Tokens
from services.engines.worker.errors import RequestRefused

Entry = dict[str, Any]
"""llama.cpp's entry for a token: id, text, bytes, logprob, and the likely tokens at its place."""

LISTED = (1000, 1_000_000)
"""Lengths of the lists in which a token is searched; the second is longer than any vocabulary."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer, as llama.cpp sent it."""

    text: str
    entries: Sequence[Entry]
    hidden: int
    """Tokens of the piece that have no entry; they come before those that have one."""


class Ledger:
    """Keep the pieces of one answer from the first one with hidden tokens on."""

    def __init__(self) -> None:
        """Begin with an answer that has no token yet."""
        self._tokens = 0
        self.ids: list[int] = []
        """Of the tokens before the kept pieces."""
        self.kept: list[Piece] = []

    def take(self, text: str, entries: Sequence[Entry], tokens: int) -> Sequence[Entry]:
        """Note a piece that ends after so many `tokens`, and return the entries that may be sent with it."""
        hidden, self._tokens = tokens - self._tokens - len(entries), tokens
        if hidden <= 0 and not self.kept:
            self.ids += [entry["id"] for entry in entries]
            return entries
        self.kept.append(Piece(text, entries, max(0, hidden)))
        return ()

    def skip(self, tokens: int) -> None:
        """Note a piece without logprobs that ends after so many `tokens`."""
        self._tokens = tokens


def completed(server: Any, tokens: Tokens, before: Sequence[int], pieces: Iterable[Piece]) -> Iterator[Entry]:
    """Yield the entries of `pieces`, which follow the tokens `before`, with those of the hidden tokens.

    A piece whose tokens cannot be found again keeps the entries it has. Blocks. Raises `RequestRefused`.
    """
    ids = list(before)
    for piece in pieces:
        found = tokens.pieces(piece.text)
        known = [(entry["id"], entry) for entry in piece.entries]
        same = [id for id, _ in found[piece.hidden :]] == [id for id, _ in known]
        if piece.hidden and same:
            yield from with_hidden(server, ids, found, piece)
        else:
            yield from piece.entries
        ids += [id for id, _ in found]


def with_hidden(
    server: Any, before: Sequence[int], found: Sequence[tuple[int, bytes]], piece: Piece
) -> Iterator[Entry]:
    """Yield an entry for each of the tokens `found`; those that end inside a character have no text of their own."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    ids = list(before)
    for place, (id, data) in enumerate(found):
        entry = listed(server, ids, id) if place < piece.hidden else piece.entries[place - piece.hidden]
        yield {**entry, "token": decoder.decode(data), "bytes": list(data)}
        ids.append(id)


def listed(server: Any, before: Sequence[int], id: int) -> Entry:
    """Return the entry of a token that follows the tokens `before`. Blocks. Raises `RequestRefused`."""
    for amount in LISTED:
        likely = likely_tokens(server, before, amount)
        if found := [entry for entry in likely if entry["id"] == id]:
            return {**found[0], "top_logprobs": likely}
    raise RequestRefused("llama.cpp told no probability of one of the answer's tokens.", "fault")


def likely_tokens(server: Any, before: Sequence[int], amount: int) -> list[Entry]:
    """Return the most likely tokens after those `before`. Blocks. Raises `RequestRefused`."""
    (entry,) = generated(server, before, 1, amount, A_BLANK)
    likely: list[Entry] = entry["top_logprobs"]
    return likely
