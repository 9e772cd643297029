"""Read ``response_format``: the schema that an answer must satisfy, and how strictly. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.api.dialects.common import foreign
from services.api.dialects.common.parameters import NeutralValues, requested
from services.api.dialects.openai.types import CompletionParameters, ResponseFormat
from services.core.errors import BadRequest

FREE_TEXT_IGNORED: NeutralValues = {"json_schema": (None,), "schema": (None,)}
"""Fields of a ``response_format`` of the type ``text``, without effect; any value but null is named in the warning."""

SCHEMA_IGNORED: NeutralValues = {"description": (None, "")}
"""The same for the fields of ``json_schema``: models read no description beside a schema, only those in it."""


def ignored(response_format: ResponseFormat | None) -> list[str]:
    """Return the names of the fields without effect: the schema of free text, and the description of a schema."""
    if response_format is None:
        return []
    if response_format.type == "text":
        return requested(response_format, FREE_TEXT_IGNORED, "response_format.")
    return requested(response_format.json_schema, SCHEMA_IGNORED, "response_format.json_schema.")


def schema(request: CompletionParameters) -> foreign.Schema | None:
    """Return the JSON schema asked for; ``{}`` for any object; None for free text. Raises `BadRequest`."""
    return foreign.schema_of(request, format_schemas(request.response_format))


def format_schemas(response_format: ResponseFormat | None) -> Iterator[tuple[str, foreign.Schema]]:
    """Yield the schemas of a format, each with the name of its field. Raises `BadRequest` for none."""
    if response_format is None or response_format.type == "text":
        return
    own, other = response_format.json_schema, response_format.schema
    if own is None and other is None and response_format.type == "json_schema":
        raise BadRequest(
            "response_format has the type json_schema but no json_schema; send the schema there.",
            param="response_format.json_schema",
        )
    if own is not None:
        yield "response_format.json_schema", own.schema
    if other is not None or own is None:
        yield "response_format.schema", other or {}


def strict(response_format: ResponseFormat | None) -> bool:
    """Tell whether the client is ready for a refusal in place of JSON."""
    wanted = response_format.json_schema if response_format else None
    return bool(wanted and wanted.strict)
