"""What goes out: a view's return value, dumped and checked before it is serialised where that is possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from ..contracts import Schema
from ..values import Decision, Flaw, Reason
from .strict import Malformed, read_json

Answer = tuple[Any, Decision | None]


def dump(schemas: Mapping[int, Schema], rv: Any, head: bool = False) -> Answer:
    """See :meth:`~flask_apiguard.schemas.RouteSchemas.dump`."""
    body, status, position = _taken_apart(rv)
    schema = schemas.get(status)
    if schema is None:
        return rv, Decision(True, Reason.ALLOWED, f"Status {status} has no schema.")
    if isinstance(body, Response):
        refusal = _checked(body, schema, status, head)
        return (None, refusal) if refusal is not None and not refusal else (rv, refusal)
    if body is None or isinstance(body, (str, bytes, bytearray, Iterator)) or _is_application(body):
        return None, _violation(status, f"The view returned {type(body).__name__}, which can't be checked.")
    document, flaws = schema.dump(body)
    if flaws:
        return None, _violation(status, "", flaws)
    return (document if position is None else (document, *rv[1:])), None


def _taken_apart(rv: Any) -> tuple[Any, int, int | None]:
    """Body, status, and the body's place in the tuple, as :meth:`flask.Flask.make_response` understands them."""
    if type(rv) is dict:
        return rv, 200, None
    if isinstance(rv, tuple) and len(rv) in (2, 3):
        body = rv[0]
        status = rv[1] if len(rv) == 3 or not isinstance(rv[1], (Headers, dict, tuple, list)) else None
        return body, _number(status, body), 0
    return rv, _number(None, rv), None


def _number(status: Any, body: Any) -> int:
    if status is None:
        return body.status_code if isinstance(body, Response) else 200
    # "201 CREATED" and HTTPStatus are statuses to Flask as well; what is none of these, Flask refuses itself.
    text = str(int(status)) if isinstance(status, int) else str(status).split(" ", 1)[0]
    return int(text) if text.isdigit() else 0


def _is_application(body: Any) -> bool:
    """A WSGI application, or a response of another framework: something that writes its own answer."""
    return callable(body) and not isinstance(body, type)


def _checked(response: Response, schema: Schema, status: int, head: bool) -> Decision | None:
    """Check a response that was made already, and write back what the schema lets out."""
    if response.direct_passthrough or response.is_streamed:
        return _violation(status, "A stream or file can't be checked.")
    if "Content-Encoding" in response.headers:
        return _violation(status, "An encoded response can't be checked.")
    data = response.get_data()
    if head and not data:
        return Decision(True, Reason.ALLOWED, "The answer to HEAD has no body.")
    if not response.is_json:
        return _violation(status, f"The view returned {response.mimetype or 'no media type'}, which can't be checked.")
    try:
        value = read_json(data)
    except Malformed as error:
        return _violation(status, "The view's JSON can't be read.", error.flaws)
    document, flaws = getattr(schema, "check", schema.dump)(value)
    if flaws:
        return _violation(status, "", flaws)
    if document != value:
        ending = "\n" if data.endswith(b"\n") else ""
        response.set_data(response.json_module.dumps(document) + ending)
    return None


def _violation(status: int, detail: str, flaws: tuple[Flaw, ...] = ()) -> Decision:
    return Decision(
        False,
        Reason.RESPONSE_INVALID,
        detail or f"The answer with status {status} does not fit its schema.",
        flaws=flaws,
    )
