"""Client assertions (RFC 7523, sections 2.2 and 3): a client signs who it is, for us alone, for a short time, once.

Keys come from what the client registered, never from the assertion. ``aud`` is our issuer, written as such: neither
the token endpoint nor a list (a list lets one server's assertion be shown to another).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, TypeGuard

import sqlalchemy as sa

from ..crypto import Secrets
from ..db import Store, insert_into
from ..schemas.strict import Malformed, read_json
from ..values import instant
from .public_keys import PublicKey, is_signed, live_keys
from .tables import oauth_assertion as table

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LENGTH_AT_MOST = 8192
#: A common client library signs for an hour.
SPAN_AT_MOST = 3600
SKEW = 60
JTI_AT_MOST = 256
PURPOSE = "oauth-assertion"
PRUNED_AT_ONCE = 100
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
#: Anything else in a header either names a key, or changes what is signed.
_HEADER = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """A JWT taken apart, of the right form, proving nothing yet."""

    algorithm: str
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    @property
    def client_id(self) -> str:
        """Who it says that it is."""
        return str(self.claims["sub"])


def take_apart(text: str) -> Assertion | None:
    """The parts of a compact JWT (RFC 7519, section 7.2), as far as they can be an assertion of some client."""
    if len(text) > LENGTH_AT_MOST or not _COMPACT.fullmatch(text):
        return None
    signed, _, signature = text.rpartition(".")
    try:
        header, claims = (read_json(_decoded(part)) for part in signed.split("."))
        raw = _decoded(signature)
    except (Malformed, binascii.Error, ValueError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict) or not set(header) <= _HEADER:
        return None
    if not all(isinstance(value, str) for value in header.values()) or "alg" not in header:
        return None
    subject = claims.get("sub")
    if not isinstance(subject, str) or claims.get("iss") != subject:
        return None
    return Assertion(header["alg"], claims, signed.encode(), raw)


class Assertions:
    """Judges assertions, each once."""

    def __init__(self, store: Store, secrets: Secrets, issuer: str) -> None:
        self._store = store
        self._secrets = secrets
        self._issuer = issuer

    def prove(self, found: Assertion, now: dt.datetime) -> PublicKey | None:
        """The key that signed it; None for anything wrong with it, or when it was shown before."""
        if not self._holds(found.claims, now.timestamp()):
            return None
        with self._store.read() as conn:
            keys = live_keys(conn, found.client_id, now)
        for key in keys:
            if key.algorithm == found.algorithm and is_signed(key, found.signed, found.signature):
                return key if self._first_time(found) else None
        return None

    def _holds(self, claims: dict[str, Any], now: float) -> bool:
        exp, jti = claims.get("exp"), claims.get("jti")
        if claims.get("aud") != self._issuer or not isinstance(jti, str) or not 0 < len(jti) <= JTI_AT_MOST:
            return False
        if not _is_moment(exp) or not now - SKEW < exp <= now + SPAN_AT_MOST + SKEW:
            return False
        begins = [claims[name] for name in ("iat", "nbf") if name in claims]
        return all(_is_moment(begin) and begin <= now + SKEW for begin in begins)

    def _first_time(self, found: Assertion) -> bool:
        """One row for each that was ever shown; of any number at once, one is the first."""
        digest = self._secrets.digest(PURPOSE, f"{found.client_id}\0{found.claims['jti']}")
        ends = instant(float(found.claims["exp"]) + 2 * SKEW)
        insert = insert_into(table, self._store.dialect)
        with self._store.write() as tx:
            stale = sa.select(table.c.digest).where(table.c.expires_at <= tx.now).limit(PRUNED_AT_ONCE)
            tx.execute(table.delete().where(table.c.digest.in_(stale)))
            first = insert.values(digest=digest, expires_at=ends).on_conflict_do_nothing().returning(table.c.digest)
            return tx.execute(first).first() is not None


def _is_moment(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e11


def _decoded(part: str) -> bytes:
    """Base64url without padding (RFC 7515, section 2), in its one right form."""
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise ValueError("not the one form of these bytes")
    return raw
