"""From a handler's answer to a response; from any error to a problem document."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Request
from flask.signals import got_request_exception
from marshmallow import Schema
from werkzeug.wrappers import Response

from ..admission import current_admission
from ..errors import REQUEST_ID, APIGuardError, ConfigurationError, Missing, decision_of, respond
from ..gate.challenge import challenged
from ..insisting import UNGUESSED, Headers, insist
from ..values import Decision, Reason
from .call import Answer
from .remedies import remedies
from .table import Endpoint

if TYPE_CHECKING:
    from ..house import House

logger = logging.getLogger("flask_apiguard")
MANNERS: Headers = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    *UNGUESSED,
)
CHALLENGES = ('Bearer realm="apiguard"',)


@cache
def _schema(schema: type[Schema]) -> Schema:
    return schema()


def document_of(endpoint: Endpoint, answer: Answer) -> Any:
    """The answer as JSON: a resource with ``next``, or a page with ``items``, ``cursor`` and ``next``."""
    follow = [asdict(one) for one in answer.next]
    if endpoint.out is None:
        return answer.value
    schema = _schema(endpoint.out)
    if endpoint.many:
        return {"items": schema.dump(answer.value, many=True), "cursor": answer.cursor, "next": follow}
    return {**schema.dump(answer.value), "next": follow}


def text_of(document: Any) -> str:
    """JSON without blanks; nothing in it that is not JSON."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def respond_with(house: House, request: Request, status: int, body: str, headers: Any = ()) -> Response:
    """A JSON response with our manners."""
    response = house.app.response_class(body, status=status, content_type="application/json")
    for name, value in dict(headers).items():
        response.headers[name] = value
    return mannered(request, response)


def mannered(request: Request, response: Response, more: Headers = ()) -> Response:
    """Never cached, never guessed at, with the request's id; ``more`` is said as firmly (see `insist`)."""
    response.headers.add("Vary", "Authorization")
    if REQUEST_ID in request.environ:
        response.headers["X-Request-Id"] = request.environ[REQUEST_ID]
    return insist(response, MANNERS + more)


def problem(
    house: House, request: Request, error: Exception, endpoint: Endpoint | None = None, path: Mapping[str, str] = {}
) -> Response:
    """Any error as a problem document, which says what can be done next.

    What nobody but the app's people can mend is logged, and loses its detail.
    """
    if not isinstance(error, APIGuardError) or isinstance(error, ConfigurationError):
        logger.error("%s failed", endpoint.name if endpoint else "the API", exc_info=error)
        got_request_exception.send(house.app, _async_wrapper=house.app.ensure_sync, exception=error)
    told = _told(error, endpoint)
    admission = current_admission()
    if admission is not None:
        have = admission.decision.have if admission.decision is not None else ""
        admission.decision = replace(told, have=have or told.have)
    told = challenged(told, CHALLENGES, house.manners.metadata_url)
    follow = [asdict(one) for one in remedies(request, told, endpoint, path)]
    return mannered(request, respond(told, request.environ, house.app.response_class, next=follow))


def _told(error: Exception, endpoint: Endpoint | None) -> Decision:
    """What the caller hears: of an id that isn't there as much as of one that is somebody else's."""
    decision = decision_of(error)
    names_something = endpoint is not None and ("<" in endpoint.path or endpoint.query is not None)
    if isinstance(error, Missing) and names_something:
        return Decision(False, Reason.API_MISSING)
    if decision.reason is Reason.CREDENTIAL_MISSING:
        return replace(decision, reason=Reason.API_UNAUTHENTICATED)
    return decision
