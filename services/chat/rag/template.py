"""Know the templates that Open WebUI puts around sources, and tell them from a persona and from somebody's instructions.

A known template asks for what the server's own prompt asks for, so it vanishes. What an owner added to one, or wrote
instead of it, is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from services.chat.rag.pace import do_nothing, lightly_paced

CONTEXT, CONTEXT_END = "<context>", "</context>"
"""The tags that most templates have around the sources."""

_TAG = re.compile(r"<([\w-]{1,32})>\s{0,8}\Z")
"""An opening tag at the end of a text."""

_MAX_TAG = 48
"""Characters from the end in which such a tag begins."""

_HEADING = re.compile(r"#{1,6} [^\n]{1,60}|[^\W\d_]{1,12} ?:")
"""A line like ``### Context:`` or ``Question:``."""

_QUERY, _QUERY_END = "<user_query>", "</user_query>"
"""The tags that some templates have around a copy of the question."""

_LINES = (
    "### Guidelines:",
    "- If you don't know the answer, clearly state that.",
    "- If uncertain, ask the user for clarification.",
    "- Respond in the same language as the user's query.",
    "- If the context is unreadable or of poor quality, inform the user",
    "- If the answer isn't present in the context but you possess the knowledge, explain this",
    "- **Only include inline citations using [",
    "- Do not cite if the <source",
    "- Do not use XML tags in your response.",
    "- Ensure citations are concise and directly related to the information provided.",
    "### Example of Citation:",
    "If the user asks about a specific topic and the information is found in ",
    '* "According to the study, the proposed method increases efficiency by 20% [',
    "### Output:",
    "Provide a clear and direct response to the user's query, including inline citations in the format [",
    "square brackets, like [1]. If the sources do not answer the question, say so.",
    CONTEXT,
)
"""How the other lines of known templates begin: of Open WebUI's in its versions 0.6 to 0.12, which differ in what follows,
and of this product's first one."""

_BEGINNINGS = (
    "### Task:\nRespond to the user query using the provided context, incorporating inline citations in the format [",
    "Answer the question at the end from the sources in <context>. After each statement put the id of its source in",
)
"""How a known template begins: Open WebUI's, and this product's first one."""


def separate(before: str, give_way: Callable[[], None] = do_nothing) -> tuple[str, str]:
    """Return what stands before a known template, byte for byte, and what somebody added to the template.

    `before` is the text up to the sources. Of a template that is not known, all stands before it. Calls `give_way` every few milliseconds.
    """
    start = max(_start(before, beginning) for beginning in _BEGINNINGS)
    if start < 0:
        return before.removesuffix("\n"), ""
    begun = next(beginning for beginning in _BEGINNINGS if before.startswith(beginning, start))
    rest = before[start + len(begun) :].partition("\n")[2]
    added = [line for line in lightly_paced(rest.split("\n"), give_way) if not line.lstrip().startswith(_LINES)]
    # Open WebUI joins a persona and its template by one line end.
    return before[: max(0, start - 1)], "\n".join(added).strip()


def _start(text: str, beginning: str) -> int:
    """Return where a template with the `beginning` begins, at the start of a line; -1 if there is none."""
    start = text.rfind(beginning)
    return start if start <= 0 or text[start - 1] == "\n" else -1


def without_copies(after: str, give_way: Callable[[], None]) -> tuple[str, str]:
    """Return the text behind the sources without the copies of the question in their tags, and the last copy.

    Calls `give_way` every few milliseconds.
    """
    text = after.strip()
    rest, copy, place = [], "", 0
    for start, end in lightly_paced(_copies(text), give_way):
        rest.append(text[place:start])
        copy, place = text[start + len(_QUERY) : end], end + len(_QUERY_END)
    return "".join([*rest, text[place:]]).strip(), copy.strip()


def split_question(rest: str, copy: str) -> tuple[str, str]:
    """Return the template's text in `rest`, and the question behind it.

    Only a copy of the question shows where it begins; without one, all of `rest` is the question. Where nothing repeats
    the copy, it is the question itself.
    """
    if copy and (rest.endswith(copy) or copy not in rest):
        return rest.removesuffix(copy), copy
    return "", rest


def unwrap(before: str, after: str) -> tuple[str, str]:
    """Return the texts around the sources without the pair of tags next to them, ``<context>`` or an owner's own.

    The prompt has other tags.
    """
    opened = _TAG.search(before, max(0, len(before) - _MAX_TAG))
    rest = after.lstrip()
    if not opened or not rest.startswith(f"</{opened[1]}>"):
        return before, after
    return before[: opened.start()], rest.removeprefix(f"</{opened[1]}>")


def without_label(text: str) -> str:
    """Return `text` without a last line that is only a heading: what stood below it is elsewhere in the prompt."""
    rest, _, last = text.rstrip().rpartition("\n")
    return rest.rstrip() if _HEADING.fullmatch(last.strip()) else text


def _copies(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each copy of the question begins, with its tag, and where its text ends."""
    start = text.find(_QUERY)
    while start >= 0 and (end := text.find(_QUERY_END, start)) >= 0:
        yield start, end
        start = text.find(_QUERY, end)
