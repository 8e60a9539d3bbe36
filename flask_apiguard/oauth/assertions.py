"""Client assertions (RFC 7523, sections 2.2 and 3): a client signs who it is, for us alone, for a short time, once.

Keys come from what the client registered, never from the assertion. ``aud`` is our issuer, written as such: neither
the token endpoint nor a list (a list lets one server's assertion be shown to another).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from ..clients.tables import client
from ..clock import Clock
from ..credentials import Lifetimes
from ..db import Store
from ..values import Environment
from .decoys import keys_among_others, proving
from .jose import Signed, Unreadable, moment, read, typed
from .once import JTI_AT_MOST, SKEW, Once
from .places import Places
from .public_keys import PublicKey

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: In the header: none, the general one, or the one of draft-ietf-oauth-rfc7523bis. Never another kind of token's.
MEDIA_TYPES = frozenset({"", "jwt", "client-authentication+jwt"})
_ENVIRONMENT = sa.select(client.c.environment).where(client.c.id == sa.bindparam("client"))


@dataclass(frozen=True, slots=True)
class Assertion:
    """A signed object in which a client says who it is, proving nothing yet."""

    client_id: str
    signed: Signed = field(repr=False)


def take_apart(text: str) -> Assertion | None:
    """What can be an assertion of some client; None for any other text."""
    try:
        signed = read(text)
    except Unreadable:
        return None
    subject = signed.claims.get("sub")
    if not isinstance(subject, str) or signed.claims.get("iss") != subject or typed(signed) not in MEDIA_TYPES:
        return None
    if not subject.isprintable():  # as in a form: PostgreSQL takes no NUL, so it can't even be asked for
        return None
    return Assertion(subject, signed)


class Assertions:
    """Judges assertions, each once. ``lifetimes`` are how far ahead one may end."""

    def __init__(self, store: Store, once: Once, clock: Clock, places: Places, lifetimes: Lifetimes) -> None:
        self._store = store
        self._once = once
        self._clock = clock
        self._places = places
        self._lifetimes = lifetimes

    def prove(self, found: Assertion) -> PublicKey | None:
        """The key that signed it; None for anything wrong with it, or when it was shown before.

        :raises TooMany: the client has shown too many.
        :raises StoreAway: nobody can tell.
        """
        with self._store.read(steady=False) as conn:
            keys = keys_among_others(conn, found.client_id, self._clock.now())
        key = proving(keys, found.signed)
        if key is None:
            return None
        with self._store.read(steady=False) as conn:
            environment = conn.execute(_ENVIRONMENT, {"client": key.client_id}).scalar_one()
        lifetime = self._lifetimes.of(Environment(environment))
        try:
            jti, ends = self._demanded(found.signed.claims, lifetime)
        except Unreadable:
            return None
        client_id, span = key.client_id, lifetime + 2 * SKEW
        return key if self._once.take("assertion", client_id, jti, ends + SKEW, span, holder=client_id) else None

    def _demanded(self, claims: Mapping[str, object], lifetime: int) -> tuple[str, float]:
        """Its ``jti`` and ``exp``, when every claim is as it must be.

        :raises Unreadable: one is not.
        """
        now, jti = self._clock.time(), claims.get("jti")
        if claims.get("aud") != self._places.issuer or not isinstance(jti, str) or not 0 < len(jti) <= JTI_AT_MOST:
            raise Unreadable("for somebody else, or without a name")
        issued, begins, ends = (moment(claims, name) for name in ("iat", "nbf", "exp"))
        if ends is None or not now - SKEW < ends <= now + lifetime + SKEW:
            raise Unreadable("it has no end, is over, or lives too long")
        if (issued or 0) > now + SKEW or (begins or 0) > now + SKEW:
            raise Unreadable("its time has not come")
        return jti, ends
