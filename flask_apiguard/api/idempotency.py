"""Idempotency keys: the same write sent twice is done once (draft-ietf-httpapi-idempotency-key-header).

A row is reserved before the write and filled with the answer after it. A process that dies in between leaves a row
that says neither: whoever repeats then is told to look first, and nothing is done twice.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..db import Transaction, insert_into
from ..errors import Denied, Invalid
from ..values import Decision, Flaw, Reason
from .call import Call
from .tables import idempotency

if TYPE_CHECKING:
    from ..house import House

HEADER = "Idempotency-Key"
KEPT = dt.timedelta(hours=24)
#: Longer than any write takes: after it a row without an answer is one of a process that died.
RUNNING = dt.timedelta(seconds=60)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Kept:
    """An answer that was given before."""

    __slots__ = ("answer", "location", "status")

    def __init__(self, status: int, answer: str, location: str) -> None:
        self.status, self.answer, self.location = status, answer, location


class Reservation:
    """One key of one actor for one request. Falsy without a key."""

    def __init__(self, house: House, call: Call, data: bytes) -> None:
        self._store = house.store
        key = call.request.headers.get(HEADER)
        self.id = ""
        self._mine = False
        if key is None or not call.endpoint.writes:
            return
        if _KEY.fullmatch(key) is None:
            raise Invalid([Flaw(f"/{HEADER}", "Send 1 to 255 visible ASCII characters.", "headers")])
        actor = f"{call.by.kind}:{call.by.id}" if call.by.id else f"stranger:{call.origin.address}"
        self.id = house.secrets.digest("idempotency", f"{actor}\n{key}")
        target = f"{call.request.method}\n{call.request.path}\n{call.request.query_string.decode('latin-1')}"
        # The seats as well: a narrowed token is not shown what its person's other token was answered.
        powers = f"{call.by.narrowed} {' '.join(sorted(call.by.seats))}"
        told = f"{actor}\n{call.by.organization_id}\n{powers}\n{target}\n{data.decode('latin-1')}"
        self._fingerprint = house.secrets.digest("idempotency", told)

    def __bool__(self) -> bool:
        return bool(self.id)

    def take(self) -> Kept | None:
        """Reserve the key, or give the answer that it brought before.

        :raises Denied: 422 for another request; 409 while it runs, when its secret was shown, or when nobody knows
            how it ended.
        """
        if not self:
            return None
        with self._store.write() as tx:
            self._prune(tx)
            if self._insert(tx):
                self._mine = True
                return None
            row = tx.execute(sa.select(idempotency).where(idempotency.c.id == self.id)).one_or_none()
            now = tx.now
        if row is None:
            raise _running()
        return self._judge(row, now)

    def _judge(self, row: Any, now: dt.datetime) -> Kept:
        if row.fingerprint != self._fingerprint:
            raise Denied(Decision(False, Reason.API_IDEMPOTENCY))
        if row.status is None:
            if now - row.created_at < RUNNING:
                raise _running()
            raise Denied(Decision(
                False, Reason.API_IDEMPOTENCY_UNKNOWN, "The first request with this key was interrupted.",
            ))  # fmt: skip
        if row.answer is None:
            where = f" It is at {row.location}." if row.location else ""
            detail = f"This was done, and its secret was shown then.{where}"
            raise Denied(Decision(False, Reason.API_IDEMPOTENCY_SHOWN, detail))
        return Kept(row.status, row.answer, row.location)

    def keep(self, status: int, answer: str | None, location: str) -> None:
        """Store the answer; None when it holds a secret."""
        if not self._mine:
            return
        values = {"status": status, "answer": answer, "location": location[:500]}
        with self._store.write() as tx:
            tx.execute(idempotency.update().where(idempotency.c.id == self.id).values(values))

    def release(self) -> None:
        """Nothing was done: the key may be used again."""
        if not self._mine:
            return
        with self._store.write() as tx:
            tx.execute(idempotency.delete().where(idempotency.c.id == self.id))

    def _insert(self, tx: Transaction) -> bool:
        values = {"id": self.id, "fingerprint": self._fingerprint, "created_at": tx.now, "location": ""}
        insert = insert_into(idempotency, tx.store.dialect).values(values).on_conflict_do_nothing()
        return tx.execute(insert.returning(idempotency.c.id)).one_or_none() is not None

    @staticmethod
    def _prune(tx: Transaction) -> None:
        tx.execute(idempotency.delete().where(idempotency.c.created_at < tx.now - KEPT))


def _running() -> Denied:
    return Denied(Decision(False, Reason.API_IDEMPOTENCY_RUNNING, retry_after=1))
