"""The table of endpoints as an OpenAPI 3.1 document."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from typing import Any

from marshmallow import Schema

from ..people import seats_for
from .endpoints import ENDPOINTS
from .fields import ID, Nothing
from .idempotency import HEADER
from .identify import ORGANIZATION
from .reading import compiled
from .table import Endpoint, Who

_PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "next"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "code": {"type": "string"}, "request_id": {"type": "string"},
        "need": {"type": "string"}, "errors_left_out": {"type": "integer"},
        "errors": {"type": "array", "items": {
            "type": "object", "required": ["pointer", "detail"],
            "properties": {
                "pointer": {"type": "string"}, "detail": {"type": "string"}, "location": {"type": "string"},
            },
        }},
        "next": {"type": "array", "items": {
            "type": "object", "required": ["action", "method", "href", "why"],
            "properties": {name: {"type": "string"} for name in ("action", "method", "href", "why")},
        }},
    },
}  # fmt: skip


@lru_cache(maxsize=8)
def text(base: str) -> bytes:
    """The same as JSON, written once."""
    return json.dumps(document(base), separators=(",", ":")).encode()


@lru_cache(maxsize=8)
def document(base: str) -> dict[str, Any]:
    """The whole document. ``base`` is where the API is mounted."""
    components: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        path = re.sub(r"<(\w+)>", r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flask-APIGuard onboarding API", "version": "1",
            "description": "Every answer carries `next`: what can be done now, where, and why.",
        },
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {"Problem": {
                "description": "Refused; `detail` ends with what to do.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }},
            "securitySchemes": {
                "person": {"type": "http", "scheme": "bearer", "description": "A person's session or token."},
                "client": {"type": "http", "scheme": "bearer", "description": "A client's own credential."},
            },
        },
    }  # fmt: skip


def _operation(endpoint: Endpoint, components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name.replace(".", "_"),
        "summary": endpoint.title,
        "tags": [endpoint.noun],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, components),
        "security": _security(endpoint),
    }
    if endpoint.act is not None:
        seats = ", ".join(sorted(seats_for(endpoint.act)))
        operation["description"] = f"{endpoint.act.meaning} Seats: {seats}."
    if endpoint.body is not None:
        schema = _component(endpoint.body, components)
        needed = bool(_described(endpoint.body).get("required"))
        operation["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    return operation


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.who in (Who.ANYBODY, Who.STRANGER):
        return []
    return [{"person": []}, {"client": []}] if endpoint.who is Who.CLIENT else [{"person": []}]


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    text = {"type": "string", "maxLength": 160, "pattern": f"^{ID.pattern}$"}
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": text} for name in re.findall(r"<(\w+)>", endpoint.path)
    ]
    described = _described(endpoint.query or Nothing)
    for name, schema in described.get("properties", {}).items():
        needed = name in described.get("required", ())
        found.append({"name": name, "in": "query", "required": needed, "schema": schema})
    if endpoint.who in (Who.PERSON, Who.CLIENT):
        found.append({"name": ORGANIZATION, "in": "header", "required": False, "schema": text,
                      "description": "The organization to act for, where a person sits in several."})  # fmt: skip
    if endpoint.writes:
        found.append({"name": HEADER, "in": "header", "required": False,
                      "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                      "description": "The same key and request again within 24 hours is done once."})  # fmt: skip
    if endpoint.method == "PATCH":
        found.append({"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}})
    return found


def _responses(endpoint: Endpoint, components: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": endpoint.title}
    if endpoint.out is not None:
        schema = _component(endpoint.out, components)
        if endpoint.many:
            schema = _page(schema)
        good["content"] = {endpoint.media: {"schema": schema}}
    else:
        kind = "string" if endpoint.media != "application/json" else "object"
        good["content"] = {endpoint.media: {"schema": {"type": kind}}}
    refused = {"400", "404", "405", "413", "415", "422", "429", "500", "503"}
    if endpoint.who is not Who.ANYBODY:
        refused |= {"401", "403"}
    if endpoint.writes:
        refused |= {"409"}
    if endpoint.method == "PATCH":
        refused |= {"412", "428"}
    told = {status: {"$ref": "#/components/responses/Problem"} for status in sorted(refused)}
    return {str(endpoint.status): good, **told}


def _page(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["items", "cursor", "next"],
        "properties": {
            "items": {"type": "array", "items": schema}, "cursor": {"type": ["string", "null"]},
            "next": {"type": "array", "items": {"$ref": "#/components/schemas/NextOut"}},
        },
    }  # fmt: skip


@cache
def _described(schema: type[Schema]) -> dict[str, Any]:
    return compiled(schema).describe()


def _component(schema: type[Schema], components: dict[str, Any]) -> dict[str, Any]:
    """A schema under the name of its noun, with what it nests beside it."""
    name = schema.__name__ if schema.__module__.endswith((".fields",)) else _name(schema)
    if name not in components:
        described = dict(_described(schema))
        described.pop("$schema", None)
        parts = {f"{name}{part}" if part != "NextOut" else part: one
                 for part, one in described.pop("$defs", {}).items()}  # fmt: skip
        components[name] = _moved(described, name)
        for part, one in parts.items():
            components.setdefault(part, _moved(one, name))
    return {"$ref": f"#/components/schemas/{name}"}


def _name(schema: type[Schema]) -> str:
    return schema.__module__.rpartition(".")[2].title() + schema.__name__


def _moved(node: Any, name: str) -> Any:
    if isinstance(node, dict):
        return {key: _moved(one, name) for key, one in node.items()}
    if isinstance(node, list):
        return [_moved(one, name) for one in node]
    if isinstance(node, str) and node.startswith("#/$defs/"):
        part = node.removeprefix("#/$defs/")
        return "#/components/schemas/" + (f"{name}{part}" if part != "NextOut" else part)
    return node
