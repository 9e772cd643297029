"""Write a table in the forms that documents have it in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

Row = Sequence[str]


class Table(NamedTuple):
    """A table, and how a row of it is asked for."""

    header: Row
    rows: Sequence[Row]
    question: str
    """With the first cell of a row in it."""


def markdown(table: Table) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in (table.header, ["---"] * len(table.header), *table.rows)]
    return "\n".join(lines)


def bare_markdown(table: Table) -> str:
    """Return a Markdown table without outer bars."""
    return "\n".join(" | ".join(row) for row in (table.header, ["---"] * len(table.header), *table.rows))


def separated(sign: str) -> Callable[[Table], str]:
    """Return the form whose cells have `sign` between them, and quotation marks around those that have it inside."""

    def write(table: Table) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=sign, lineterminator="\n").writerows([table.header, *table.rows])
        return text.getvalue()

    return write


def quoted(table: Table) -> str:
    """Return a table with commas whose cells are all between quotation marks."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([table.header, *table.rows])
    return text.getvalue()


def aligned(table: Table) -> str:
    """Return columns aligned by blanks."""
    widths = [max(map(len, column)) + 2 for column in zip(table.header, *table.rows, strict=True)]
    lines = (
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (table.header, *table.rows)
    )
    return "\n".join(line.rstrip() for line in lines)


def cells(table: Table) -> str:
    """Return a cell on each line, and an empty line between rows."""
    return "\n\n".join("\n".join(row) for row in (table.header, *table.rows))


def running_cells(table: Table) -> str:
    """Return a cell on each line, and nothing between rows, as text copied from a page."""
    return "\n".join("\n".join(row) for row in (table.header, *table.rows))


def objects(table: Table) -> list[dict[str, str]]:
    """Return the rows with the names of their columns."""
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def json_lines(table: Table) -> str:
    """Return a JSON array with an object on each line."""
    return "[\n" + ",\n".join(map(json.dumps, objects(table))) + "\n]"


def pretty_json(table: Table) -> str:
    """Return a JSON array as programs indent it."""
    return json.dumps(objects(table), indent=2)


def dense_json(table: Table) -> str:
    """Return a JSON array on one line."""
    return json.dumps(objects(table))


def listed(table: Table) -> str:
    """Return a list with one row in each item."""
    return "\n".join(f"- {row[0]}: {', '.join(row[1:])}" for row in table.rows)


def named_list(table: Table) -> str:
    """Return a numbered list whose items name each column."""
    rows = (", ".join(map(": ".join, each.items())) for each in objects(table))
    return "\n".join(f"{number}. {row}" for number, row in enumerate(rows, 1))


def html(table: Table) -> str:
    """Return an HTML table as a text, as some converters leave it."""
    rows = ("".join(["<tr>", *map("<td>{}</td>".format, row), "</tr>"]) for row in (table.header, *table.rows))
    return "\n".join(["<table>", *rows, "</table>"])


def nested_html(table: Table) -> str:
    """Return an HTML table with a cell on each line."""
    rows = ("\n".join(["<tr>", *map("  <td>{}</td>".format, row), "</tr>"]) for row in (table.header, *table.rows))
    return "\n".join(["<table>", *rows, "</table>"])


FORMS: dict[str, Callable[[Table], str]] = {
    "Markdown": markdown,
    "Markdown, bare": bare_markdown,
    "csv": separated(","),
    "csv, quoted": quoted,
    "csv, semicolons": separated(";"),
    "tabs": separated("\t"),
    "blanks": aligned,
    "cells": cells,
    "cells, running": running_cells,
    "JSON": json_lines,
    "JSON, indented": pretty_json,
    "JSON, one line": dense_json,
    "list": listed,
    "list, named": named_list,
    "HTML": html,
    "HTML, cells": nested_html,
}
NAMELESS = {"list"}
"""Forms without the names of columns."""
