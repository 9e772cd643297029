"""Tables in all forms: rows stay whole, and a row is shown with its first row and the headings above it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chat.rag.budget import shares
from services.chat.rag.layout import read_layout
from services.chat.rag.passages import Passage, Piece, cut_source
from services.chat.rag.pipeline import cut_sources, pick_passages
from services.chat.rag.prompt import render_passages
from services.chat.rag.segments import Segment
from services.chat.rag.select import select_passages
from services.chat.rag.settings import RagSettings
from services.chat.rag.sources import Source
from services.chat.tokens import estimate_tokens

NAMES = (
    "Ada", "Bela", "Cora", "Dina", "Edda", "Fritz", "Gustav", "Hedda", "Ines", "Jonas", "Karla", "Ludwig", "Mona",
    "Nils", "Olga", "Paula", "Rosa", "Sven", "Tilda", "Ulf",
)  # fmt: skip
HEADER = ["Boat", "Owner", "Built", "Weight"]
ROWS = [[f"Boat {name}", name, str(1950 + number), f"{40 + number} kg"] for number, name in enumerate(NAMES)]
PROSE = (
    "The club has kept its boats in the shed beside the weir since the great flood, and everybody may row them. " * 12
)


def aligned(row: list[str]) -> str:
    return "".join(cell.ljust(14) for cell in row).rstrip()


def markdown(row: list[str]) -> str:
    return f"| {' | '.join(row)} |"


def tags(row: list[str]) -> str:
    return "".join(map("<td>{}</td>".format, row))


FORMS = {
    "markdown": "\n".join([markdown(HEADER), "|---|---|---|---|", *map(markdown, ROWS)]),
    "csv": "\n".join(map(",".join, [HEADER, *ROWS])),
    "semicolons": "\n".join(map(";".join, [HEADER, *ROWS])),
    "tabs": "\n".join(map("\t".join, [HEADER, *ROWS])),
    "blanks": "\n".join(map(aligned, [HEADER, *ROWS])),
    "cells": "\n\n".join(map("\n".join, [HEADER, *ROWS])),
    "json": "[\n" + ",\n".join(json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS) + "\n]",
    "dense": json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS]),
    "indented": json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS], indent=2),
    "html": "<table>\n" + "\n".join(map("<tr>{}</tr>".format, map(tags, [HEADER, *ROWS]))) + "\n</table>",
    "html_cells": "\n".join("\n".join(["<tr>", *map("  <td>{}</td>".format, row), "</tr>"]) for row in [HEADER, *ROWS]),
    "list": "\n".join(f"- {row[0]}: {row[1]}, {row[2]}, {row[3]}" for row in ROWS),
}


def document(form: str) -> str:
    return f"# Year book\n\n{PROSE}\n\n## The boats\n\n{FORMS[form]}\n\n## The weir\n\n{PROSE}"


def picked(question: str, text: str, budget: int) -> str:
    source = Source("1", "book.md", "", text)
    return pick_passages(question, [source], (), budget, RagSettings(rag_quality_floor_threshold=0)).text


def rows(text: str) -> list[Segment]:
    return [each for each in read_layout(text).segments if each.role == "row"]


@pytest.mark.parametrize("form", FORMS)
def test_the_row_asked_for_is_shown_whole_with_what_is_above_it(form: str) -> None:
    shown = picked("How heavy is the boat of Paula?", document(form), 260)
    place = 0
    for cell in ROWS[NAMES.index("Paula")]:
        place = shown.index(cell, place, place + 60 if place else None)
    assert shown.count("## The boats") == 1
    assert shown.index("## The boats") < shown.index("Paula")
    if form not in {"json", "dense", "indented", "list"}:
        assert shown.partition("Paula")[0].count("Weight") == 1
    assert estimate_tokens(shown) <= 260


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"json", "dense", "list"}))
def test_each_row_is_one_segment(form: str) -> None:
    found = rows(document(form))
    assert len(found) == len(ROWS) + (form != "indented") + (form == "markdown")
    for each, row in zip(found[-len(ROWS) :], ROWS, strict=True):
        assert all(cell in each.text for cell in row)


@pytest.mark.parametrize(
    "row", [["{}", "Monday", "oils the chain", "14"], ["{}", "八宝饭", "晚上七点上桌", "十二人份"]]
)
def test_rows_of_cells_need_no_empty_lines_between_them(row: list[str]) -> None:
    days = ["Monday", "Friday at noon", "Tuesday", "Sunday or so"]
    text = "\n".join("\n".join(row).format(name).replace("Monday", days[len(name) % 4]) for name in NAMES)
    found = rows(f"{PROSE}\n\n{text}")
    assert [each.text.partition("\n")[0] for each in found] == list(NAMES)


def test_columns_stay_apart() -> None:
    assert rows(FORMS["blanks"])[1].text == "Boat Ada  Ada  1950  40 kg"


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "First, second, third, and so on.\nThis, too, is a sentence, of course.\nAnd this, as before, is another, yes.",
        "It was late.  Nobody came.  The door was shut.\nWe waited.  Then we left.\nIt rained.",
    ],
)
def test_prose_is_no_table(text: str) -> None:
    assert not rows(text)


def test_a_table_without_names_of_columns_has_no_first_row_above() -> None:
    passages = cut_source(0, "\n".join(map(",".join, ROWS))).passages
    assert not any(line.above for passage in passages for line in passage.lines)


@pytest.mark.parametrize("sign", [",", "\t", " | "])
def test_names_of_columns_may_have_digits(sign: str) -> None:
    table = "\n".join(map(sign.join, [["Boat", "Races of 2023", "Weight"], *(row[1:] for row in ROWS)]))
    assert "Races of 2023" in picked("How heavy is the boat of Paula?", f"{table}\n\n{PROSE}", 120)


def test_a_heading_is_shown_once_above_all_that_is_picked_below_it() -> None:
    paragraphs = [
        f"Rule {number} of the shed: boat {name} is rowed by two. {PROSE[:300]}" for number, name in enumerate(NAMES)
    ]
    text = "# Rules\n\n## Rowing\n\n" + "\n\n".join(paragraphs) + "\n\n## Eating\n\nNobody eats in the shed."
    shown = picked("Who rows boat Karla, boat Nils and boat Tilda?", text, 600)
    assert shown.count("## Rowing") == 1
    assert shown.index("# Rules") < shown.index("## Rowing") < shown.index("Karla") < shown.index("Nils")


def test_the_title_of_a_source_is_no_heading_above() -> None:
    text = f"Rules of the shed\n=================\n\n{PROSE}\n\nBoat Karla is rowed by two."
    shown = pick_passages(
        "Who rows boat Karla?",
        [Source("1", "Rules of the shed", "", text)],
        (),
        200,
        RagSettings(rag_quality_floor_threshold=0),
    ).text
    assert shown.count("Rules of the shed") == 1


def test_the_room_that_is_left_is_filled_with_text_before_menus() -> None:
    menu = "\n".join(f"Item {number}" for number in range(200))
    other = "The weir was built of oak after the great flood, and the miller mends it every spring. " * 5
    text = f"{menu}\n\nBoat Karla is rowed by two.\n\n{menu}\n\n{other}"
    assert other[:80] in picked("Who rows boat Karla?", text, 500)


def test_what_is_above_a_part_of_a_passage_counts() -> None:
    """Also if the passage begins in one section and ends in the next."""
    title = piece("# The year book of the rowing club", 0)
    header = piece("Boat, Owner, Built, Weight, Place in the shed, Remark of the keeper", 1, title)
    row = piece("Undine, Ada, 1967, 45 kg, ceiling, only to be looked at", 9, title, header)
    text = [
        piece(f"The weir has {number} planks of oak that the miller mends.", 10 + number, title) for number in range(5)
    ]
    for budget in range(40, 200):
        passages = [(0, Passage(0, (row, *text), 300))]
        shown = select_passages(passages, [Source("1", "", "", "")], budget, estimate_tokens, RagSettings())
        assert estimate_tokens(render_passages(shown, [Source("1", "", "", "")])) <= budget


def piece(text: str, place: int, *above: Piece) -> Piece:
    return Piece(Segment(text, "\n"), place, above)


PARTS = st.sampled_from([
    "# Boats", "## Oars", "Article 7", "2.3 Weir", "- red boat", "Boat,Owner,Built", "Ada,Bela,1950", "| boat | 7 |",
    "boat", PROSE[:200], "The red boat is heavy.", "\f", "```",
])  # fmt: skip


@given(st.lists(PARTS, min_size=1, max_size=60), st.integers(30, 700), st.sampled_from(["\n", "\n\n"]))
def test_the_budget_is_kept_and_nothing_is_shown_twice(parts: list[str], budget: int, glue: str) -> None:
    numbered = [f"{part} {number}" if part not in {"\f", "```"} else part for number, part in enumerate(parts)]
    shown = picked("How heavy is the red boat?", glue.join(numbered), budget)
    assert estimate_tokens(shown) <= budget
    lines = [line for line in shown.split("\n")[1:] if line not in {"", "```"}]
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        ([10, 20], 100, [10, 20]),
        ([10, 200], 100, [10, 90]),
        ([200, 10, 200], 100, [45, 10, 45]),
        ([200, 200], 100, [50, 50]),
        ([], 100, []),
    ],
)
def test_large_sources_get_what_small_ones_leave(sizes: list[int], total: int, expected: list[int]) -> None:
    assert shares(sizes, total) == expected


def test_what_is_left_out_counts_as_unread() -> None:
    encoded = "QWxhZGRpbjpvcGVuIHNlc2FtZQ1" * 40
    unread = cut_sources([Source("1", "", "", f"The boat:\n{encoded}")], lambda: None)[0].left_out
    assert len(encoded) - 5 < unread <= len(encoded)
