"""The way of one call: find its endpoint, identify, read, reserve its idempotency key, handle, answer."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from flask import Request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, RequestRedirect, Rule
from werkzeug.wrappers import Response

from ..errors import AWAY, APIGuardError, Denied, Forbidden, Missing, decision_of
from ..onboarding import ONBOARDING
from ..values import Actor, Decision, Reason
from . import answering
from .call import BASE, VERSION, Answer, Call
from .endpoints import ENDPOINTS
from .fields import ID
from .idempotency import Reservation
from .identify import identify, origin_of, stranger
from .onrecord import answered, called, enter_attempt
from .reading import read_body, read_bytes, read_query
from .table import Endpoint, Who

if TYPE_CHECKING:
    from ..house import House


@cache
def _paths() -> Map:
    """Every path of the table; made once for all apps, at the first call, so that no factory pays for it."""
    return Map(
        [Rule(one.path, endpoint=one, methods=[one.method]) for one in ENDPOINTS], strict_slashes=True,
        merge_slashes=False,
    )  # fmt: skip


def handle(house: House, request: Request, rest: str) -> Response:
    """Answer one call; ``rest`` is the path behind ``/apiguard/api/``, version first.

    Never raises: the host's error handlers are the host's.
    """
    endpoint: Endpoint | None = None
    path: dict[str, str] = {}
    try:
        endpoint, path = _find(request, rest)
        called(endpoint, BASE)
        if endpoint.who is not Who.ANYBODY:
            house.demand_footing()
            house.recorder.ready()  # before anything is done that could then not be recorded
        return _run(house, request, endpoint, path)
    except Exception as error:  # noqa: BLE001 - the one place where any error becomes an answer
        return answering.problem(house, request, error, endpoint, path)


def _find(request: Request, rest: str) -> tuple[Endpoint, dict[str, str]]:
    adapter = _paths().bind("localhost")
    version, _, below = rest.partition("/")
    try:
        if version != VERSION:
            raise NotFound
        endpoint, path = adapter.match("/" + below, method=request.method)
    except MethodNotAllowed as error:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        raise Denied(Decision(False, Reason.API_METHOD, headers=(("Allow", allowed),))) from None
    except (NotFound, RequestRedirect):
        raise Missing("There is no such path.", "Look it up in openapi.json, beside /health.") from None
    if not all(ID.fullmatch(value) for value in path.values()):
        raise Missing
    return cast(Endpoint, endpoint), dict(path)


def _run(house: House, request: Request, endpoint: Endpoint, path: dict[str, str]) -> Response:
    origin = origin_of(request)
    call = Call(house, request, endpoint, path, origin, stranger(origin))
    try:
        response = _identified(call)
    except Exception as error:
        answered(call.by, decision_of(error))
        raise
    answered(call.by)
    return response


def _identified(call: Call) -> Response:
    house, request, endpoint = call.house, call.request, call.endpoint
    if endpoint.who in (Who.PERSON, Who.CLIENT):
        call.by, call.caller, call.session = identify(house, request, call.origin)
        if call.by.kind is Actor.CLIENT and endpoint.who is not Who.CLIENT:
            raise Forbidden(
                "A client's credential opens only what is its own here.", "a person token", "Send that instead."
            )
    if endpoint.open_only and house.settings[ONBOARDING] != "open":
        raise Forbidden("People come in by invitation here.", "an invitation", "Ask the API's owner to invite you.")
    data = read_bytes(request)
    call.query = read_query(request, endpoint)
    call.body = read_body(request, endpoint, data)
    reservation = Reservation(house, call, data)
    kept = reservation.take()
    if kept is not None:
        headers = {"Idempotency-Replayed": "true"} | ({"Location": kept.location} if kept.location else {})
        return answering.respond_with(house, request, kept.status, kept.answer, headers)
    return _handled(call, reservation)


def _handled(call: Call, reservation: Reservation) -> Response:
    endpoint = call.endpoint
    try:
        answer = _answer(endpoint.handle(call))
    except AWAY:
        raise  # whether it was done nobody knows: the key says so
    except APIGuardError as error:
        reservation.release()
        enter_attempt(call, error)
        raise
    if answer.raw is not None:
        response = call.house.app.response_class(answer.raw, content_type=endpoint.media)
        for name, value in answer.headers.items():
            response.headers[name] = value
        return answering.mannered(call.request, response, answer.insisted)
    status = answer.status or endpoint.status
    text = answering.text_of(answering.document_of(endpoint, answer))
    if endpoint.writes:
        call.house.post()
    reservation.keep(status, None if endpoint.secret else text, answer.headers.get("Location", ""))
    return answering.respond_with(call.house, call.request, status, text, answer.headers)


def _answer(value: Any) -> Answer:
    return value if isinstance(value, Answer) else Answer(value)
