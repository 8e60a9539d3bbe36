"""Anomalies: raised once, shown until somebody closes them or mutes their kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ..clients import registry
from ..contracts import Notice
from ..crypto import new_id
from ..db import Store, Transaction
from ..errors import Conflict, Invalid, Missing
from ..ledger import enter
from ..notices import notify
from ..values import SYSTEM, By, Flaw, Happening
from .tables import anomaly, monitoring

#: An open anomaly that was not seen for this long is over; what comes then is a new one.
OVER = dt.timedelta(hours=1)
MUTE_AT_MOST = dt.timedelta(days=90)


class AnomalyState(StrEnum):
    """Whether somebody still has to look."""

    CLOSED = "closed"
    MUTED = "muted"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector found about one client. ``score`` is 0 to 100, ``severity`` ``warning`` or ``critical``."""

    kind: str
    score: int
    severity: str
    sentences: tuple[str, str, str]
    evidence: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A finding on record."""

    id: str
    client_id: str
    kind: str
    score: int
    severity: str
    sentences: tuple[str, ...]
    evidence: tuple[Mapping[str, Any], ...]
    raised_at: dt.datetime
    seen_at: dt.datetime
    state: AnomalyState
    muted_until: dt.datetime | None
    closed_at: dt.datetime | None


def quiet_until(tx_or_conn: Any, client_id: str, kind: str, now: dt.datetime) -> dt.datetime | None:
    """Calls before this moment are no news any more: an anomaly of them was closed. None when there was none;
    ``datetime.max`` while the kind is muted."""
    query = sa.select(sa.func.max(anomaly.c.closed_at), sa.func.max(anomaly.c.muted_until))
    closed, muted = tx_or_conn.execute(query.where(anomaly.c.client_id == client_id, anomaly.c.kind == kind)).one()
    if muted is not None and muted > now:
        return dt.datetime.max.replace(tzinfo=dt.UTC)
    return None if closed is None else closed


def put(tx: Transaction, client_id: str, finding: Finding, to: tuple[str, ...]) -> Anomaly | None:
    """Raise an anomaly with its entry and its notice; None when the same one is open already, which is seen again."""
    # One at a time for each client: two processes may have found the same.
    tx.execute(sa.select(monitoring.c.since).where(monitoring.c.client_id == client_id).with_for_update())
    same = (anomaly.c.client_id == client_id, anomaly.c.kind == finding.kind)
    if quiet_until(tx, client_id, finding.kind, tx.now) == dt.datetime.max.replace(tzinfo=dt.UTC):
        return None
    going_on = (anomaly.c.state == AnomalyState.OPEN, anomaly.c.seen_at > tx.now - OVER)
    score = sa.case((anomaly.c.score < finding.score, finding.score), else_=anomaly.c.score)
    seen = tx.execute(anomaly.update().where(*same, *going_on).values(seen_at=tx.now, score=score))
    if seen.rowcount:
        return None
    raised_id = new_id("ano")
    row = {
        "id": raised_id,
        "client_id": client_id,
        "kind": finding.kind,
        "score": finding.score,
        "severity": finding.severity,
        "sentences": list(finding.sentences),
        "evidence": [dict(one) for one in finding.evidence],
        "raised_at": tx.now,
        "seen_at": tx.now,
        "state": AnomalyState.OPEN,
    }
    tx.execute(anomaly.insert().values(row))
    told = {"anomaly": raised_id, "client": client_id, "kind": finding.kind, "score": finding.score}
    enter(
        tx, SYSTEM, Happening.MONITOR_ANOMALY_RAISED, f"client:{client_id}",
        evidence={**told, "severity": finding.severity, "calls": [one["id"] for one in finding.evidence]},
        reason=finding.sentences[0], organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip
    whose, which = _named(tx, client_id)
    text = "\n\n".join((which, *finding.sentences))
    key = f"anomaly:{finding.kind}:{client_id}"
    notify(tx, Notice(key, f"{whose}: {finding.kind.replace('_', ' ')}", text, to, finding.severity, told))
    return anomaly_of(tx.execute(sa.select(anomaly).where(anomaly.c.id == raised_id)).one())


def _named(tx: Transaction, client_id: str) -> tuple[str, str]:
    """Whose client it is, for a subject, and which one, for the text; people know names, not ids."""
    try:
        found = registry.client(tx, client_id)
    except Missing:
        return f"Client {client_id}", f"This is about client {client_id}."
    application = registry.application(tx, found.application_id)
    owner = registry.organization(tx, application.organization_id)
    whose = f"{application.name} of {owner.name}"
    return f"{whose} ({found.environment})", f"This is about {whose}: its {found.environment} client, {client_id}."


def listed(
    store: Store,
    *,
    client_id: str | None = None,
    state: AnomalyState | None = None,
    limit: int = 50,
    before: str | None = None,
) -> tuple[Anomaly, ...]:
    """Anomalies, the newest first; ``before`` is the id of the last one seen."""
    query = sa.select(anomaly).order_by(anomaly.c.id.desc()).limit(max(1, min(limit, 500)))
    query = query if client_id is None else query.where(anomaly.c.client_id == client_id)
    query = query if state is None else query.where(anomaly.c.state == state)
    query = query if before is None else query.where(anomaly.c.id < before)
    with store.read() as conn:
        return tuple(anomaly_of(row) for row in conn.execute(query))


def find(source: Transaction | sa.Connection, anomaly_id: str) -> Anomaly | None:
    """One of them, by its id."""
    row = source.execute(sa.select(anomaly).where(anomaly.c.id == anomaly_id)).one_or_none()
    return None if row is None else anomaly_of(row)


def close(tx: Transaction, by: By, anomaly_id: str, reason: str) -> Anomaly:
    """Somebody looked. Calls from before do not raise it again.

    :raises Missing: there is no such anomaly.
    :raises Conflict: it is closed already.
    """
    found = _open(tx, anomaly_id, reason)
    return _decide(tx, by, found, Happening.MONITOR_ANOMALY_CLOSED, reason, state=AnomalyState.CLOSED, closed_at=tx.now)


def mute(tx: Transaction, by: By, anomaly_id: str, until: dt.datetime, reason: str) -> Anomaly:
    """Do not raise this kind for this client until then, ninety days at most.

    :raises Missing: there is no such anomaly.
    :raises Conflict: it is closed already.
    :raises Invalid: the end is in the past or too far away.
    """
    found = _open(tx, anomaly_id, reason)
    if not tx.now < until <= tx.now + MUTE_AT_MOST:
        raise Invalid([Flaw("/until", "This must lie in the future, ninety days ahead at most.")])
    return _decide(tx, by, found, Happening.MONITOR_ANOMALY_MUTED, reason, state=AnomalyState.MUTED, muted_until=until)


def _open(tx: Transaction, anomaly_id: str, reason: str) -> Anomaly:
    if not reason.strip():
        raise Invalid([Flaw("/reason", "Say why, in one sentence.")])
    row = tx.execute(sa.select(anomaly).where(anomaly.c.id == anomaly_id).with_for_update()).one_or_none()
    if row is None:
        raise Missing("There is no such anomaly.")
    if row.state == AnomalyState.CLOSED:
        raise Conflict("This anomaly is closed already.", "Nothing is left to do.")
    return anomaly_of(row)


def _decide(tx: Transaction, by: By, found: Anomaly, happening: Happening, reason: str, **values: Any) -> Anomaly:
    if "closed_at" in values:
        values["muted_until"] = None
    tx.execute(anomaly.update().where(anomaly.c.id == found.id).values(values))
    after = anomaly_of(tx.execute(sa.select(anomaly).where(anomaly.c.id == found.id)).one())
    shown = {"state": found.state, "muted_until": found.muted_until}
    enter(
        tx, by, happening, f"client:{found.client_id}", before=shown,
        after={"state": after.state, "muted_until": after.muted_until},
        evidence={"anomaly": found.id, "kind": found.kind}, reason=reason,
        organization=registry.owner_of(tx, client_id=found.client_id),
    )  # fmt: skip
    return after


def anomaly_of(row: Any) -> Anomaly:
    """A row as a value."""
    return Anomaly(
        id=row.id,
        client_id=row.client_id,
        kind=row.kind,
        score=row.score,
        severity=row.severity,
        sentences=tuple(row.sentences),
        evidence=tuple(row.evidence),
        raised_at=row.raised_at,
        seen_at=row.seen_at,
        state=AnomalyState(row.state),
        muted_until=row.muted_until,
        closed_at=row.closed_at,
    )
