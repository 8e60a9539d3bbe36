"""Public keys that clients prove themselves with (RFC 7517): registered by their client, told apart by thumbprint.

One algorithm belongs to each kind of key, so that nobody chooses one: P-256 is ES256, Ed25519 is EdDSA, RSA is PS256.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwk
from joserfc.errors import JoseError

from ..clients import changed, registry
from ..credentials import revoke_tokens_by
from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict, Invalid, Missing
from ..ledger import enter
from ..values import By, Flaw, Happening
from .tables import oauth_key as table

Source = Transaction | sa.Connection
KEYS_AT_MOST = 10
TAKEN = "This key is registered already; make a new one for each client and environment."
LIFETIME = dt.timedelta(days=365)
RSA_BITS_AT_LEAST, RSA_BITS_AT_MOST = 2048, 8192
#: What makes a key a private or a symmetric one.
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KEPT = frozenset({"kty", "crv", "x", "y", "n", "e"})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One registered key. ``jwk`` has its public members only."""

    id: str
    client_id: str
    thumbprint: str
    algorithm: str
    jwk: Mapping[str, str]
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None = None


def add_key(
    tx: Transaction, by: By, client_id: str, given: Mapping[str, Any], *, lifetime: dt.timedelta = LIFETIME,
    reason: str = "",
) -> PublicKey:  # fmt: skip
    """Register a key for a client.

    :raises Invalid: it is private, symmetric, weak, or of a kind that we don't take.
    :raises Conflict: some client has it already, or this one has too many.
    :raises Missing: there is no such client.
    """
    registry.client(tx, client_id)
    members = {name: value for name, value in given.items() if name in _KEPT}
    algorithm = _algorithm_of(given, members)
    thumbprint = str(jwk.import_key(members).thumbprint())
    if tx.execute(sa.select(table.c.id).where(table.c.thumbprint == thumbprint)).first() is not None:
        raise Conflict(TAKEN)
    if len(live_keys(tx, client_id, tx.now)) >= KEYS_AT_MOST:
        raise Conflict(f"A client has {KEYS_AT_MOST} keys at most.")
    made = PublicKey(new_id("key"), client_id, thumbprint, algorithm, members, tx.now, tx.now + lifetime)
    try:
        tx.execute(table.insert().values(**{name: getattr(made, name) for name in PublicKey.__slots__}))
    except sa.exc.IntegrityError:  # another transaction registered it between the look and now
        raise Conflict(TAKEN) from None
    enter(
        tx, by, Happening.OAUTH_KEY_ADDED, f"client:{client_id}", reason=reason,
        after={"key": made.id, "algorithm": algorithm, "thumbprint": thumbprint},
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
    return made


def revoke_key(tx: Transaction, by: By, key_id: str, reason: str) -> None:
    """End a key, and every token that was issued on it.

    :raises Missing: there is no such key that lives.
    """
    row = tx.execute(
        table.update()
        .where(table.c.id == key_id, table.c.revoked_at.is_(None))
        .values(revoked_at=tx.now)
        .returning(table.c.client_id)
    ).first()
    if row is None:
        raise Missing(f"There is no key {key_id[:60]}.")
    ended = revoke_tokens_by(tx, key_id)
    enter(
        tx, by, Happening.OAUTH_KEY_REVOKED, f"client:{row.client_id}", reason=reason,
        before={"key": key_id}, after={"tokens": ended},
    )  # fmt: skip


def live_keys(source: Source, client_id: str, now: dt.datetime) -> list[PublicKey]:
    """The keys that prove something now."""
    query = sa.select(table).where(
        table.c.client_id == client_id, table.c.revoked_at.is_(None), table.c.expires_at > now
    )
    return [PublicKey(**row._mapping) for row in source.execute(query.order_by(table.c.id))]


def is_signed(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Whether a signature (RFC 7518, section 3) over some bytes is the key's."""
    public: Any = jwk.import_key(dict(key.jwk)).public_key
    try:
        if key.algorithm == "EdDSA":
            public.verify(signature, signed)
        elif key.algorithm == "ES256":
            if len(signature) != 64:
                return False
            numbers = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            public.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(SHA256()))
        else:
            public.verify(signature, signed, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    except InvalidSignature:
        return False
    return True


def _algorithm_of(given: Mapping[str, Any], members: dict[str, Any]) -> str:
    if _SECRET & set(given) or not all(isinstance(value, str) for value in members.values()):
        raise Invalid([Flaw("", "must be a public key in its public members only")])
    try:
        public: Any = jwk.import_key(members).public_key
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        raise Invalid([Flaw("", "is no key that can be read (RFC 7517)")]) from None
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        algorithm = "ES256"
    elif isinstance(public, ed25519.Ed25519PublicKey):
        algorithm = "EdDSA"
    elif isinstance(public, rsa.RSAPublicKey) and RSA_BITS_AT_LEAST <= public.key_size <= RSA_BITS_AT_MOST:
        algorithm = "PS256"
    else:
        raise Invalid([Flaw("", "must be P-256, Ed25519, or RSA of 2048 bits or more")])
    if given.get("alg") not in (None, algorithm) or given.get("use") not in (None, "sig"):
        raise Invalid([Flaw("/alg", f"must be {algorithm}, for signatures")])
    return algorithm
