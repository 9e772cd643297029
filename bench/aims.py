"""Measure whether questions about a whole text are told from questions about a passage of one, by language.

The words of the languages in `TUNE` may be looked at to mend the lists; those in the others only tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

import msgspec
from msgspec import Struct

from bench.asked import FOLDER
from services.chat.rag.aim import share_of_whole

TUNE = frozenset({"en", "es", "zh", "fr", "tr", "hi"})
"""The languages that tune."""


class Asked(Struct, frozen=True):
    """Questions as a person types them."""

    whole: tuple[str, ...]
    """Questions about a text as a whole."""
    passage: tuple[str, ...]
    """Questions about a passage, with words of the other kind in them."""


def questions() -> dict[str, Asked]:
    """Return the questions by language. Blocks as the disk does."""
    return msgspec.json.decode((FOLDER / "aims.json").read_bytes(), type=dict[str, Asked])


def figures(asked: Iterable[Asked]) -> tuple[float, float, float, float]:
    """Return the shares of the questions that get what they are after, and of those that get at least half of it."""
    asked = list(asked)
    whole = [share_of_whole(question) for each in asked for question in each.whole]
    passage = [1 - share_of_whole(question) for each in asked for question in each.passage]
    return (*_shares(whole), *_shares(passage))


def _shares(rooms: list[float]) -> tuple[float, float]:
    return mean(room == 1 for room in rooms), mean(room > 0 for room in rooms)


def main() -> None:
    """Print the shares as a Markdown table."""
    every = questions()
    rows = {name: [asked] for name, asked in every.items()}
    rows["**tune**"] = [asked for name, asked in every.items() if name in TUNE]
    rows["**tell**"] = [asked for name, asked in every.items() if name not in TUNE]
    print("| | whole: all room | some room | passage: all room | some room |\n|---|---|---|---|---|")
    for name, asked in rows.items():
        print(f"| {name} | " + " | ".join(f"{share:.2f}" for share in figures(asked)) + " |")


if __name__ == "__main__":
    main()
