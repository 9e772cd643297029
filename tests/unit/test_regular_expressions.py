"""No regular expression of the services takes more than linear time on any text.

A repeat is open if what may follow it can also belong to it: the engine then tries every border between the two. One
open repeat costs its length, two cost the product, and one inside another is exponential. A repeat without a limit is
also costly if another match may begin inside of it and fail behind it: then every beginning reads to the end.
"""

from __future__ import annotations

import ast
import importlib
import math
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinMethodType
from typing import Any

import pytest

import services

sre = importlib.import_module("re._constants")
MOST_BORDERS = 10_000
"""The most borders that may be tried from one beginning."""

CHARACTERS = {chr(code) for code in range(128)} | set("éÀа漢あ한\u0300\u3000\u2028\xa0😀")
CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
CALLS = r"re\.(?:sub|subn|match|search|split|finditer|findall|fullmatch)"

Before = list[set[str]]
Outcome = tuple[set[str], bool, float]

OWN_TEXTS = (
    "services.boardcheck.",
    "services.engines.llama.refusals",
    "services.engines.npu.",
    "services.engines.rkllm.library",
    "services.engines.rkllm_cli.text",
)
"""Modules that read what the kernel and the programs of the machine print, in worker processes or programs of their
own."""

LINEAR_ALL_THE_SAME = frozenset({r"```[a-z]*\n(.*?)```"})
"""Of the fences, only the last one can be without an end: each beginning is the end of the one before."""


class Cost:
    """The most borders that a pattern tries from one beginning."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        tree = list(importlib.import_module("re._parser").parse(pattern, flags & ~re.DEBUG))
        self._characters = CHARACTERS | set(self._named(tree))
        self._ignores_case = bool(flags & re.IGNORECASE)
        # Behind a look at what stands before, no match begins inside of another's repeat.
        anchored = bool(tree) and tree[0][0] in (sre.AT, sre.ASSERT_NOT) and tree[0][1] != sre.AT_BOUNDARY
        self.borders = self._sequence(tree, [set()] if anchored else [], set(), False)[2]

    def _named(self, node: Any) -> Iterator[str]:
        """Yield the characters that `node` names."""
        if isinstance(node, tuple) and len(node) == 2 and node[0] in (sre.LITERAL, sre.NOT_LITERAL):
            yield chr(node[1])
        elif isinstance(node, tuple) and len(node) == 2 and node[0] is sre.RANGE:
            yield from map(chr, node[1])
        elif isinstance(node, (tuple, list)) or type(node).__name__ == "SubPattern":
            for part in node:
                yield from self._named(part)

    def _sequence(self, nodes: Any, before: Before, follow: set[str], required: bool) -> Outcome:
        """Return the characters that may come first, whether one must come, and the borders that are tried.

        `before` are the sets of characters of which one each must come before `nodes`; `follow` are the characters that
        may come behind them, and `required` says whether one of them must.
        """
        borders = 1.0
        for index, (kind, value) in reversed([*enumerate(nodes)]):
            first, required, tried = self._node(kind, value, [*before, *self._needed(nodes[:index])], follow, required)
            follow, borders = first, borders * tried
        return follow, required, borders

    def _needed(self, nodes: Any) -> Before:
        """Return the sets of characters of which one each must come for `nodes`."""
        needed: Before = []
        for node in nodes:
            first, required, _ = self._sequence([node], [set()], set(), False)
            needed += [first] if required and first else []
        return needed

    def _node(self, kind: Any, value: Any, before: Before, follow: set[str], required: bool) -> Outcome:
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            return self._repeat(value, before, follow, required)
        if kind is sre.BRANCH:
            branches = [self._sequence(branch, before, follow, required) for branch in value[1]]
            firsts, needs, tried = zip(*branches, strict=True)
            return set().union(*firsts), all(needs), max(tried)
        if kind in (sre.SUBPATTERN, sre.ATOMIC_GROUP):
            return self._sequence(value[-1] if kind is sre.SUBPATTERN else value, before, follow, required)
        if kind is sre.ASSERT and value[0] > 0:
            return self._sequence(value[1], before, set(), False)[0] | follow, True, 1.0
        if kind in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
            return follow, required or value in (sre.AT_END, sre.AT_END_STRING), 1.0
        return self._members(kind, value), True, 1.0

    def _repeat(self, value: Any, before: Before, follow: set[str], required: bool) -> Outcome:
        least, most, body = value
        most = math.inf if most == sre.MAXREPEAT else most
        first = self._sequence(body, before, set(), False)[0]
        _, needs, inside = self._sequence(body, before, follow | first if most > 1 else follow, required)
        borders = inside**most if inside > 1 else 1.0
        if most > max(least, 1) and first & follow:
            borders *= most
        if most == math.inf and required and all(first & each for each in before):
            borders = math.inf
        skipped = not least or not needs
        return first | (follow if skipped else set()), required if skipped else True, borders

    def _members(self, kind: Any, value: Any) -> set[str]:
        """Return the characters that a node for one character matches."""
        return {char.lower() for char in self._exact(kind, value)} if self._ignores_case else self._exact(kind, value)

    def _exact(self, kind: Any, value: Any) -> set[str]:
        if kind is sre.LITERAL:
            return {chr(value)}
        if kind is sre.NOT_LITERAL:
            return self._characters - {chr(value)}
        if kind is sre.RANGE:
            return {char for char in self._characters if value[0] <= ord(char) <= value[1]}
        if kind is sre.CATEGORY:
            name = str(value).removeprefix("CATEGORY_")
            matches = {char for char in self._characters if re.match(CATEGORIES[name.removeprefix("NOT_")], char)}
            return self._characters - matches if name.startswith("NOT_") else matches
        if kind is sre.IN:
            parts = set().union(*(self._exact(*part) for part in value if part[0] is not sre.NEGATE))
            return self._characters - parts if value[0][0] is sre.NEGATE else parts
        return self._characters  # any character, or a reference to a group


def patterns_in(value: Any) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns in a value of a module."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from patterns_in(item)
    elif isinstance(value, dict):
        yield from patterns_in(list(value.values()))
    elif isinstance(value, BuiltinMethodType):
        yield from patterns_in(value.__self__)


def patterns_of_modules() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the patterns that modules of the services make when they are imported."""
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                yield from ((f"{module.name}.{name}", pattern) for pattern in patterns_in(value))


def patterns_of_calls() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the patterns that are written in calls such as ``re.sub(...)``."""
    root = Path(*services.__path__)
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        for call in calls:
            if re.fullmatch(CALLS, ast.unparse(call.func)) and isinstance(call.args[0], ast.Constant):
                yield module, re.compile(call.args[0].value)


def all_patterns() -> dict[tuple[Any, int], str]:
    """Return where each pattern is."""
    found = [*patterns_of_modules(), *patterns_of_calls()]
    return {(pattern.pattern, pattern.flags): name for name, pattern in found if not name.startswith(OWN_TEXTS)}


def borders(pattern: Any, flags: int = 0) -> float:
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    return Cost(text, flags & ~re.UNICODE).borders


def test_no_pattern_takes_more_than_linear_time() -> None:
    assert len(all_patterns()) > 50
    costly = {where: text for (text, flags), where in all_patterns().items() if borders(text, flags) > MOST_BORDERS}
    assert {where: text for where, text in costly.items() if text not in LINEAR_ALL_THE_SAME} == {}


COSTLY = [
    r"<source id=\"([^\"<\n]{1,64})\"((?= name=)(?: [\w-]{1,64}=\"[^<\n]{0,2000}?\"(?=[ >])){1,16})>",
    r"<user_query>(.*?)</user_query>",
    r"[-+]?(?:(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h|))+",
    r"<[ \t]*(/?)[ \t]*([a-z]+)[ \t]*>",
    r"(a+)+$",
    r"\s+$",
    r"<[^>]*>",
    r"\d+\.\d+",
    r"a.*b.*c",
    r"(?:a|b*)*c",
]
LINEAR = [
    r"<[^<>]*>",
    r"<[ \t]{0,8}/?[ \t]{0,8}>",
    r" - at `([^`]*)`$",
    r"\w+",
    r"(?:[a-z][\u0300-\u036f]*)+",
    r"```[a-z]*\n",
    r"^\s+$",
    r"(?<![a-z0-9.])(\d+(?:\.\d+)?[bm])",
]


@pytest.mark.parametrize("pattern", COSTLY)
def test_costly_patterns_are_found(pattern: str) -> None:
    assert borders(pattern) > MOST_BORDERS


@pytest.mark.parametrize("pattern", LINEAR)
def test_linear_patterns_pass(pattern: str) -> None:
    assert borders(pattern) <= MOST_BORDERS
