"""Who calls our API: a person by token or session, a client by its credential, or the host's signed-in user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Request

from ..credentials import presented_texts
from ..errors import REQUEST_ID, Denied
from ..gate import throttled
from ..gate.origins import same_origin
from ..people import Origin
from ..values import SAFE_METHODS, Actor, By, Caller, Decision, Reason
from .onrecord import proved, unproved

if TYPE_CHECKING:
    from ..house import House

ORGANIZATION = "Apiguard-Organization"
#: What a person's secrets begin with behind the brand, and the kinds that the record calls them.
WORDS = {"person": "person_token", "session": "session"}


def origin_of(request: Request) -> Origin:
    """Where a request comes from, for record and throttle."""
    return Origin(request.remote_addr or "", request.environ.get(REQUEST_ID, ""))


def stranger(origin: Origin) -> By:
    """Nobody in particular: holds no seat, so no act is open to it."""
    return By(Actor.PERSON, "", "", None, frozenset(), origin.request_id, origin.address)


def identify(house: House, request: Request, origin: Origin) -> tuple[By, Caller | None, str | None]:
    """Who acts, the client when it is one, and the session's secret when that was presented.

    :raises Denied: 401, nobody or something bad; 400, two different credentials; 403, another site's page; 429.
    """
    organization = request.headers.get(ORGANIZATION) or None
    try:
        _, text = presented_texts(request)
    except Denied as error:
        unproved(error, house.verifier.fingerprint_of(request))
        raise
    if text is None:
        return _by_session(house, request, organization, origin), None, None
    try:
        for word, kind in WORDS.items():
            if text.startswith(f"{house.brand}_{word}_"):
                by = house.people.verify_token(text, organization, origin=origin)
                if by is None:
                    raise Denied(Decision(False, Reason.API_UNAUTHENTICATED))
                proved(kind, by.token_id)
                return by, None, text
        return *_by_credential(house, request, origin), None
    except Denied as error:
        unproved(error, house.verifier.fingerprint_of(request))
        raise throttled(house.attempts, error, origin.address) from None


def _by_credential(house: House, request: Request, origin: Origin) -> tuple[By, Caller]:
    caller, _ = house.verifier.identify(request)
    client = caller.client
    if client is None:
        raise Denied(Decision(False, Reason.API_UNAUTHENTICATED))
    proved(caller.credential_kind, caller.credential_id)
    whose, seats = client.organization_id, frozenset[str]()
    return By(Actor.CLIENT, client.id, client.name, whose, seats, origin.request_id, origin.address), caller


def _by_session(house: House, request: Request, organization: str | None, origin: Origin) -> By:
    user = house.host_users.signed_in()
    if user is None:
        raise Denied(Decision(False, Reason.API_UNAUTHENTICATED))
    if request.method not in SAFE_METHODS and not same_origin(request, house.manners.origins):
        raise Denied(Decision(False, Reason.ORIGIN_REFUSED))
    return house.people.for_host_user(user, organization, origin=origin)
