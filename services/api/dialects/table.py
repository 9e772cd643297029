"""List the dialects of this server. A dialect is a folder beside this file, and a name here."""

from __future__ import annotations

from services.api.dialects.anthropic.dialect import ANTHROPIC
from services.api.dialects.dialect import Dialect
from services.api.dialects.ollama.dialect import OLLAMA
from services.api.dialects.openai.dialect import OPENAI
from services.api.dialects.responses.dialect import RESPONSES

DIALECTS: tuple[Dialect, ...] = (OPENAI, RESPONSES, ANTHROPIC, OLLAMA)

KEY_HEADERS = tuple(dialect.key_header for dialect in DIALECTS if dialect.key_header)
"""The headers in which clients send keys, besides ``Authorization``."""


def dialect_of(path: str) -> Dialect:
    """Return the dialect whose shape the errors at `path` have: the one with the longest prefix of the path."""
    claims = [(len(prefix), dialect) for dialect in DIALECTS for prefix in dialect.prefixes if path.startswith(prefix)]
    return max(claims, key=lambda claim: claim[0])[1] if claims else OPENAI
