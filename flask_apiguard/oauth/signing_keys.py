"""The server's signing keys over time: published before they sign, kept until what they signed is over.

A key signs for ``lifetime``. ``AHEAD`` before its end its successor is made and published; it takes over when every
cached key set has had the time to be read again. An app that slept through a rotation goes on with the old key until
the new one has been published for as long. Two processes that rotate at once end with one successor.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..clients import EVERYTHING, Memory, Watch, changed
from ..clock import Clock
from ..crypto import Secrets, new_id
from ..db import Store, Transaction
from ..errors import Conflict, Missing, StoreAway
from ..ledger import enter
from ..values import SYSTEM, By, Happening
from .jwk import VerifyingKey, public_key
from .signing import SigningKey, Unsealable, generate, unseal
from .signing_table import signing_key as table

logger = logging.getLogger("flask_apiguard")

SUBJECT = "signing_keys"
PREFIX = "sig"
#: From publishing to signing. Key sets are cached for minutes; a day leaves room for those who cache longer.
AHEAD = dt.timedelta(days=1)
#: How long after its successor took over a key verifies: no token of ours lives longer than a day.
KEPT = dt.timedelta(days=1, hours=1)
#: One number for everyone who rotates on PostgreSQL.
_LOCK_KEY = 0x6170696B


@dataclass(frozen=True, slots=True)
class Key:
    """One signing key. ``signing`` is None when its private part is gone."""

    id: str
    algorithm: str
    verifying: VerifyingKey
    created_at: dt.datetime
    active_at: dt.datetime
    ends_at: dt.datetime | None
    signing: SigningKey | None = field(repr=False)

    @property
    def published(self) -> dict[str, str]:
        """As it stands in the key set (RFC 7517, section 4)."""
        return {**self.verifying.jwk, "alg": self.algorithm, "kid": self.id, "use": "sig"}


class SigningKeys:
    """The keys of one server. ``algorithm`` is what new ones are for, ``lifetime`` how long each signs."""

    def __init__(
        self, store: Store, secrets: Secrets, clock: Clock, watch: Watch, algorithm: str, lifetime: dt.timedelta
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._watch = watch
        self._algorithm = algorithm
        self._lifetime = lifetime
        self._memory: Memory[tuple[Key, ...]] = watch.memory(1)
        self._last: tuple[Key, ...] = ()

    def current(self) -> tuple[str, SigningKey]:
        """The key to sign with, and its ``kid``.

        :raises StoreAway: the store does not answer, or no private part can be opened.
        """
        found = _signs(self._turned(self._clock.now()), self._clock.now())
        if found is None or found.signing is None:
            raise StoreAway("signing keys")
        return found.id, found.signing

    def find(self, kid: str) -> Key | None:
        """The key of a name, while what it signed may be alive; None for any other name.

        :raises StoreAway: whether it was revoked can't be seen.
        """
        now = self._clock.now()
        for key in self._known():
            if key.id == kid:
                return key if key.ends_at is None or now < key.ends_at else None
        return None

    def published(self) -> list[dict[str, str]]:
        """The key set. What was last known of it, when the store is away: these are no secrets.

        :raises StoreAway: nothing was ever known.
        """
        now = self._clock.now()
        try:
            known = self._turned(now)
        except StoreAway:
            if not self._last:
                raise
            known = self._last
        return [key.published for key in known if key.ends_at is None or now < key.ends_at]

    def rotate(self, tx: Transaction, by: By, reason: str) -> str:
        """Make the next key before its time: published from now on, signing after ``AHEAD``. Its id.

        :raises Conflict: the next one waits already.
        """
        _lock(tx)
        known = self._read(tx)
        if known and known[-1].active_at > tx.now:
            raise Conflict(
                f"The next key, {known[-1].id}, waits already: it signs from {known[-1].active_at:%Y-%m-%d %H:%M} UTC "
                "on.", "Revoke the key that signs now, and it takes over at once.",
            )  # fmt: skip
        return _add(tx, self._secrets, self._algorithm, known, by, reason)

    def _turned(self, now: dt.datetime) -> tuple[Key, ...]:
        """The keys, after what was due was done."""
        known = self._known()
        if not self._is_due(known, now):
            return known
        with self._store.write() as tx:
            _lock(tx)
            known = self._read(tx)
            if self._is_due(known, tx.now):
                _add(tx, self._secrets, self._algorithm, known)
                known = self._read(tx)
        return known  # not what is remembered: that may still be from before somebody else turned them

    def _is_due(self, known: tuple[Key, ...], now: dt.datetime) -> bool:
        if not known:
            return True
        newest = known[-1]
        if newest.active_at > now:
            return False
        return newest.algorithm != self._algorithm or newest.active_at + self._lifetime - AHEAD <= now

    def _known(self) -> tuple[Key, ...]:
        """All keys that are not revoked, in the order in which they take over."""
        self._watch.look()
        found = self._memory.get("keys")
        if found is None:
            version = self._memory.version
            with self._store.read() as conn:
                found = self._last = self._read(conn)
            self._memory.put("keys", found, (SUBJECT, EVERYTHING), version)
        return found

    def _read(self, source: Transaction | sa.Connection) -> tuple[Key, ...]:
        rows = source.execute(sa.select(table).where(table.c.revoked_at.is_(None)).order_by(table.c.active_at))
        return tuple(self._key_of(row) for row in rows)

    def _key_of(self, row: Any) -> Key:
        signing = None
        if row.sealed is not None:
            try:
                signing = unseal(self._secrets, row.id, row.algorithm, row.sealed)
            except Unsealable:
                # What it signed still verifies; nothing new is signed with what is not known to be ours.
                logger.error(
                    "The signing key %s was sealed under another APIGUARD_SECRET, or for another row, so it signs "
                    "nothing. Set the secret back, or revoke the key.", row.id,
                )  # fmt: skip
        return Key(
            row.id, row.algorithm, public_key(row.jwk), row.created_at, row.active_at, row.ends_at, signing
        )  # fmt: skip


def _lock(tx: Transaction) -> None:
    """Let nobody else turn the keys meanwhile. On SQLite whoever writes is alone already."""
    if tx.store.dialect == "postgresql":
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))


def subject_of(key_id: str) -> str:
    """What in the change log, and in the ledger, names one key."""
    return f"signing_key:{key_id}"


def _signs(known: tuple[Key, ...], now: dt.datetime) -> Key | None:
    """The newest that has taken over. None has when the first was made by a machine whose clock is ahead of ours."""
    active = [key for key in known if key.active_at <= now]
    return active[-1] if active else next(iter(known), None)


def _add(
    tx: Transaction, secrets: Secrets, algorithm: str, known: tuple[Key, ...], by: By = SYSTEM, reason: str = ""
) -> str:
    """Make the next key: at once when there is none to sign meanwhile, else after it was published for a while."""
    made, key_id = generate(algorithm), new_id(PREFIX)
    now_signs = _signs(known, tx.now)
    active_at = tx.now if now_signs is None else tx.now + AHEAD
    tx.execute(
        table.insert().values(
            id=key_id, algorithm=algorithm, jwk=dict(made.public.jwk), sealed=made.seal(secrets, key_id),
            created_at=tx.now, active_at=active_at,
        )
    )  # fmt: skip
    for key in known:
        if key is now_signs or key.ends_at is None:
            tx.execute(table.update().where(table.c.id == key.id).values(ends_at=active_at + KEPT))
        if key is not now_signs and key.active_at <= tx.now:  # its successor has taken over
            tx.execute(table.update().where(table.c.id == key.id).values(sealed=None))
    enter(
        tx, by, Happening.OAUTH_SIGNING_KEY_MADE, subject_of(key_id), reason=reason,
        after={"algorithm": algorithm, "active_at": active_at.isoformat()},
    )  # fmt: skip
    changed(tx, SUBJECT)
    return key_id


def revoke_signing_key(tx: Transaction, by: By, key_id: str, reason: str) -> None:
    """Let nothing that a key ever signed open anything any more, at once; the next one signs from the next token on.

    Again is the same as once.

    :raises Missing: there is no such key.
    """
    done = tx.execute(
        table.update()
        .where(table.c.id == key_id, table.c.revoked_at.is_(None))
        .values(revoked_at=tx.now, sealed=None)
        .returning(table.c.id)
    )  # fmt: skip
    if done.first() is None:
        if tx.execute(sa.select(table.c.id).where(table.c.id == key_id)).first() is None:
            raise Missing(f"There is no signing key {key_id[:60]}.")
        return
    # One that waits, published already, takes over before its time: better than none, or than one nobody has seen.
    waiting = sa.select(sa.func.min(table.c.active_at)).where(table.c.revoked_at.is_(None), table.c.active_at > tx.now)
    active = sa.select(table.c.id).where(
        table.c.revoked_at.is_(None), table.c.active_at <= tx.now, table.c.ends_at.is_(None)
    )  # fmt: skip
    if tx.execute(active).first() is None:
        tx.execute(table.update().where(table.c.active_at == waiting.scalar_subquery()).values(active_at=tx.now))
    enter(tx, by, Happening.OAUTH_SIGNING_KEY_REVOKED, subject_of(key_id), reason=reason)
    changed(tx, SUBJECT, subject_of(key_id))
