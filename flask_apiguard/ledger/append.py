"""Appending: entries are queued while a transaction works and written as its last statement."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from ..db import Store, Transaction, insert_into
from ..errors import Forbidden, Missing, Problem
from ..values import By, Happening
from . import canonical as c
from .entry import Entry, entry_of
from .tables import head, ledger, personal

#: After the change log, last of all.
FLUSH_ORDER = 100
HEAD = 1
_QUEUE = "ledger"
_listeners: WeakKeyDictionary[Store, Callable[[Entry], None]] = WeakKeyDictionary()


@dataclass
class _Queue:
    """What one transaction is about to append."""

    waiting: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class _Rows:
    """The same as rows, in order."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    personal: list[dict[str, Any]] = field(default_factory=list)


def enter(
    tx: Transaction,
    by: By,
    happening: Happening,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | None = None,
    reason: str = "",
    personal: Mapping[str, str] | None = None,
    organization: str | None = None,
) -> None:
    """Queue one entry; it is written when the transaction commits, in the order of the calls, or not at all.

    ``subject`` is ``kind:id``. ``personal`` holds names, e-mail addresses and the like about the subject: they stand
    beside the chain and can be erased, so nothing of the kind belongs into the other arguments. The actor's own name
    and address are kept that way by themselves. ``organization`` is whose entry it is, the actor's own by default.

    :raises TypeError: a value that has no canonical form.
    """
    subject = c.clean(subject, 160)
    whose = organization if organization is not None else by.organization_id
    entry = {
        "v": c.VERSION, "at": c.moment(tx.now), "happening": str(happening),
        "actor": {"kind": str(by.kind), "id": c.clean(by.id, 160)},
        "organization_id": None if whose is None else c.clean(whose, 64), "subject": subject,
        "before": c.plain(before), "after": c.plain(after), "evidence": c.plain(evidence), "reason": c.clean(reason),
        "request_id": c.clean(by.request_id, 160),
    }  # fmt: skip
    queue_of(tx).waiting.append({"owned": _owned(by, subject, personal or {}), "entry": entry})


def _owned(by: By, subject: str, personal: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What stands beside the chain: whose it is, its name, its value."""
    actor = f"{by.kind}:{c.clean(by.id, 160)}"
    private = [(actor, "actor.name", by.name), (actor, "actor.address", by.address)]
    private += [(subject, name, value) for name, value in personal.items()]
    return [(owner, c.clean(name, 200), c.clean(value)) for owner, name, value in private if value]


def enter_refused(
    tx: Transaction,
    by: By,
    happening: Happening,
    subject: str,
    error: Problem,
    *,
    organization: str | None = None,
    **tried: str | None,
) -> None:
    """Queue the entry of an attempt that was refused. ``tried`` says what was tried; the refusal says the rest.

    Whose entry it is: ``organization``, or what a :class:`Forbidden` says; never that of somebody to whom the
    thing is missing, because strangers write into nobody's ledger.
    """
    whose = organization or (error.whose if isinstance(error, Forbidden) else None)
    told = {"code": str(error.decision.reason), "detail": error.decision.detail}
    stranger = isinstance(error, Missing)
    enter(tx, by, happening, subject, after=tried, evidence=told, organization=None if stranger else whose)


def queue_of(tx: Transaction) -> _Queue:
    """The transaction's queue; asking for it makes sure that it will be written."""
    queue: _Queue | None = tx.notes.get(_QUEUE)
    if queue is None:
        queue = tx.notes[_QUEUE] = _Queue()
        tx.before_commit(FLUSH_ORDER, lambda: _last_of_all(tx))
    return queue


def _last_of_all(tx: Transaction) -> None:
    if queue_of(tx).waiting:
        flush(tx)


def listen(store: Store, appended: Callable[[Entry], None]) -> None:
    """Call ``appended`` with every entry that this process commits to the store."""
    _listeners[store] = appended


def flush(tx: Transaction) -> tuple[int, str]:
    """Write what is queued now. Holds the head until the transaction ends. Returns the head: seq and chain."""
    queue = queue_of(tx)
    seq, chain = _take_head(tx)
    if not queue.waiting:
        return seq, chain
    rows = _Rows()
    for waiting in queue.waiting:
        seq += 1
        chain = _add(tx, rows, waiting, seq, chain)
    queue.waiting = []
    if rows.personal:
        tx.execute(personal.insert(), rows.personal)
    tx.execute(ledger.insert(), rows.entries)
    tx.execute(head.update().where(head.c.id == HEAD).values(seq=seq, chain=chain))
    appended = _listeners.get(tx.store)
    if appended is not None:
        tx.after_commit(lambda: _tell(appended, rows))
    return seq, chain


def _add(tx: Transaction, rows: _Rows, waiting: Mapping[str, Any], seq: int, chain: str) -> str:
    seals: dict[str, str] = {}
    for owner, name, value in waiting["owned"]:
        salt = secrets.token_hex(16)
        seals[name] = c.seal(salt, value)
        rows.personal.append({"seq": seq, "field": name, "owner": owner, "value": value, "salt": salt})
    entry = {**waiting["entry"], "seq": seq, "personal": seals}
    text = c.canonical(entry)
    leaf = c.leaf_of(text)
    chain = c.link(chain, leaf)
    rows.entries.append(
        {
            "seq": seq,
            "at": tx.now,
            "happening": entry["happening"],
            "actor_kind": entry["actor"]["kind"],
            "actor_id": entry["actor"]["id"],
            "organization_id": entry["organization_id"],
            "subject": entry["subject"],
            "request_id": entry["request_id"],
            "entry": text,
            "leaf": leaf,
            "chain": chain,
        }
    )
    return chain


def _take_head(tx: Transaction) -> tuple[int, str]:
    """Stand at the end of the chain and keep others off until this transaction ends."""
    query = sa.select(head.c.seq, head.c.chain).where(head.c.id == HEAD).with_for_update()
    found = tx.execute(query).one_or_none()
    if found is None:
        # Two first writers at once: the second waits here, then finds the row of the first.
        tx.execute(insert_into(head, tx.store.dialect).values(id=HEAD, seq=0, chain=c.GENESIS).on_conflict_do_nothing())
        found = tx.execute(query).one()
    return found.seq, found.chain


def _tell(appended: Callable[[Entry], None], rows: _Rows) -> None:
    private: dict[int, dict[str, str]] = {}
    for part in rows.personal:
        private.setdefault(part["seq"], {})[part["field"]] = part["value"]
    for row in rows.entries:
        appended(entry_of(row["entry"], row["leaf"], row["chain"], private.get(row["seq"], {})))
