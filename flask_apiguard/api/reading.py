"""What came in: read once, strictly, within bounds, and checked against the endpoint's schemas."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Request
from marshmallow import Schema
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from ..contracts import Schema as Compiled
from ..errors import Denied, Invalid
from ..schemas import Malformed, read_json
from ..schemas.marshmallow_kind import MarshmallowKind
from ..values import Decision, Flaw, Reason
from .fields import Nothing
from .table import Endpoint

BODY_AT_MOST = 64 * 1024


@cache
def compiled(schema: type[Schema]) -> Compiled:
    """A schema, compiled once for all apps."""
    return MarshmallowKind().compile(schema)


def read_query(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """The query's values.

    :raises Invalid: an unknown or repeated name, or a value that doesn't fit.
    """
    schema = endpoint.query or Nothing
    lists: frozenset[str] = getattr(compiled(schema), "lists", frozenset())
    told: dict[str, Any] = {}
    flaws = []
    for name, values in request.args.lists():
        if name not in lists and len(values) > 1:
            flaws.append(Flaw(f"/{_shown(name)}", "This name stands here more than once.", "query"))
        told[name] = values if name in lists else values[0]
    value, found = compiled(schema).load(told)
    flaws += [Flaw(flaw.pointer, flaw.detail, "query") for flaw in found]
    if flaws:
        raise Invalid(flaws)
    return dict(value)


def read_bytes(request: Request) -> bytes:
    """The whole body.

    :raises Denied: 413 beyond the bound; 400 when it ended early or is compressed.
    """
    if request.content_length is not None and request.content_length > BODY_AT_MOST:
        raise _large()
    request.max_content_length = BODY_AT_MOST
    try:
        data = request.get_data(cache=True)
    except RequestEntityTooLarge:
        raise _large() from None
    except (ClientDisconnected, OSError):
        raise Denied(Decision(False, Reason.API_MALFORMED, "The body ended early.")) from None
    if request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise Denied(Decision(False, Reason.API_MEDIA_TYPE, "A compressed body is not read here."))
    return data


def read_body(request: Request, endpoint: Endpoint, data: bytes) -> dict[str, Any]:
    """The body's value; an empty one is an object without members.

    :raises Denied: 400, 415. :raises Invalid: 422.
    """
    if endpoint.body is None and not data:
        return {}
    document: Any = {}
    if data:
        kind, _, _ = (request.content_type or "").partition(";")
        if kind.strip().lower() != "application/json":
            raise Denied(Decision(False, Reason.API_MEDIA_TYPE))
        try:
            document = read_json(data, request.mimetype_params.get("charset"))
        except Malformed as error:
            raise Denied(Decision(False, Reason.API_MALFORMED, error.flaws[0].detail, flaws=error.flaws)) from None
    value, flaws = compiled(endpoint.body or Nothing).load(document)
    if flaws:
        raise Invalid(flaws)
    return dict(value)


def _large() -> Denied:
    return Denied(Decision(False, Reason.API_TOO_LARGE, f"A body has {BODY_AT_MOST} bytes at most."))


def _shown(name: str) -> str:
    return name[:100].encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")
