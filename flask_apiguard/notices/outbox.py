"""The outbox: notices are queued with the change that causes them, and delivered by whoever comes by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ..clock import Clock
from ..contracts import Notice, Notifier, Registry
from ..crypto import new_id
from ..db import Instant, Json, Store, Transaction, insert_into, metadata

#: Repetitions of one key within this time are counted, not told again.
WINDOW = dt.timedelta(hours=1)
#: A notifier that was configured later is not fed with what is older than this.
STALE = dt.timedelta(days=3)
#: How long a process that claimed a delivery has before another one tries it again; longer than any send.
LEASE = dt.timedelta(minutes=5)
FIRST_WAIT = dt.timedelta(seconds=30)
LONGEST_WAIT = dt.timedelta(hours=6)
TRIES_AT_MOST = 10
TEXT_AT_MOST = 20_000
#: In ``Notice.facts``: the text opens something and is for its addressees alone. It goes out only through notifiers
#: that reach them (``personal = True``), is not shown by ``recent``, and is erased once it was sent or is stale.
CONFIDENTIAL = "confidential"
GONE = "(no longer kept)"
#: In ``Transaction.notes``: something was queued, so whoever commits may have it sent.
QUEUED = "notices"
_LOCK_KEY = 0x61706E6F

notice = sa.Table(
    "apiguard_notice",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("to", Json, nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Column("confidential", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False, index=True),
    sa.Column("repeated_at", Instant, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Index(None, "key", "created_at"),
)

#: One row for each notice and notifier. ``next_try_at`` is also the claim: whoever delivers moves it ahead first.
delivery = sa.Table(
    "apiguard_delivery",
    metadata,
    sa.Column("notice_id", sa.ForeignKey(notice.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("notifier", sa.String(60), primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("dead_at", Instant),
    sa.Column("error", sa.String(500), nullable=False),
    sa.Index("ix_apiguard_delivery_due", "notifier", "next_try_at"),
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did: deliveries that arrived, that are tried again, that were given up."""

    sent: int = 0
    failed: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Queued:
    """A notice as it stands in the outbox. ``count`` is how often it happened, ``sent`` through which notifiers."""

    id: str
    notice: Notice
    count: int
    created_at: dt.datetime
    repeated_at: dt.datetime
    sent: tuple[str, ...]
    dead: tuple[str, ...]


def notify(tx: Transaction, what: Notice, *, window: dt.timedelta = WINDOW) -> str:
    """Queue a notice in the transaction of what it tells about. Returns its id, or that of the one it repeats.

    The same ``key`` for the same people within ``window`` is the same notice, happening again: it is counted and not
    sent. What must arrive each time (a link with a proof in it) has a key of its own, or a window of zero.
    """
    tx.notes[QUEUED] = True
    key, to = _text(what.key, 200), [_text(address, 320) for address in what.to]
    if tx.store.dialect == "postgresql":
        # Two at once would each find nothing to repeat. SQLite has one writer at a time anyway.
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY, sa.func.hashtext(key))))
    recent = sa.select(notice).where(notice.c.key == key, notice.c.created_at > tx.now - window)
    for row in tx.execute(recent.order_by(notice.c.created_at.desc())):
        if row.to == to:
            again = notice.update().where(notice.c.id == row.id)
            tx.execute(again.values(count=notice.c.count + 1, repeated_at=tx.now))
            return str(row.id)
    notice_id = new_id("ntc")
    row_values = {
        "id": notice_id,
        "key": key,
        "subject": _text(" ".join(what.subject.split()), 200),
        "text": _text(what.text, TEXT_AT_MOST),
        "to": to,
        "severity": _text(what.severity, 20),
        "facts": dict(what.facts),
        "confidential": bool(what.facts.get(CONFIDENTIAL)),
        "created_at": tx.now,
        "repeated_at": tx.now,
        "count": 1,
    }
    tx.execute(notice.insert().values(row_values))
    return notice_id


def _text(text: str, most: int) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:most]


class Outbox:
    """Delivers queued notices through its notifiers; any number of processes may do so at once.

    Each notice reaches each notifier at least once; ``facts["notice_id"]`` tells a repetition after a crash.
    """

    def __init__(self, store: Store, clock: Clock, notifiers: Iterable[Notifier] = ()) -> None:
        self.store = store
        self.clock = clock
        self.notifiers: Registry[Notifier] = Registry("notifier", lambda one: one.name, list(notifiers))

    def deliver(self, limit: int = 50) -> Delivered:
        """Send what is due, ``limit`` deliveries at most."""
        names = [one.name for one in self.notifiers if one.name != "null"]
        if not names:
            return Delivered()
        self._prepare(names)
        done = Delivered()
        for _ in range(limit):
            claimed = self._claim(names)
            if claimed is None:
                break
            done = self._send(claimed, done)
        return done

    def recent(self, limit: int = 50, *, before: str | None = None) -> tuple[Queued, ...]:
        """The newest notices, the newest first; ``before`` is the id of the last one seen."""
        query = sa.select(notice).order_by(notice.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(notice.c.id < before)
        with self.store.read() as conn:
            rows = list(conn.execute(query))
            states = sa.select(delivery).where(delivery.c.notice_id.in_([row.id for row in rows]))
            through: dict[str, list[Any]] = {}
            for state in conn.execute(states.order_by(delivery.c.notifier)):
                through.setdefault(state.notice_id, []).append(state)
        return tuple(_queued(row, through.get(row.id, [])) for row in rows)

    def forget(self, tx: Transaction, before: dt.datetime) -> int:
        """Delete notices older than that, delivered or not, and erase stale confidential texts. Returns how many."""
        self._erase(tx, notice.c.created_at < tx.now - STALE)
        old = sa.select(notice.c.id).where(notice.c.created_at < before)
        tx.execute(delivery.delete().where(delivery.c.notice_id.in_(old)))
        return tx.execute(notice.delete().where(notice.c.created_at < before)).rowcount

    def _erase(self, tx: Transaction, which: sa.ColumnElement[bool]) -> None:
        """Take the text of confidential notices that nobody has to send any more."""
        waiting = sa.exists().where(delivery.c.notice_id == notice.c.id, delivery.c.sent_at.is_(None))
        waiting = waiting.where(delivery.c.dead_at.is_(None))
        tx.execute(notice.update().where(which, notice.c.confidential, ~waiting).values(text=GONE))

    def _prepare(self, names: list[str]) -> None:
        """Give each fresh notice its row for each notifier. The read comes first: mostly there is nothing to do."""
        with self.store.read() as conn:
            missing = [
                {"notice_id": row.id, "notifier": name, "tries": 0, "next_try_at": row.created_at, "error": ""}
                for name in names
                for row in conn.execute(self._without(name))
            ]
        if not missing:
            return
        insert = self._insert_ignoring()
        with self.store.write() as tx:
            tx.execute(insert, missing)

    def _without(self, name: str) -> sa.Select[Any]:
        personal = getattr(self.notifiers[name], "personal", False)
        open_to_it = sa.true() if personal else ~notice.c.confidential
        has = sa.exists().where(delivery.c.notice_id == notice.c.id, delivery.c.notifier == name)
        fresh = notice.c.created_at > self.clock.now() - STALE
        return (
            sa.select(notice.c.id, notice.c.created_at).where(fresh, open_to_it, ~has).order_by(notice.c.id).limit(500)
        )

    def _insert_ignoring(self) -> Any:
        return insert_into(delivery, self.store.dialect).on_conflict_do_nothing()

    def _claim(self, names: list[str]) -> Any:
        now = self.clock.now()
        due = (
            sa.select(delivery.c.notice_id, delivery.c.notifier)
            .where(delivery.c.notifier.in_(names), delivery.c.next_try_at <= now)
            .where(delivery.c.sent_at.is_(None), delivery.c.dead_at.is_(None))
            .order_by(delivery.c.next_try_at)
            .limit(1)
        )
        with self.store.read() as conn:
            if conn.execute(due).first() is None:
                return None
        with self.store.write() as tx:
            found = tx.execute(due.with_for_update(skip_locked=True)).one_or_none()
            if found is None:
                return None
            mine = delivery.update().where(*_is(found)).values(tries=delivery.c.tries + 1, next_try_at=now + LEASE)
            claimed = tx.execute(mine.returning(delivery.c.notice_id, delivery.c.notifier, delivery.c.tries)).one()
            row = tx.execute(sa.select(notice).where(notice.c.id == claimed.notice_id)).one()
        return claimed, row

    def _send(self, claim: Any, done: Delivered) -> Delivered:
        claimed, row = claim
        error = ""
        try:
            self.notifiers[claimed.notifier].send(_as_sent(row))
        except Exception as failure:  # noqa: BLE001 - a notifier may be anybody's; what it raised is kept and tried again
            error = _text(f"{type(failure).__name__}: {failure}", 500)
        now = self.clock.now()
        values: dict[str, Any] = {"sent_at": now, "error": ""}
        if error:
            wait = min(FIRST_WAIT * 2 ** (claimed.tries - 1), LONGEST_WAIT)
            dead = claimed.tries >= TRIES_AT_MOST
            values = {"error": error, "next_try_at": now + wait, "dead_at": now if dead else None}
        # Only while the claim is still ours: another process may have taken over after the lease.
        still = delivery.update().where(*_is(claimed), delivery.c.tries == claimed.tries).values(values)
        with self.store.write() as tx:
            tx.execute(still)
            if row.confidential and "next_try_at" not in values:
                self._erase(tx, notice.c.id == row.id)
        if not error:
            return replace(done, sent=done.sent + 1)
        return replace(done, dead=done.dead + 1) if values["dead_at"] else replace(done, failed=done.failed + 1)


def _is(row: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return delivery.c.notice_id == row.notice_id, delivery.c.notifier == row.notifier


def _notice_of(row: Any) -> Notice:
    return Notice(row.key, row.subject, row.text, tuple(row.to), row.severity, row.facts)


def _as_sent(row: Any) -> Notice:
    """The notice with what happened meanwhile, and with its id."""
    found = _notice_of(row)
    text = found.text if row.count == 1 else f"{found.text}\n\nThis happened {row.count} times."
    return replace(found, text=text, facts={**found.facts, "notice_id": row.id, "count": row.count})


def _queued(row: Any, states: list[Any]) -> Queued:
    sent = tuple(state.notifier for state in states if state.sent_at is not None)
    dead = tuple(state.notifier for state in states if state.dead_at is not None)
    shown = replace(_notice_of(row), text=GONE) if row.confidential else _notice_of(row)
    return Queued(row.id, shown, row.count, row.created_at, row.repeated_at, sent, dead)
