"""Know the parameters that are foreign to a dialect: those of the others, and of other servers.

They change the answer, so none of them is dropped without a word: aliases and schemas are honoured, the others are
named in the warning. Labels and hints about caches or order change no answer, and stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from services.api.dialects.common.bounds import Object, TopK
from services.api.dialects.common.foreign_fields import IGNORED, ForeignFields
from services.api.dialects.common.parameters import NeutralValues, requested, without_own
from services.chat.schemas.checks import bounded_json
from services.core.errors import BadRequest

Schema = dict[str, Any]
ForeignSchema = Object | Annotated[str, Meta(max_length=2**20)]


class StructuredOutputs(Struct):
    """State what an answer must be like, in vLLM's words."""

    json: ForeignSchema | None = None
    json_object: bool | None = None
    regex: Any = None
    choice: Any = None
    grammar: Any = None
    structural_tag: Any = None


class ForeignParameters(ForeignFields, frozen=True, kw_only=True):
    """Foreign parameters, behind all sampling parameters: what is honoured, then what has no effect."""

    top_k: TopK | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=10)] | None = None
    random_seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None

    json_schema: ForeignSchema | None = None
    guided_json: ForeignSchema | None = None
    structured_outputs: StructuredOutputs | None = None
    rag: bool | None = None
    """This server's own, in all dialects: false sends sources as they are."""


SCHEMAS = ("json_schema", "guided_json")
"""Fields that are a schema."""

STRUCTURED_IGNORED: NeutralValues = dict.fromkeys(("regex", "choice", "grammar", "structural_tag"), (None,))
"""The same for the fields of ``structured_outputs``."""


def ignored(request: ForeignParameters, own: NeutralValues, prefix: str = "") -> list[str]:
    """Return the names of the parameters with which `request` asks for what this server does not do, behind `prefix`.

    They are the dialect's `own` ones, and all foreign ones that it does not define.
    """
    structured = requested(request.structured_outputs, STRUCTURED_IGNORED, f"{prefix}structured_outputs.")
    values = {**own, **without_own(IGNORED, type(request), ForeignParameters)}
    return requested(request, values, prefix) + structured


def schema_of(request: ForeignParameters, own: Iterable[tuple[str, Schema]]) -> Schema | None:
    """Return the JSON schema that the answer must satisfy: the dialect's `own` one, or that of another server's field.

    `own` has each schema with the name of its field. ``{}`` is any object, None free text. Raises `BadRequest` for two
    that differ, and for one that is no object.
    """
    found = [*own, *foreign_schemas(request)]
    for name, schema in found[1:]:
        if schema != found[0][1]:
            raise BadRequest(f"{name} is not the only schema of the request, and they differ; send one.", param=name)
    return found[0][1] if found else None


def foreign_schemas(request: ForeignParameters) -> Iterator[tuple[str, Schema]]:
    """Yield the schemas in other servers' fields, each with the name of its field. Raises `BadRequest`."""
    for name in SCHEMAS:
        if (sent := getattr(request, name)) not in (None, ""):
            yield name, schema_object(sent, name)
    structured = request.structured_outputs or StructuredOutputs()
    if structured.json is not None:
        yield "structured_outputs.json", schema_object(structured.json, "structured_outputs.json")
    elif structured.json_object:
        yield "structured_outputs.json_object", {}


def schema_object(sent: ForeignSchema, name: str) -> Schema:
    """Return a schema, which may be sent as its text. Raises `BadRequest` for no object, and one that is too large."""
    try:
        found = sent if isinstance(sent, dict) else msgspec.json.decode(sent, type=Schema)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{name} is not the text of a JSON object; send a JSON schema.", param=name) from error
    return dict(bounded_json(found, name))
