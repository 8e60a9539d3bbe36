"""Certificates that clients prove themselves with (RFC 8705, section 2): registered, replaced with an overlap, ended.

One that an authority issued is known by one of its names (``tls_client_auth``); one that the client signed itself is
pinned (``self_signed_tls_client_auth``). A client may have several at once.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..clients import changed, registry
from ..credentials import Phase, revoke_tokens_by
from ..credentials.keys import bounded, environment_for_new
from ..crypto import new_id, sha256
from ..db import Transaction
from ..errors import Conflict, Invalid, Missing
from ..ledger import enter
from ..values import By, Flaw, Happening
from .certificate_names import KnownBy, canonical
from .certificate_table import oauth_certificate as table
from .certificates import LENGTH_AT_MOST, UNREADABLE, read_der, read_pem, thumbprint_of
from .jwk import BadKey, public_key

Source = Transaction | sa.Connection
CERTIFICATES_AT_MOST = 10
LIFETIME = dt.timedelta(days=365)
RSA_BITS_AT_LEAST = 2048
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
PINNED, NAMED = "self_signed_tls_client_auth", "tls_client_auth"
TAKEN = "This is registered already; each client and environment has a certificate of its own."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be registered. ``ends_at`` is when the certificate itself ends; ``key`` names the key in it."""

    known_by: KnownBy
    value: str
    ends_at: dt.datetime | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """One registration. ``value`` is the name, or the thumbprint, that a shown certificate must have."""

    id: str
    client_id: str
    known_by: KnownBy
    value: str
    key: str | None
    created_at: dt.datetime
    expires_at: dt.datetime
    replaces_id: str | None = None
    revoked_at: dt.datetime | None = None

    @property
    def method(self) -> str:
        """How it proves its client, by its name in the IANA registry."""
        return PINNED if self.known_by is KnownBy.THUMBPRINT else NAMED

    def phase(self, now: dt.datetime) -> Phase:
        """Where it stands at a moment."""
        if self.revoked_at is not None:
            return Phase.REVOKED
        return Phase.EXPIRED if self.expires_at <= now else Phase.LIVE


def by_name(known_by: KnownBy, text: str) -> Wanted:
    """A name that certificates of an authority will have.

    :raises Invalid: it is none of its kind.
    """
    try:
        return Wanted(known_by, canonical(known_by, text))
    except ValueError as error:
        raise Invalid([Flaw(f"/{known_by}", str(error))]) from None


def by_certificate(text: str) -> Wanted:
    """One certificate in PEM, or as it stands in a JWK's ``x5c`` (RFC 7517, section 4.7).

    :raises Invalid: it is none, or weak.
    """
    return _pinned(read_pem(text) if "-" in text else _in_base64(text))


def by_key_set(document: Any) -> list[Wanted]:
    """The certificates of a JWK Set, of each key the first of its ``x5c``; keys without one are left out.

    :raises Invalid: it is no JWK Set, or one of them is no certificate of its key, or weak.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        raise Invalid([Flaw("/jwks", "must be a JWK Set")])
    found = []
    for number, jwk in enumerate(keys[:CERTIFICATES_AT_MOST]):
        chain = jwk.get("x5c")
        if chain is None:
            continue
        first = chain[0] if isinstance(chain, list) and chain and isinstance(chain[0], str) else ""
        wanted = _pinned(_in_base64(first))
        try:
            own = public_key({name: value for name, value in jwk.items() if name not in ("alg", "key_ops", "use")})
        except BadKey as bad:
            raise Invalid([Flaw(f"/jwks/keys/{number}", str(bad))]) from None
        if _digest(own.der) != wanted.key:
            raise Invalid([Flaw(f"/jwks/keys/{number}/x5c/0", "is the certificate of another key")])
        found.append(wanted)
    return found


def _in_base64(text: str) -> x509.Certificate | None:
    try:
        return read_der(base64.b64decode(text, validate=True)) if len(text) <= LENGTH_AT_MOST else None
    except (binascii.Error, ValueError):
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _pinned(found: x509.Certificate | None) -> Wanted:
    pointer, wanted = "/certificate", "must be one certificate, in PEM or in base 64"
    if found is None:
        raise Invalid([Flaw(pointer, wanted)])
    try:
        key, ends_at = found.public_key(), found.not_valid_after_utc
    except UNREADABLE:
        raise Invalid([Flaw(pointer, wanted)]) from None
    strong = isinstance(key, ed25519.Ed25519PublicKey)
    strong = strong or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_AT_LEAST)
    if not strong and not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)):
        raise Invalid([Flaw(pointer, f"must have a P-256, P-384, P-521, Ed25519, or RSA key of {RSA_BITS_AT_LEAST}")])
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Wanted(KnownBy.THUMBPRINT, thumbprint_of(found), ends_at, _digest(data))


def add_certificate(
    tx: Transaction, by: By, client_id: str, wanted: Wanted, *, lifetime: dt.timedelta = LIFETIME, reason: str = ""
) -> ClientCertificate:
    """Register a certificate, beside those that are there.

    :raises Invalid: it has ended, or would live too long.
    :raises Conflict: some client has it already, this one has too many, or its application is retired.
    :raises Missing: there is no such client.
    """
    made = _insert(tx, client_id, wanted, lifetime, None)
    _enter(tx, by, Happening.OAUTH_CERTIFICATE_ADDED, reason, None, {}, made)
    return made


def rotate_certificate(
    tx: Transaction, by: By, certificate_id: str, wanted: Wanted, overlap: dt.timedelta, *,
    lifetime: dt.timedelta = LIFETIME, reason: str = "",
) -> ClientCertificate:  # fmt: skip
    """Register a successor; the old one works on for the overlap, never beyond its own end. Without one it ends now.

    :raises Conflict: the old one has ended; and as :func:`add_certificate`.
    :raises Missing: there is no such certificate.
    """
    old = certificate_of(tx, certificate_id)
    if old.phase(tx.now) is not Phase.LIVE:
        raise Conflict("It has ended already.", "Register a new one.")
    ends_at = min(old.expires_at, tx.now + overlap)
    freed = {"claim": None} if (old.known_by, old.value) == (wanted.known_by, wanted.value) and old.key is None else {}
    ended = {"revoked_at": tx.now} if not overlap else {}
    done = tx.execute(
        table.update()
        .where(table.c.id == old.id, table.c.revoked_at.is_(None))
        .values(expires_at=ends_at, **freed, **ended)
    )
    if not done.rowcount:  # another transaction ended it meanwhile
        raise Conflict("It has ended already.", "Register a new one.")
    tokens = revoke_tokens_by(tx, old.client_id, old.id) if not overlap else 0
    made = _insert(tx, old.client_id, wanted, lifetime, old.id)
    more = {"old_ends": ends_at.isoformat(), "tokens": tokens}
    _enter(tx, by, Happening.OAUTH_CERTIFICATE_ROTATED, reason, old, more, made)
    return made


def revoke_certificate(tx: Transaction, by: By, certificate_id: str, reason: str) -> ClientCertificate:
    """End a certificate, and every token that was issued on it. Again is the same as once.

    :raises Missing: there is no such certificate.
    """
    old = certificate_of(tx, certificate_id)
    values: dict[str, Any] = {"revoked_at": tx.now}
    if old.known_by is not KnownBy.THUMBPRINT:
        values["claim"] = None
    done = tx.execute(table.update().where(table.c.id == old.id, table.c.revoked_at.is_(None)).values(values))
    if done.rowcount:
        ended = revoke_tokens_by(tx, old.client_id, old.id)
        _enter(tx, by, Happening.OAUTH_CERTIFICATE_REVOKED, reason, old, {"tokens": ended})
        changed(tx, f"client:{old.client_id}")
    return certificate_of(tx, certificate_id)


def certificate_of(source: Source, certificate_id: str) -> ClientCertificate:
    """One registration.

    :raises Missing: there is none.
    """
    row = source.execute(_ALL.where(table.c.id == certificate_id)).first()
    if row is None:
        raise Missing(f"There is no certificate {certificate_id[:60]}.")
    return _read(row)


def certificates_of(source: Source, client_id: str) -> list[ClientCertificate]:
    """Every certificate that a client ever registered, the oldest first."""
    return [_read(row) for row in source.execute(_ALL.where(table.c.client_id == client_id).order_by(table.c.id))]


def _enter(
    tx: Transaction, by: By, happening: Happening, reason: str, old: ClientCertificate | None, more: dict[str, Any],
    made: ClientCertificate | None = None,
) -> None:  # fmt: skip
    """What the ledger keeps. Names in a certificate may be a person's: they stand where they can be erased."""
    both = [one for one in (old, made) if one is not None]
    enter(
        tx, by, happening, f"client:{both[0].client_id}", before=None if old is None else _told(old), reason=reason,
        after={**({} if made is None else _told(made)), **more},
        personal={one.id: one.value for one in both if one.known_by is not KnownBy.THUMBPRINT},
        organization=registry.owner_of(tx, client_id=both[0].client_id),
    )  # fmt: skip


def _told(found: ClientCertificate) -> dict[str, Any]:
    said = {"certificate": found.id, "known_by": found.known_by.value, "expires_at": found.expires_at.isoformat()}
    return said | ({"thumbprint": found.value} if found.known_by is KnownBy.THUMBPRINT else {})


def _insert(
    tx: Transaction, client_id: str, wanted: Wanted, lifetime: dt.timedelta, replaces_id: str | None
) -> ClientCertificate:  # fmt: skip
    environment_for_new(tx, client_id)
    expires_at = min(tx.now + bounded(lifetime), wanted.ends_at or dt.datetime.max.replace(tzinfo=dt.UTC))
    if expires_at <= tx.now:
        raise Invalid([Flaw("/certificate", "has expired")])
    live = [one for one in certificates_of(tx, client_id) if one.phase(tx.now) is Phase.LIVE]
    if len(live) >= CERTIFICATES_AT_MOST:
        raise Conflict(f"A client has {CERTIFICATES_AT_MOST} certificates at most.")
    claim = sha256(f"{wanted.known_by}\0{wanted.value}").hex()
    over = (table.c.claim == claim, table.c.known_by != KnownBy.THUMBPRINT, table.c.expires_at <= tx.now)
    tx.execute(table.update().where(*over).values(claim=None))
    taken = table.c.claim == claim
    if wanted.key is not None:
        taken = sa.or_(taken, sa.and_(table.c["key"] == wanted.key, table.c.client_id != client_id))
    if tx.execute(sa.select(table.c.id).where(taken).limit(1)).first() is not None:
        raise Conflict(TAKEN)
    made = ClientCertificate(
        new_id("crt"), client_id, wanted.known_by, wanted.value, wanted.key, tx.now, expires_at, replaces_id
    )  # fmt: skip
    try:
        tx.execute(table.insert().values(**asdict(made), claim=claim))
    except sa.exc.IntegrityError:  # another transaction registered it between the look and now
        raise Conflict(TAKEN) from None
    changed(tx, f"client:{client_id}")
    return made


_COLUMNS = [column for column in table.c if column.name != "claim"]
_ALL = sa.select(*_COLUMNS)


def _read(row: Any) -> ClientCertificate:
    return ClientCertificate(**{**row._mapping, "known_by": KnownBy(row.known_by)})
