"""A host's existing keys, taken over by their hashes: nobody has to be given a new key on the first day.

The host's hash of a key is stored as our HMAC over it, so that the table alone opens nothing even where the host's
keys are short. Salted or slow hashes can't be looked up and are refused.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from ..clients import changed, registry
from ..crypto import Secrets, new_id
from ..db import Transaction
from ..errors import Conflict, Invalid
from ..ledger import enter
from ..values import By, Flaw, Happening
from .keys import Keys, environment_for_new, named, signal
from .records import COLUMNS, Credential, Kind, credential_of, told
from .tables import credential

PURPOSE = "imported_key"
#: Moves in the change log whenever keys were imported.
SUBJECT = "imported_keys"
SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the host's: the plain hash of its text. ``encoding`` is ``hex`` or ``base64`` (either alphabet)."""

    name: str
    hash: str = field(repr=False)
    algorithm: str = "sha256"
    encoding: str = "hex"
    expires: dt.datetime | None = None
    scopes: frozenset[str] | None = None


def import_hashed(
    keys: Keys, secrets: Secrets, tx: Transaction, by: By, client_id: str, entries: Iterable[Entry], reason: str = ""
) -> list[Credential]:
    """Take over keys. All or none; one that this client has already is returned as it is, so that it may be repeated.

    :raises Invalid: with the place of every entry that can't be taken.
    :raises Conflict: a key belongs to another client.
    """
    environment = environment_for_new(tx, client_id)
    given = list(entries)
    digests = _digests(secrets, given, tx.now)
    known, owner = _known(tx, digests), registry.owner_of(tx, client_id=client_id)
    done: list[Credential] = []
    for entry, digest_ in zip(given, digests, strict=True):
        found = known.get(digest_)
        if found is not None:
            if found.client_id != client_id:
                raise Conflict(f"The key {entry.name!r} belongs to another client.")
            done.append(found)
            continue
        made = Credential(
            new_id("cred"), client_id, Kind.IMPORTED_KEY, named(entry.name), entry.algorithm, tx.now, by.id[:160],
            entry.expires or keys.expiry(tx.now, environment, None), entry.scopes,
        )  # fmt: skip
        keys.write(tx, made, digest_, entry.algorithm)
        enter(
            tx, by, Happening.CREDENTIALS_CREDENTIAL_IMPORTED, f"credential:{made.id}", after=told(made), reason=reason,
            organization=owner,
        )  # fmt: skip
        signal(tx, "credential-created", made)
        known[digest_] = made
        done.append(made)
    changed(tx, SUBJECT)
    return done


def algorithms(conn: sa.Connection) -> frozenset[str]:
    """How the imported keys that may still open something are hashed."""
    query = sa.select(credential.c.algorithm).distinct()
    return frozenset(conn.execute(query.where(credential.c.kind == Kind.IMPORTED_KEY)).scalars())


def hashed(algorithm: str, text: str) -> bytes:
    """What the host's table holds for a key."""
    return hashlib.new(algorithm, text.encode("utf-8", "surrogatepass")).digest()


def digest(secrets: Secrets, algorithm: str, hash: bytes) -> str:
    """How an imported key is stored."""
    return secrets.digest(PURPOSE, f"{algorithm}:{hash.hex()}")


def _digests(secrets: Secrets, entries: Sequence[Entry], now: dt.datetime) -> list[str]:
    flaws: list[Flaw] = []
    digests: list[str] = []
    for place, entry in enumerate(entries):
        at = f"/entries/{place}"
        raw = _raw(entry)
        if entry.algorithm not in SIZES:
            flaws.append(Flaw(f"{at}/algorithm", "must be one of " + ", ".join(SIZES)))
        elif raw is None or len(raw) != SIZES[entry.algorithm]:
            flaws.append(Flaw(f"{at}/hash", f"must be a {entry.algorithm} hash in hex or base64, as encoding says"))
        else:
            digests.append(digest(secrets, entry.algorithm, raw))
        if entry.expires is not None and (entry.expires.tzinfo is None or entry.expires <= now):
            flaws.append(Flaw(f"{at}/expires", "must be a moment in the future with its offset from UTC"))
        try:
            named(entry.name, f"{at}/name")
        except Invalid as error:
            flaws.extend(error.decision.flaws)
    if flaws:
        raise Invalid(flaws)
    return digests


def _raw(entry: Entry) -> bytes | None:
    try:
        if entry.encoding == "hex":
            return bytes.fromhex(entry.hash.strip())
        if entry.encoding == "base64":
            text = entry.hash.strip().rstrip("=").replace("-", "+").replace("_", "/")
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return None


def _known(tx: Transaction, digests: Sequence[str]) -> dict[str, Credential]:
    known: dict[str, Credential] = {}
    for start in range(0, len(digests), _CHUNK):
        query = sa.select(credential.c.digest, *COLUMNS).where(credential.c.digest.in_(digests[start : start + _CHUNK]))
        for row in tx.execute(query).mappings():
            known[row["digest"]] = credential_of(row)
    return known
