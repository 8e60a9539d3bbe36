"""Reading what came in, by hand."""

from __future__ import annotations

from typing import Any

from flask import abort, request


def body(**fields: type) -> dict[str, Any]:
    """The JSON object sent, when it has no other members than these, with these types; 400 or 422 otherwise."""
    sent = request.get_json()
    if not isinstance(sent, dict):
        abort(400, "Send a JSON object.")
    unknown = sorted(set(sent) - set(fields))
    if unknown:
        abort(422, f"Unknown field: {', '.join(unknown)}.")
    for name, value in sent.items():
        if not isinstance(value, fields[name]) or (isinstance(value, bool) and fields[name] is int):
            abort(422, f"{name} must be of type {fields[name].__name__}.")
    return sent


def demand(sent: dict[str, Any], *names: str) -> None:
    missing = [name for name in names if name not in sent]
    if missing:
        abort(422, f"Missing field: {', '.join(missing)}.")
