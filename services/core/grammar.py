"""Define how a grammar begins, for those who write its rules and for the engine that enforces it. Pure.

Grammars are in the dialect of Lark that llguidance reads.
"""

from __future__ import annotations

ROOT = "answer"
"""The name of the rule that is a whole answer."""


def whole(rules: str, start: str = ROOT, options: str = "{}") -> str:
    """Return the text of the grammar with `rules`, whose texts are `start`; `options` are llguidance's, as JSON."""
    return f"%llguidance {options}\nstart: {start}\n{rules}"
