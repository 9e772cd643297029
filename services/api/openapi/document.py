"""The OpenAPI document, made from the operations and their structs; nothing of it is written by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from services import __version__
from services.api.dialects.openai import schemas
from services.api.dialects.openai.types import Most
from services.api.http import errors
from services.api.http.auth import PRIORITIES, PRIORITY_HEADER
from services.api.http.operation import Operation

ERRORS: Mapping[Any, Any] = {
    errors.body: schemas.Error,
    errors.ollama_body: schemas.OllamaError,
    errors.anthropic_body: schemas.AnthropicError,
}
"""What each dialect's errors look like."""

REASONS = {
    200: "As asked for",
    400: "The request is wrong; the message says where",
    401: "No key, or an unknown one",
    403: "This is for administrators",
    404: "There is no such model",
    408: "The body did not arrive in time",
    413: "The body is too large",
    429: "The key has as many requests in line as it may have",
    501: "There is no registry of models here",
    502: "The engine failed; the next request starts it anew",
    503: "The line is full, the server ends, or the model's engine is not here",
    504: "The engine said nothing for longer than its limit",
}

REF = "#/components/schemas/{name}"

KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}

PRIORITY = {
    "name": PRIORITY_HEADER,
    "in": "header",
    "description": "A request in the background lets those go first whom somebody waits for.",
    "schema": {"type": "string", "enum": list(PRIORITIES)},
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole of it, ready for JSON."""
    operations = tuple(operations)
    schema_of, components = schemas_of(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        for path in operation.paths:
            paths.setdefault(path, {})[operation.method] = described(operation, path, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RKLLM Appliance",
            "version": __version__,
            "description": "Language models on this computer. docs/api.md says what each parameter does.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": KEYS},
    }


class Schemas:
    """The schema of each type or example, by identity."""

    def __init__(self, found: Mapping[int, dict[str, Any]]) -> None:
        self._found = found

    def of(self, value: Any) -> dict[str, Any]:
        return self._found[id(value)] if id(value) in self._found else schema_of_example(value)


def schemas_of(operations: tuple[Operation, ...]) -> tuple[Schemas, dict[str, Any]]:
    """How to refer to each type, and the components that are referred to."""
    named = [value for each in operations for value in (each.request, each.response, each.stream)]
    named += [ERRORS[errors.shape_of(path)] for each in operations for path in each.paths]
    types = list({id(kind): kind for kind in named if is_type(kind)}.values())
    references, components = msgspec.json.schema_components(types, ref_template=REF)
    return Schemas({id(kind): reference for kind, reference in zip(types, references, strict=True)}), worded(components)


def worded(schema: Any) -> Any:
    """The same with the bound of `Most` lists in words: a body that breaks it is often refused for its size first, with
    another status than a wrong value has."""
    if isinstance(schema, list):
        return [worded(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: worded(inner) for key, inner in schema.items()}
    if found.get("maxItems") == Most.max_length:
        found["description"] = f"At most {found.pop('maxItems')}."
    return found


def is_type(value: Any) -> bool:
    """Whether it is for msgspec; an example is not."""
    return value is not None and not isinstance(value, dict | list | str | int | float)


def schema_of_example(value: Any) -> dict[str, Any]:
    """A schema that an example like `value` satisfies: its fields are required, its lists may be empty."""
    match value:
        case dict():
            fields = {name: schema_of_example(inner) for name, inner in value.items()}
            return {"type": "object", "properties": fields, "required": list(value)}
        case list():
            return {"type": "array", "items": schema_of_example(value[0])} if value else {"type": "array"}
        case None:
            return {}
    kinds: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": kinds[type(value)]}


def described(operation: Operation, path: str, schemas: Schemas) -> dict[str, Any]:
    """One operation as OpenAPI has it."""
    found: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": operation.summary if path == operation.path else f"The same as {operation.path}.",
        "operationId": f"{operation.method}{path}".replace("/", "_").replace("{", "").replace("}", "").rstrip("_"),
        "security": [] if operation.access == "open" else [{name: []} for name in KEYS],
        "responses": responses(operation, path, schemas),
    }
    if parameters := [*path_parameters(path), *([PRIORITY] if operation.takes_turn else [])]:
        found["parameters"] = parameters
    if operation.request is not None:
        found["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": {"schema": schemas.of(operation.request)}},
        }
    return found


def path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def responses(operation: Operation, path: str, schemas: Schemas) -> dict[str, Any]:
    error = schemas.of(ERRORS[errors.shape_of(path)])
    refused = {"application/json": {"schema": error}}
    success = {**whole(operation, schemas), **streamed(operation, schemas, error)}
    found = {"200": {"description": REASONS[200], "content": success}}
    found |= {str(status): {"description": REASONS[status], "content": refused} for status in operation.errors}
    if operation.path == "/v1/ready":
        # The one answer that is no error and not 200 either: probes look at the status alone.
        found["503"]["content"] = success
    return found


def whole(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """The content of an answer that is sent whole."""
    if operation.response is None:
        return {}
    return {operation.media: {"schema": schemas.of(operation.response)}}


def streamed(operation: Operation, schemas: Schemas, error: dict[str, Any]) -> dict[str, Any]:
    """That of a stream: the schema of one server-sent event, or of its lines. An error may be the last of them."""
    if operation.stream is None:
        return {}
    item = {"anyOf": [schemas.of(operation.stream), error]}
    data: dict[str, Any] = {"type": "string", "contentMediaType": "application/json", "contentSchema": item}
    if operation.stream_media != "text/event-stream":
        return {operation.stream_media: {"schema": data}}
    if operation.stream_end:
        data = {"anyOf": [data, {"const": operation.stream_end}]}
    event = {"type": "object", "required": ["data"], "properties": {"data": data, "event": {"type": "string"}}}
    return {operation.stream_media: {"schema": event}}
