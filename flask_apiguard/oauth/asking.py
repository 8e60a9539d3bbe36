"""The authorization request (RFC 6749, section 4.1.1), read strictly and in the one order that is safe.

First client and redirect URI: until both are known to belong together, nothing is ever redirected. Only then anything
else, and what is wrong with that goes back to the client with ``state`` and ``iss`` (RFC 9207).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ..errors import Denied
from ..onboarding.checks.network import flaw_of, is_private_use
from .form import Form, parse
from .issuing import audience_of, wanted_scopes
from .places import Places
from .refusals import Error, Refused
from .registrations import Registration, Registrations

QUERY_AT_MOST = 8192
STATE_AT_MOST = 2048
#: SHA-256 in URL-safe base 64: a challenge of S256, a thumbprint (RFC 7638).
SHA256 = re.compile(r"[A-Za-z0-9_-]{43}")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?((?:/.*)?)")


class Unsafe(Exception):
    """A request that must not be answered with a redirect; ``sentence`` is for the person in front of it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Back:
    """Where the answer goes, and what comes with it whatever the answer is."""

    redirect_uri: str
    state: str | None
    issuer: str

    def to(self, **parameters: str) -> str:
        """The URL that carries the answer (sections 4.1.2 and 4.1.2.1)."""
        said = {**parameters, "iss": self.issuer}
        if self.state is not None:
            said["state"] = self.state
        joint = "&" if urlsplit(self.redirect_uri).query else "" if self.redirect_uri.endswith("?") else "?"
        return self.redirect_uri + joint + urlencode(said)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that may be put before a user. ``challenge`` is S256 (RFC 7636)."""

    client: Registration
    back: Back
    scopes: frozenset[str]
    audience: tuple[str, ...]
    challenge: str
    prompts: frozenset[str]
    #: The key that the code may be redeemed with alone (``dpop_jkt``, RFC 9449, section 10); None is any, or none.
    jkt: str | None = None
    #: What is used up when this is put before a user, if it was pushed.
    pushed: str | None = None


def read_client(query: bytes, registrations: Registrations, places: Places) -> tuple[Form, Registration, Back]:
    """Who asks, and where the answer goes.

    :raises Unsafe: anything about these two is wrong, or the request can't be read at all.
    """
    if len(query) > QUERY_AT_MOST:
        raise Unsafe("The request is too long.")
    try:
        form = parse(query)
    except Refused as refusal:
        raise Unsafe(refusal.description.replace("body", "request")) from None
    client_id, redirect_uri = form.get("client_id"), form.get("redirect_uri")
    if client_id is None or redirect_uri is None:
        raise Unsafe("The request names no application, or no address to come back to.")
    try:
        client = registrations.find(client_id)
    except Denied:
        client = None  # why it may not act is for its own developer, not for whoever knows its id
    if client is None:
        raise Unsafe("This application is not known here.")
    if len(form.several.get("redirect_uri", ())) != 1 or not may_return_to(redirect_uri, client):
        raise Unsafe("The application is not registered with this address to come back to.")
    state = form.get("state")
    if state is not None and len(state) > STATE_AT_MOST:
        raise Unsafe("The request is too long.")
    return form, client, Back(redirect_uri, state, places.issuer)


def read_rest(form: Form, client: Registration, back: Back, places: Places) -> Ask:
    """What is asked for.

    :raises Refused: anything about it is wrong; told to the client by redirect.
    """
    _demand_code(form)
    if client.grant_types is not None and "authorization_code" not in client.grant_types:
        raise Refused(Error.UNAUTHORIZED_CLIENT, "This application may not ask users.")
    challenge = form.get("code_challenge")
    if challenge is None or form.get("code_challenge_method") != "S256":
        raise Refused(Error.INVALID_REQUEST, "PKCE with code_challenge_method S256 is needed.")
    if not SHA256.fullmatch(challenge):
        raise Refused(Error.INVALID_REQUEST, "The code_challenge is not of S256.")
    jkt = form.get("dpop_jkt")
    if jkt is not None and not SHA256.fullmatch(jkt):
        raise Refused(Error.INVALID_REQUEST, "The dpop_jkt is no thumbprint of a key.")
    prompts = frozenset((form.get("prompt") or "").split())
    if "none" in prompts and len(prompts) > 1:
        raise Refused(Error.INVALID_REQUEST, "The prompt none stands alone.")
    scopes = wanted_scopes(form.get("scope"), client.scopes)
    return Ask(client, back, scopes, audience_of(form, places), challenge, prompts, jkt)


def _demand_code(form: Form) -> None:
    for name, error in (("request", Error.REQUEST_NOT_SUPPORTED), ("request_uri", Error.REQUEST_URI_NOT_SUPPORTED)):
        if form.get(name) is not None:
            raise Refused(error)
    response_type = form.get("response_type")
    if response_type is None or form.get("response_mode") not in (None, "query"):
        raise Refused(Error.INVALID_REQUEST, "response_type is needed, and response_mode query.")
    if response_type != "code":
        raise Refused(Error.UNSUPPORTED_RESPONSE_TYPE)


def may_return_to(redirect_uri: str, client: Registration) -> bool:
    """Whether answers for a client may go there; to an app on a device (RFC 8252, section 7.1) only a public one's."""
    if is_private_use(redirect_uri) and not client.public:
        return False
    return is_registered(redirect_uri, client.redirect_uris)


def is_registered(redirect_uri: str, registered: tuple[str, ...]) -> bool:
    """Compared character by character; on loopback the port may be any (RFC 8252, section 7.3)."""
    if flaw_of(redirect_uri):
        return False
    if redirect_uri in registered:
        return True
    asked = _LOOPBACK.fullmatch(redirect_uri)
    return asked is not None and any(
        known is not None and known.groups() == asked.groups() for known in map(_LOOPBACK.fullmatch, registered)
    )
