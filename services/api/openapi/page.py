"""Render the OpenAPI document as one HTML page, which loads nothing and runs no script. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .4rem .75rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4rem; font-weight: 700; }
.who { float: right; opacity: .7; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
"""

POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page: its own style and nothing else."""

REF = "#/components/schemas/"


def page(document: Mapping[str, Any]) -> str:
    """Return the page. Paths that exist with and without their version are shown with it alone."""
    info = document["info"]
    sections = "".join(section(document, tag["name"]) for tag in document["tags"])
    types = "".join(type_block(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    title = f"{escape(info['title'])} {escape(info['version'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{escape(info['description'])} "
        f'For programs: <a href="/openapi.json">/openapi.json</a>.</p>'
        f"<p>Send a key in the header <code>Authorization: Bearer KEY</code>{key_headers(document)}.</p>"
        f"{sections}<h2>Types</h2>{types}</html>"
    )


def key_headers(document: Mapping[str, Any]) -> str:
    """Return the other headers that may have the key, as HTML; empty for none."""
    schemes = document["components"].get("securitySchemes", {}).values()
    return "".join(f" or <code>{escape(scheme['name'])}</code>" for scheme in schemes if scheme["type"] == "apiKey")


def section(document: Mapping[str, Any], tag: str) -> str:
    """Return the operations under one heading."""
    return f"<h2>{escape(tag)}</h2>" + "".join(
        operation_block(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag in operation["tags"] and not is_copy(document, path, operation)
    )


def is_copy(document: Mapping[str, Any], path: str, operation: Mapping[str, Any]) -> bool:
    """Return whether the operation is that of the path with its version."""
    return f"/v1{path}" in document["paths"] and operation["summary"].startswith("The same as")


def operation_block(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """Return one operation: a summary that opens to its details."""
    who = {"open": "without a key", "admin": "administrator"}.get(operation["x-access"], "")
    rows = "".join(f"<tr><th>{row[0]}<td>{row[1]}" for row in detail_rows(operation))
    return (
        f'<details><summary><span class="method">{escape(method.upper())}</span><code>{escape(path)}</code> '
        f'<span class="who">{who}</span><br>{escape(operation["summary"])}</summary><table>{rows}</table></details>'
    )


def detail_rows(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the rows of an operation: its parameters, its body, its responses. Both columns are HTML."""
    for parameter in operation.get("parameters", ()):
        yield escape(parameter["name"]), f"{parameter['in']}: {spelled(parameter['schema'])}"
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        yield "body", f"{escape(media)}: {spelled(body['schema'])}"
    for status, response in operation["responses"].items():
        shapes = ", ".join(
            f"{escape(media)}: {spelled(item_of(body['schema']))}"
            for media, body in response.get("content", {}).items()
        )
        yield escape(status), f"{escape(response['description'])}.<br>{shapes}"


def item_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of one event or line of a stream; any other schema unchanged."""
    data = schema.get("properties", {}).get("data", schema)
    text = data.get("anyOf", [data])[0]
    item: Mapping[str, Any] = text.get("contentSchema", schema)
    return item


def type_block(name: str, schema: Mapping[str, Any]) -> str:
    """Return one type: a name that opens to its fields."""
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><th><code>{escape(field)}</code><td>{spelled(kind)}<td>{'required' if field in required else ''}"
        for field, kind in schema.get("properties", {}).items()
    )
    about = escape(schema.get("description", ""))
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<p>{about}</p><table>{rows}</table></details>"
    )


def spelled(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words, as HTML; a named type is a link to it."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(REF))
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(spelled(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    kind = escape(str(schema.get("type", "anything")))
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {spelled(schema['items'])}"
    return kind + limits(schema)


def limits(schema: Mapping[str, Any]) -> str:
    """Return the bounds of a value in brackets, empty for none."""
    signs = {
        "minimum": "≥",
        "exclusiveMinimum": "&gt;",
        "maximum": "≤",
        "minLength": "length ≥",
        "maxLength": "length ≤",
    }
    found = [f"{sign} {escape(str(schema[name]))}" for name, sign in signs.items() if name in schema]
    return f" ({', '.join(found)})" if found else ""
