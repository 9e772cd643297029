"""Write config.example.yaml and the tables of docs/configuration.md from `services/core/settings_fields.py`.

    python -m scripts.settings_docs

``make docs`` runs it. A test fails if one of the two files is not up to date.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from services.core import settings_fields
from services.core.settings import FIELDS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "config.example.yaml"
PAGE = ROOT / "docs" / "configuration.md"
BEGIN = "<!-- The tables up to the next marker are written by 'make docs'. -->"
END = "<!-- End of the tables. -->"
WIDTH = 120

HEAD = """\
# All settings with their defaults, written by 'make docs' from services/core/settings_fields.py.
# Copy the lines that you want to change into config.yaml and start the server with: CONFIG=config.yaml make run
# The environment variable RKLLM_<KEY> overrides a key, for example RKLLM_QUEUE_DEPTH=4. Write lists with commas there.
# Times are in seconds. docs/configuration.md says more.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as config.example.yaml and docs/configuration.md show it."""

    section: str
    name: str
    default: str
    """The default as YAML."""
    description: str
    """Sentences on one line."""


def settings() -> Iterator[Setting]:
    """Yield every setting in the order of the source. Raise `ValueError` for a field without a description."""
    source = inspect.getsource(settings_fields)
    sections = {number: line for number, line in enumerate(source.splitlines(), 1) if line.startswith("    # --- ")}
    (body,) = (node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    for field, text in zip(body[1:], [*body[2:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            section = max(number for number in sections if number < field.lineno)
            yield setting(sections[section].removeprefix("    # --- "), field.target.id, text)


def setting(section: str, name: str, text: ast.stmt | None) -> Setting:
    """Return the setting `name`, which the docstring `text` describes. Raise `ValueError` if `text` is another node."""
    if not (isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)):
        raise ValueError(f"The setting {name} has no docstring in {settings_fields.__file__}.")
    return Setting(section, name, as_yaml(FIELDS[name].default), " ".join(text.value.value.split()))


def as_yaml(default: Any) -> str:
    """Return a default as YAML. The only default that is computed is the models folder, in the user's home folder."""
    if not isinstance(default, str | int | float | tuple | Path | None):
        return "~/models"
    return str(default) if default and isinstance(default, str | Path) else json.dumps(default)


def example() -> str:
    """Return the text of config.example.yaml."""
    parts = [HEAD]
    for section, group in groupby(settings(), lambda one: one.section):
        parts.append(f"\n# --- {section} {'-' * (WIDTH - len(section) - 7)}\n")
        parts += (f"{comment(one.description)}\n{one.name}: {one.default}\n" for one in group)
    return "".join(parts)


def comment(text: str) -> str:
    """Return `text` as lines of a comment in YAML."""
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def page(text: str) -> str:
    """Return `text`, the page about the settings, with new tables between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{''.join(tables())}\n{END}{after}"


def tables() -> Iterator[str]:
    """Yield the heading of each section and the rows below it."""
    for section, group in groupby(settings(), lambda one: one.section):
        yield f"\n### {section[0].upper()}{section[1:]}\n\n| setting | default | meaning |\n|---|---|---|\n"
        yield from (f"| `{one.name}` | `{one.default}` | {linked(one.description)} |\n" for one in group)


def linked(text: str) -> str:
    """Return `text` with a link for each page of docs/ that it names."""
    return re.sub(r"docs/([\w-]+\.md)(#[\w-]+)?", r"[\1](\1\2)", text)


def main() -> None:
    """Write both files. Raise `OSError`, or `ValueError` for a setting without a description."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    EXAMPLE.write_text(example())
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
