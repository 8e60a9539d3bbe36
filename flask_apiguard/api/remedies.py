"""What can be done next where something was refused: the ``next`` of a problem document.

Only what does not fail for the same reason, and nothing that tells whether an id is there: of one endpoint an absent
thing and somebody else's are told alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from flask import Request

from ..values import Decision, Reason
from .call import Next, href
from .endpoints import ENDPOINTS
from .table import Endpoint, Who

#: The thing is not as it was believed to be: reading it shows how it is, and what can be done with it.
_STALE = frozenset({
    Reason.API_CONFLICT, Reason.API_IDEMPOTENCY_SHOWN, Reason.API_IDEMPOTENCY_UNKNOWN, Reason.API_VERSION_MISSING,
    Reason.API_VERSION_STALE,
})  # fmt: skip
#: What was sent is not what this API takes.
_MISTAKEN = frozenset({
    Reason.API_INVALID, Reason.API_MALFORMED, Reason.API_MEDIA_TYPE, Reason.API_METHOD, Reason.DOCUMENT_INVALID,
    Reason.DOCUMENT_MALFORMED,
})  # fmt: skip
#: Who may ask an endpoint of the one kind may ask these.
_READERS: Mapping[Who, tuple[Who, ...]] = {Who.CLIENT: (Who.CLIENT,), Who.PERSON: (Who.CLIENT, Who.PERSON)}


def remedies(
    request: Request, decision: Decision, endpoint: Endpoint | None, path: Mapping[str, str]
) -> Iterator[Next]:
    """The actions that mend a refusal, the most useful first; none where only time or somebody else can."""
    reason = decision.reason
    if reason is Reason.API_UNAUTHENTICATED:
        why = "With address and password; the answer brings a token."
        yield Next("sign-in", "POST", href(request, "/people/session"), why)
    shut = reason is Reason.API_THROTTLED and endpoint is not None and endpoint.path == "/people/session"
    if shut or reason in (Reason.API_UNAUTHENTICATED, Reason.API_SIGN_IN):
        yield Next("sign-in-link", "POST", href(request, "/people/link"), "Without a password: a mail brings a link.")
    if reason is Reason.API_FORBIDDEN and endpoint is not None and endpoint.who in (Who.PERSON, Who.CLIENT):
        yield Next("me", "GET", href(request, "/me"), "See who you are here, and which seats you hold.")
    if reason in _STALE and endpoint is not None:
        shown = _shown_by(endpoint)
        if shown is not None:
            yield Next("read", "GET", href(request, shown.path, **path), "See how it is now, and what can be done.")
    if reason in _MISTAKEN or (reason is Reason.API_MISSING and endpoint is None):
        yield Next("describe", "GET", href(request, "/openapi.json"), "Every path, with what goes in and comes out.")


@cache
def _shown_by(endpoint: Endpoint) -> Endpoint | None:
    """What reads the thing that an endpoint is about: at its own path, or at the nearest above it."""
    readers = _READERS.get(endpoint.who, ())
    reading = {one.path: one for one in ENDPOINTS if one.method == "GET" and one.who in readers}
    path = endpoint.path
    while path:
        if path in reading:
            return reading[path]
        path = path.rpartition("/")[0]
    return None
