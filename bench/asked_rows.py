"""Generate documents with tables in many forms, and measure whether the row that is asked for reaches the prompt.

A row counts if all its cells are there, and the names of its columns before it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import product
from statistics import mean

from bench.asked import attached, plain, prepared
from bench.table_forms import FORMS, NAMELESS, Row, Table

BUDGETS = (700, 1400)
"""Tokens that the selected passages may take."""

EACH = 12
"""Questions per form and table."""

FIRST = (
    "Amrit", "Belinda", "Chidi", "Dorota", "Elif", "Farid", "Greta", "Hiroshi", "Imani", "Jorge", "Ksenia", "Lars",
    "Mbali", "Noor", "Oksana", "Pavel", "Qiu", "Rosa", "Sanjay", "Tomasz", "Ulla", "Vikram", "Wanda", "Ximena",
    "Yusuf", "Zofia",
)  # fmt: skip
LAST = (
    "Abara", "Bergman", "Cisneros", "Dvorak", "Eklund", "Fontaine", "Grabowski", "Haddad", "Ivanova", "Jansen",
    "Kowal", "Lindqvist", "Moreau", "Nakata",
)  # fmt: skip
THINGS = (
    "lathe", "kiln", "tandem", "canoe", "loom", "anvil", "printer", "drill", "saw", "winch", "pump", "mixer",
    "grinder", "oven",
)  # fmt: skip
MADE_OF = (
    "cast iron, grey paint", "solid oak", "folded steel, galvanised", "spun brass", "carbon, hand-laid",
    "bent ash wood",
)  # fmt: skip
PLACES = (
    "north shed, lower rack", "attic", "room 12, by the window", "boat house", "cellar under the stairs", "yard",
)  # fmt: skip

PEOPLE = ("Keeper", "Item", "Bought", "Price in euro", "Where it stands", "Remark")
METERS = ("Meter", "Street", "Reading in March", "Reading in June", "Difference")

PROSE = (
    "The society was founded in the year of the great flood, and since then its members have kept whatever the town "
    "gave away. They meet on the first Monday of the month, drink tea, and argue about the roof. "
)


MOST_BETWEEN = 60
"""Characters between two cells of a row, such as tags or the name of a column."""


def keepers(chance: random.Random, count: int) -> Table:
    """Return a table with names and cells of several words, some with commas."""
    people = (" ".join(each) for each in product(FIRST, LAST, ("", *map(str, range(2, 2 + count // 300)))))
    names = chance.sample([name.strip() for name in people], count)
    rows = [
        (name, chance.choice(THINGS), str(chance.randint(1950, 2024)), f"{chance.randint(10, 4000)}.50",
         chance.choice(PLACES), chance.choice(MADE_OF))
        for name in names
    ]  # fmt: skip
    return Table(PEOPLE, rows, "What does {} look after, and what did it cost?")


def meters(chance: random.Random, count: int) -> Table:
    """Return a table of numbers alone but for one column."""
    rows = []
    for number in chance.sample(range(10_000, 99_999), count):
        before, after = chance.randint(100, 900), chance.randint(901, 2000)
        rows.append((f"M{number}", f"{chance.choice(LAST)} Street", str(before), str(after), str(after - before)))
    return Table(METERS, rows, "how much did meter {} use")


def long_rows(chance: random.Random, count: int) -> Table:
    """Return a table with a cell of many words in each row."""
    table = keepers(chance, count)
    rows = [(*row[:-1], f"{row[-1]} and " + " ".join(chance.choices(PROSE.split(), k=60))) for row in table.rows]
    return table._replace(rows=rows)


TABLES: dict[str, tuple[Callable[[random.Random, int], Table], int]] = {
    "names, 25 rows": (keepers, 25),
    "numbers, 60 rows": (meters, 60),
    "names, 2,000 rows": (keepers, 2000),
    "long cells": (long_rows, 20),
}


def document(form: Callable[[Table], str], table: Table, other: Table) -> str:
    """Return a document with two tables between prose."""
    return (
        f"# Year book\n\n{PROSE * 4}\n\n## What we have\n\n{PROSE}\n\n{form(table)}\n\n{PROSE * 3}\n\n## Besides\n\n"
        f"{form(other)}\n\n{PROSE * 2}"
    )


def has_row(prompt: str, row: Row, header: Row) -> bool:
    """Return whether a prompt has the cells of a row in order, and the names of the columns before its end."""
    text = plain(prompt)
    end = max((_end_of(text, start, row) for start in _places(text, plain(row[0]))), default=-1)
    return end > 0 and all(plain(name) in text[:end] for name in header)


def _end_of(text: str, start: int, row: Row) -> int:
    """Return where the last cell of the row at `start` is in `text`; -1 without all of its cells."""
    place = start
    for cell in row[1:]:
        at = text.find(plain(cell), place, place + MOST_BETWEEN + len(plain(cell)))
        if at < 0:
            return -1
        place = at + len(plain(cell))
    return place


def _places(text: str, piece: str) -> Iterator[int]:
    at = text.find(piece)
    while at >= 0:
        yield at
        at = text.find(piece, at + 1)


def scores(form: str, table: str, budget: int) -> Iterator[float]:
    """Yield for some rows whether they reach the prompt, 0 or 1."""
    make, count = TABLES[table]
    chance = random.Random(f"{form} {table}")
    made, other = make(chance, count), (meters if make is keepers else keepers)(chance, 15)
    text = document(FORMS[form], made, other)
    for row in chance.sample(made.rows, EACH if count < 100 else EACH // 3):
        result = prepared(attached("book.txt", text), made.question.format(row[0]), (), budget)
        said = result.messages[-1].text.rpartition("</sources>")[0]
        yield float(has_row(said, row, () if form in NAMELESS else made.header))


def main() -> None:
    """Print the shares as a Markdown table."""
    for budget in BUDGETS:
        print(f"| {budget} tokens | {' | '.join(TABLES)} |\n|---|{'---|' * len(TABLES)}")
        for form in FORMS:
            print(
                f"| {form} | " + " | ".join(f"{mean(scores(form, table, budget)):.2f}" for table in TABLES) + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()
