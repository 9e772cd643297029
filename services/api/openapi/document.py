"""Make the OpenAPI document from the endpoints and their structs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from services import __version__
from services.api.dialects.common.bounds import MaxItems
from services.api.dialects.table import KEY_HEADERS, dialect_of
from services.api.http.auth import PRIORITIES, PRIORITY_HEADER
from services.api.http.endpoint import Endpoint, Operation

REASONS = {
    200: "As asked for",
    400: "The request is wrong; the message says where",
    401: "No key, or an unknown one",
    403: "This is for administrators, or a foreign web page sent it",
    404: "There is no such model",
    408: "The body did not arrive in time",
    413: "The body is too large",
    429: "The key has as many requests in the queue as it may have",
    501: "This server has no registry of models",
    502: "The engine failed; the next request starts it again",
    503: "The queue or the memory for bodies is full, the server stops, or it does not have the engine of the model",
    504: "The engine wrote nothing for longer than its limit",
}
"""The description of each status."""

LENGTHS = {"maxItems": "", "maxLength": " characters"}
"""Bounds of the length of a value, with their units in words."""

MOST = MaxItems.max_length or 0

REF = "#/components/schemas/{name}"

KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    **{name: {"type": "apiKey", "in": "header", "name": name} for name in KEY_HEADERS},
}

PRIORITY = {
    "name": PRIORITY_HEADER,
    "in": "header",
    "description": "With background the request has low priority: it runs after interactive ones.",
    "schema": {"type": "string", "enum": list(PRIORITIES)},
}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the whole document, ready for JSON."""
    endpoints = tuple(endpoints)
    schemas, components = schemas_of(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        for path in endpoint.paths:
            for operation in endpoint.described:
                paths.setdefault(path, {})[operation.method] = operation_object(endpoint, operation, path, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RKLLM Appliance",
            "version": __version__,
            "description": "Language models on this computer. docs/api.md says what each parameter does.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": KEYS},
    }


class Schemas:
    """The schemas of types; a type is found by its identity, since not all types can be hashed."""

    def __init__(self, found: Mapping[int, dict[str, Any]]) -> None:
        self._found = found

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type, which is a reference for a struct."""
        return self._found[id(kind)]


def schemas_of(endpoints: tuple[Endpoint, ...]) -> tuple[Schemas, dict[str, Any]]:
    """Return the schemas of all types of `endpoints`, and the components that they refer to."""
    operations = [operation for endpoint in endpoints for operation in endpoint.operations]
    kinds = [kind for each in operations for kind in (each.request, each.response, each.stream) if kind is not None]
    kinds += [dialect_of(path).error for endpoint in endpoints for path in endpoint.paths]
    # Not all types can be hashed, so a set could not remove the duplicates.
    types = list({id(kind): kind for kind in kinds}.values())
    references, components = msgspec.json.schema_components(types, ref_template=REF)
    return Schemas({id(kind): reference for kind, reference in zip(types, references, strict=True)}), bounds_in_words(
        components
    )


def bounds_in_words(schema: Any) -> Any:
    """Return `schema` with bounds of `MaxItems` and larger as descriptions.

    A body over such a bound is often refused for its size first, with 413 and not with the status of a wrong value.
    """
    if isinstance(schema, list):
        return [bounds_in_words(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: bounds_in_words(inner) for key, inner in schema.items()}
    for key, unit in LENGTHS.items():
        if isinstance(found.get(key), int) and found[key] >= MOST:
            found["description"] = f"At most {found.pop(key)}{unit}."
    return found


def operation_object(endpoint: Endpoint, operation: Operation, path: str, schemas: Schemas) -> dict[str, Any]:
    """Return the Operation Object of a method of `path`."""
    found: dict[str, Any] = {
        "tags": [endpoint.tag],
        "summary": operation.summary if path == endpoint.path else f"The same as {endpoint.path}.",
        "operationId": f"{operation.method}{path}".replace("/", "_").replace("{", "").replace("}", "").rstrip("_"),
        "x-access": operation.access,
        "security": [] if operation.access == "open" else [{name: []} for name in KEYS],
        "responses": responses_object(operation, path, schemas),
    }
    if parameters := [*path_parameters(path), *([PRIORITY] if operation.takes_slot else [])]:
        found["parameters"] = parameters
    if operation.request is not None:
        found["requestBody"] = {
            "required": not operation.body_optional,
            "description": f"At most {operation.max_bytes or 'max_body_bytes'} bytes.",
            "content": {"application/json": {"schema": schemas.of(operation.request)}},
        }
    return found


def path_parameters(path: str) -> list[dict[str, Any]]:
    """Return the Parameter Objects of the fields in `path`."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def responses_object(operation: Operation, path: str, schemas: Schemas) -> dict[str, Any]:
    """Return the Responses Object of an operation: its success and its errors."""
    error = schemas.of(dialect_of(path).error)
    refused = {"application/json": {"schema": error}}
    success = {**whole_content(operation, schemas), **stream_content(operation, schemas, error)}
    found = {"200": {"description": REASONS[200], "content": success}}
    found |= {str(status): {"description": REASONS[status], "content": refused} for status in operation.errors}
    for status in operation.also_success:
        found[str(status)]["content"] = success
    return found


def whole_content(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """Return the content of an answer that is sent whole."""
    if operation.response is None:
        return {}
    return {operation.media: {"schema": schemas.of(operation.response)}}


def stream_content(operation: Operation, schemas: Schemas, error: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a streamed answer: the schema of one event or line, of which the last may be an error."""
    if operation.stream is None:
        return {}
    item = {"anyOf": [schemas.of(operation.stream), error]}
    data: dict[str, Any] = {"type": "string", "contentMediaType": "application/json", "contentSchema": item}
    # Lines of JSON have no envelope; an event of a stream has its data in a field.
    if operation.stream_media != "text/event-stream":
        return {operation.stream_media: {"schema": data}}
    if operation.stream_end:
        data = {"anyOf": [data, {"const": operation.stream_end}]}
    event = {"type": "object", "required": ["data"], "properties": {"data": data, "event": {"type": "string"}}}
    return {operation.stream_media: {"schema": event}}
