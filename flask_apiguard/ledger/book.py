"""The ledger as a part: reading, verifying, signing, forgetting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..clock import Clock
from ..crypto import Secrets
from ..db import Store, Transaction
from ..errors import Invalid
from ..values import SYSTEM, By, Flaw, Happening
from . import canonical as c
from .append import enter, flush, listen
from .checkpoints import Checkpoint, Signer, append_line
from .entry import Entry, entry_of
from .tables import checkpoint, ledger, personal
from .verify import Verification, verify

PAGE_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, the newest first, and the cursor of the page after them; None when there is none."""

    entries: tuple[Entry, ...]
    cursor: str | None


class Ledger:
    """The record of governance in one store. ``file`` is where checkpoints are kept a second time, outside of it.

    ``appended`` is called after commit with every entry that this process wrote. ``trusted`` are public keys of
    former secrets, whose checkpoints still count.
    """

    def __init__(
        self,
        store: Store,
        secrets: Secrets,
        clock: Clock,
        *,
        file: Path | None = None,
        appended: Callable[[Entry], None] | None = None,
        trusted: Iterable[str] = (),
    ) -> None:
        self.store = store
        self.clock = clock
        self.file = file
        self._signer = Signer(secrets, tuple(trusted))
        if appended is not None:
            listen(store, appended)

    def public_key(self) -> str:
        """The Ed25519 public key that checkpoints are verified with, 64 hexadecimal characters."""
        return self._signer.public_key

    def verify(self, until: int | None = None) -> Verification:
        """Look at every entry up to number ``until`` and name the first that is not what was written."""
        with self.store.read() as conn:
            return verify(conn, self._signer, self.file, until)

    def checkpoint(self, tx: Transaction, extra: Mapping[str, Any] | None = None) -> Checkpoint:
        """Sign the head, with what this transaction has queued so far; nothing is written when nothing is new.

        ``extra`` (the event chain's head, for one) is put on record as an entry and signed along. After commit the
        checkpoint is appended to the file.

        :raises ConfigurationError: after commit, when the file can't be written.
        """
        noted = c.plain(extra or {})
        seq, chain = flush(tx)
        last = self._last(tx)
        if last is not None and last.seq == seq and last.chain == chain and last.extra == noted:
            return last
        if noted and (last is None or last.extra != noted):
            enter(tx, SYSTEM, Happening.LEDGER_CHECKPOINT_SIGNED, "ledger:head", evidence=noted)
            seq, chain = flush(tx)
        signed = self._signer.sign(seq, chain, tx.now, noted)
        row = {"seq": seq, "chain": chain, "at": tx.now, "extra": noted}
        tx.execute(checkpoint.insert().values(**row, public_key=signed.public_key, signature=signed.signature))
        file = self.file
        if file is not None:
            tx.after_commit(lambda: append_line(file, signed))
        return signed

    def checkpoints(self, limit: int = 50) -> tuple[Checkpoint, ...]:
        """The newest checkpoints, the newest first."""
        query = sa.select(checkpoint).order_by(checkpoint.c.id.desc()).limit(limit)
        with self.store.read() as conn:
            return tuple(_checkpoint_of(row) for row in conn.execute(query))

    def entries(
        self,
        *,
        subject: str | None = None,
        actor: str | None = None,
        happening: str | None = None,
        organization: str | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """One page of entries, the newest first.

        ``happening`` is a whole name, or the beginning of several when it ends with a colon. ``since`` is included,
        ``until`` is not.

        :raises Invalid: the cursor is not one of ours.
        """
        limit = max(1, min(limit, PAGE_AT_MOST))
        query = sa.select(ledger).order_by(ledger.c.seq.desc()).limit(limit + 1)
        same = {ledger.c.subject: subject, ledger.c.actor_id: actor, ledger.c.organization_id: organization}
        for column, value in same.items():
            query = query if value is None else query.where(column == value)
        if happening is not None:
            name = ledger.c.happening
            prefix = happening.endswith(":")
            query = query.where(name.startswith(happening, autoescape=True) if prefix else name == happening)
        query = query if since is None else query.where(ledger.c.at >= since)
        query = query if until is None else query.where(ledger.c.at < until)
        query = query if cursor is None else query.where(ledger.c.seq < _place(cursor))
        with self.store.read() as conn:
            rows = list(conn.execute(query))
            found = _entries(conn, rows[:limit])
        return Page(found, str(found[-1].seq) if len(rows) > limit else None)

    def erase(self, tx: Transaction, by: By, person_id: str, *, values: Iterable[str] = ()) -> int:
        """Erase a person's name, addresses and other personal fields from the record; every proof stays valid.

        ``values`` are texts known to be the person's (e-mail addresses), erased wherever they stand. Returns how many
        fields went.
        """
        seq, _ = flush(tx)
        owner = f"person:{person_id}"
        mine = sa.or_(personal.c.owner == owner, personal.c.value.in_([c.clean(value) for value in values]))
        gone = tx.execute(
            personal.update().where(mine, personal.c.erased.is_(None)).values(value=None, salt=None, erased=seq + 1)
        ).rowcount
        if by.id == person_id:
            # Who erases itself does not leave its name with the entry that tells of it.
            by = replace(by, name="", address="")
        enter(tx, by, Happening.LEDGER_PERSON_ERASED, owner, evidence={"fields": gone})
        flush(tx)
        return gone

    def _last(self, tx: Transaction) -> Checkpoint | None:
        row = tx.execute(sa.select(checkpoint).order_by(checkpoint.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else _checkpoint_of(row)


def _checkpoint_of(row: Any) -> Checkpoint:
    return Checkpoint(row.seq, row.chain, row.at, row.extra, row.public_key, row.signature)


def _entries(conn: Connection, rows: list[Any]) -> tuple[Entry, ...]:
    query = sa.select(personal).where(personal.c.seq.in_([row.seq for row in rows]), personal.c.erased.is_(None))
    private: dict[int, dict[str, str]] = {}
    for part in conn.execute(query):
        private.setdefault(part.seq, {})[part.field] = part.value
    return tuple(entry_of(row.entry, row.leaf, row.chain, private.get(row.seq, {})) for row in rows)


def _place(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Invalid([Flaw("/cursor", "This is not a cursor that a page gave.")])
    return int(cursor)
