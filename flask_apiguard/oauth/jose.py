"""Signed JSON as it comes from strangers (RFC 7515, 7517, 7519), read by one strict reader.

What is read here is what is judged and what was signed: there is no second parser to disagree with. Keys never come
out of what is being judged, except for a proof of possession, whose very point is its key; then the caller says so.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..schemas.strict import Malformed, read_json
from .jwk import VerifyingKey

#: In characters: room for every token that fits into a header, and for an assertion with a few extra claims.
LENGTH_AT_MOST = 8192
_SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
#: Header members that would say how, or with which key, to judge what they came with; and those of encrypted tokens.
REFUSED = frozenset({"b64", "crit", "enc", "epk", "jku", "jwk", "p2c", "p2s", "x5c", "x5u", "zip"})


class Unreadable(ValueError):
    """What was sent is no signed JSON of the kind that is taken. Says nothing of what was sent."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One signed object. Nothing in it is to be believed before ``proved_by`` said yes."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)
    _input: bytes = field(repr=False)
    _signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The header's ``alg``."""
        found: str = self.header["alg"]
        return found

    @property
    def signature_length(self) -> int:
        """In bytes."""
        return len(self._signature)

    def proved_by(self, key: VerifyingKey, algorithms: frozenset[str]) -> bool:
        """Whether this key made the signature, by an algorithm that is both the key's own and allowed here."""
        return self.algorithm in algorithms and key.verifies(self.algorithm, self._input, self._signature)


def read(text: str, allowed: frozenset[str] = frozenset()) -> Signed:
    """A compact serialization of three parts (RFC 7515, section 7.1). ``allowed`` are refused members taken here.

    :raises Unreadable: anything about it is not as it must be.
    """
    if len(text) > LENGTH_AT_MOST or not _SEGMENTS.fullmatch(text):
        raise Unreadable("no compact serialization")
    first, second, third = text.split(".")
    header = json_object(decode(first))
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("typ", ""), str):
        raise Unreadable("no algorithm, or no type that is a text")
    kid = header.get("kid", "")
    if not isinstance(kid, str) or len(kid) > 200 or not (REFUSED - allowed).isdisjoint(header):
        raise Unreadable("a header member that is not taken")
    return Signed(header, json_object(decode(second)), f"{first}.{second}".encode(), decode(third))


def typed(signed: Signed) -> str:
    """The media type that ``typ`` names, in its short form (RFC 7515, section 4.1.9); empty when there is none."""
    said: str = signed.header.get("typ", "")
    return said.lower().removeprefix("application/")


def moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519, section 2) in seconds since the epoch; None when it is absent.

    :raises Unreadable: it is no number, or none that a clock could show.
    """
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1 << 40:
        raise Unreadable(f"{name} is no time")
    return float(value)


def decode(text: str) -> bytes:
    """URL-safe base 64 without padding, in the one way that these bytes are written.

    :raises Unreadable: written otherwise.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("no base 64") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Unreadable("base 64 in another than its one form")
    return data


def json_object(data: bytes) -> dict[str, Any]:
    """One JSON object, strictly: UTF-8, each name once, shallow, finite numbers.

    :raises Unreadable: anything else.
    """
    try:
        found = read_json(data)
    except Malformed:
        raise Unreadable("no JSON that is taken") from None
    if not isinstance(found, dict):
        raise Unreadable("no JSON object")
    return found
