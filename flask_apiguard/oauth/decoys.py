"""Keys that belong to nobody: an assertion of an unknown client takes as much work as a wrong one of a known client.

Who guesses client ids must not learn by the time it takes which of them are somebody's. Nothing follows from what a
decoy says of a signature.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ..crypto import base64url
from .jose import Signed
from .jwk import ALGORITHMS, ED25519, EDDSA, ES256, PS256, RSA_BITS_AT_LEAST, RSA_BITS_AT_MOST
from .public_keys import PublicKey, Source, live, read_keys
from .tables import oauth_key as table

#: As many keys of one kind as a client has that turns them. One with more takes longer when nothing fits.
VERIFICATIONS = 4
_LENGTH_OF_CURVES = 64
_EVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


def proving(keys: Iterable[PublicKey], signed: Signed) -> PublicKey | None:
    """The key that made a signature, or None after as many verifications as for any other client.

    Keys that can't have made it, by algorithm or by length (RFC 8017, section 8.1.2, step 1), take no work.
    """
    kind = EDDSA if signed.algorithm == ED25519 else signed.algorithm
    fitting = [key for key in keys if key.algorithm == kind and signature_length(key) == signed.signature_length]
    found = next((key for key in fitting if signed.proved_by(key.verifying, ALGORITHMS)), None)
    decoy = decoy_for(kind, signed.signature_length) if found is None else None
    if decoy is not None:
        for _ in range(VERIFICATIONS - len(fitting)):
            signed.proved_by(decoy.verifying, ALGORITHMS)
    return found


def keys_among_others(source: Source, client_id: str, now: dt.datetime) -> list[PublicKey]:
    """The keys that prove something now, read among as many of nobody's as make it the same work for other clients."""
    found = enumerate(read_keys(source, _among_others(), {"client": client_id, "now": now}))
    return [key for _, key in takewhile(lambda pair: pair[0] < VERIFICATIONS or pair[1].id, found) if key.id]


@lru_cache(maxsize=1)
def _among_others() -> sa.CompoundSelect[Any]:
    decoy = decoy_for(ES256, _LENGTH_OF_CURVES)
    nobodys = sa.select(*(
        sa.literal(getattr(decoy, column.name), type_=column.type).label(column.name) for column in table.c
    ))  # fmt: skip
    own = live(sa.bindparam("client"), sa.bindparam("now", type_=table.c.expires_at.type))
    # Nobody's have no id, so they come last. One more than are needed: where it ends is read as well.
    return sa.union_all(own, *[nobodys] * (VERIFICATIONS + 1)).order_by(sa.desc("id"))


def signature_length(key: PublicKey) -> int:
    """How many bytes a signature by this key has."""
    return len(key.jwk["n"]) * 3 // 4 if key.algorithm == PS256 else _LENGTH_OF_CURVES


@lru_cache(maxsize=8)
def decoy_for(kind: str, length: int) -> PublicKey | None:
    """A key of a kind whose signatures have this length; None when there can be none."""
    if kind == PS256:
        if not RSA_BITS_AT_LEAST <= length * 8 <= RSA_BITS_AT_MOST:
            return None
        # An odd number of that size takes as long as a modulus; nobody has to be able to sign.
        number = secrets.randbits(length * 8) | 1 << length * 8 - 1 | 1
        jwk = {"kty": "RSA", "e": "AQAB", "n": base64url(number.to_bytes(length, "big"))}
    elif length != _LENGTH_OF_CURVES:
        return None
    elif kind == ES256:
        point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
        x, y = (base64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
        jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    elif kind == EDDSA:
        x = base64url(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw())
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": x}
    else:
        return None
    return PublicKey("", "", "", kind, jwk, _EVER, _EVER)
