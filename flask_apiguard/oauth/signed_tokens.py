"""Access tokens as signed JSON (RFC 9068): written by the token endpoint, read at the gate.

The signature spares nobody the store: each such token has its row like an opaque one, found by the digest of the very
text that was issued, so that revoking a token, its family, its client or its user ends it at once. What the signature
adds is that others can read the token too. Here it must hold all the same, in every claim.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from werkzeug.wrappers import Request

from ..clock import Clock
from ..contracts import Presented
from ..credentials import AccessTokenType, Token
from ..credentials.presented import BEARER, DPOP, LENGTH_AT_MOST, presented_texts
from ..credentials.settings import TOKEN_LIFETIME_AT_MOST
from ..credentials.standing import denied
from ..credentials.tokens import SIGNED
from ..crypto import base64url
from ..values import Caller, Reason
from .jose import Signed, Unreadable, decode, json_object, moment, read
from .once import SKEW
from .places import Places
from .refusals import Error, Refused
from .signing import SigningKey
from .signing_keys import PREFIX, Key, SigningKeys, subject_of

TYPE = "at+jwt"
_HEADER = frozenset({"alg", "kid", "typ"})


class TokenWriter:
    """Writes tokens of one issuer."""

    def __init__(self, keys: SigningKeys, places: Places) -> None:
        self._keys = keys
        self._places = places

    def ready(self) -> Callable[[Token], str]:
        """What writes tokens with the key of this moment. It asks no store: it may be used inside a transaction.

        :raises StoreAway: there is no key to sign with.
        """
        return partial(self._write, *self._keys.current())

    def _write(self, kid: str, signing: SigningKey, token: Token) -> str:
        """The text of a token (RFC 9068, section 2).

        :raises Refused: it would not fit into a header.
        """
        header = {"alg": signing.algorithm, "kid": kid, "typ": TYPE}
        signed = f"{_segment(header)}.{_segment(self._claims(token))}"
        text = f"{signed}.{base64url(signing.sign(signed.encode()))}"
        if len(text) > LENGTH_AT_MOST:
            raise Refused(Error.INVALID_SCOPE, "A token with so many scopes does not fit into a header: ask for fewer.")
        return text

    def _claims(self, token: Token) -> dict[str, Any]:
        at = int(token.issued_at.timestamp())
        claims: dict[str, Any] = {
            "iss": self._places.issuer,
            "sub": token.user_id or token.client_id,
            "aud": self._places.resource,
            "client_id": token.client_id,
            "iat": at,
            "nbf": at,
            "exp": int(token.expires_at.timestamp()),
            "jti": token.id,
            "scope": " ".join(token.scopes),
        }
        return claims if token.cnf is None else claims | {"cnf": dict(token.cnf)}


def _segment(members: Mapping[str, Any]) -> str:
    return base64url(json.dumps(members, separators=(",", ":")).encode())


class SignedTokenType:
    """Signed access tokens in ``Authorization: Bearer`` or ``DPoP``. ``kept`` answers from the token's row."""

    name = AccessTokenType.name + "_signed"
    cacheable = True
    headers_only = True

    def __init__(self, keys: SigningKeys, places: Places, clock: Clock, kept: AccessTokenType) -> None:
        self._keys = keys
        self._places = places
        self._clock = clock
        self._kept = kept

    def challenge(self) -> str:
        """The same as for opaque ones."""
        return self._kept.challenge()

    def read(self, request: Request) -> Presented | None:
        """Mine is what names a key as ours are named. Other signed tokens may be some other type's, or nobody's."""
        scheme, text = presented_texts(request)
        if text is None or scheme not in (BEARER, DPOP) or not SIGNED.fullmatch(text):
            return None
        return Presented(self.name, text) if _names_a_key(text.partition(".")[0]) else None

    def verify(self, presented: Presented) -> Caller:
        """The client of a token, perhaps for a user.

        :raises Denied: not signed by us as we sign; and, told to who holds it, ended, for another audience, or its
            client not in standing.
        :raises StoreAway: nobody can tell.
        """
        signed = self._judged(presented.secret)
        claims, caller = signed.claims, self._kept.accept(presented.secret)
        kept = (caller.credential_id, None if caller.client is None else caller.client.id, caller.cnf)
        if kept != (claims["jti"], claims["client_id"], claims.get("cnf")):
            raise denied(Reason.CREDENTIAL_UNKNOWN)
        return replace(caller, subjects=(*caller.subjects, subject_of(signed.header["kid"])))

    def facts(self, text: str) -> dict[str, object]:
        """Introspection (RFC 7662) of either kind of token."""
        if not SIGNED.fullmatch(text):
            return self._kept.facts(text)
        try:
            _proved(text, self._keys)
        except Unreadable:
            return {"active": False}
        return self._kept.kept_facts(text)

    def _judged(self, text: str) -> Signed:
        try:
            signed = _proved(text, self._keys)
            self._demand(signed.claims)
        except Unreadable:
            raise denied(Reason.CREDENTIAL_UNKNOWN) from None
        if signed.claims["aud"] not in (self._places.resource, [self._places.resource]):
            raise denied(Reason.AUDIENCE_WRONG)
        if signed.claims["exp"] <= self._clock.time():
            raise denied(Reason.CREDENTIAL_EXPIRED)
        return signed

    def _demand(self, claims: Mapping[str, Any]) -> None:
        """Every claim has its type and bounds (RFC 9068, section 4).

        :raises Unreadable: one has not.
        """
        now = self._clock.time()
        issued, begins, ends = (moment(claims, name) for name in ("iat", "nbf", "exp"))
        if issued is None or ends is None or issued > now + SKEW or (begins or 0) > now + SKEW:
            raise Unreadable("it has no time, or its time has not come")
        if not 0 < ends - issued <= TOKEN_LIFETIME_AT_MOST:
            raise Unreadable("it lives too long")
        texts = [claims.get(name) for name in ("client_id", "iss", "jti", "scope", "sub")]
        if not all(isinstance(text, str) for text in texts) or claims["iss"] != self._places.issuer:
            raise Unreadable("a claim is missing, or another issuer's")
        if "aud" not in claims or not isinstance(claims.get("cnf", {}), dict):
            raise Unreadable("no audience, or a confirmation that is none")


@lru_cache(maxsize=64)  # the same few headers come with every token of a key
def _names_a_key(segment: str) -> bool:
    """Whether the header's ``kid`` has the form of our names."""
    if len(segment) > 512:
        return False
    try:
        kid = json_object(decode(segment)).get("kid")
    except Unreadable:
        return False
    return isinstance(kid, str) and kid.startswith(f"{PREFIX}_")


def _proved(text: str, keys: SigningKeys) -> Signed:
    """A token that one of our keys signed, in just the form in which we write them.

    :raises Unreadable: it is none.
    """
    signed = read(text)
    key: Key | None = keys.find(signed.header.get("kid", ""))
    if key is None or set(signed.header) != _HEADER or signed.header["typ"] != TYPE:
        raise Unreadable("no key of ours, or another kind of token")
    if not signed.proved_by(key.verifying, frozenset({key.algorithm})):
        raise Unreadable("another signature")
    return signed
