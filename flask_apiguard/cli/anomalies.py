"""``anomalies``: what the monitor found unusual, looked at by somebody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import click

from ..clients import registry
from ..errors import Missing
from ..monitor import Anomaly, AnomalyState
from ..people import Act, may
from .common import Desk, command, lines, moment, reasoned

PAGE = 200
COLUMNS = ("anomaly", "client", "kind", "severity", "score", "state", "raised", "said")


@click.group()
def anomalies() -> None:
    """What was found unusual: list, show, close, mute."""


@command(anomalies, "list")
@click.option("--client", "client_id", help="Only this client's.")
@click.option("--state", type=click.Choice([one.value for one in AnomalyState]), help="Only those in this state.")
@click.option("--all", "closed_too", is_flag=True, help="Those that were closed too.")
def list_(desk: Desk, client_id: str | None, state: str | None, closed_too: bool) -> None:
    """List what somebody has to look at, the newest first."""
    if client_id is not None:
        with desk.house.store.read() as conn:
            desk.demand(Act.MONITOR_USAGE_READ, registry.owner_of(conn, client_id=registry.client(conn, client_id).id))
    wanted = None if state is None else AnomalyState(state)
    found = [
        _row(one) for one in every_anomaly(desk, client_id, wanted)
        if closed_too or state or one.state is not AnomalyState.CLOSED
    ]  # fmt: skip
    desk.rows(found, COLUMNS, "Nothing unusual.")


def every_anomaly(desk: Desk, client_id: str | None = None, state: AnomalyState | None = None) -> Iterator[Anomaly]:
    """All that the actor may see, the newest first."""
    allowed: dict[str, bool] = {}
    before = None
    while True:
        page = desk.house.monitor.anomalies(client_id=client_id, state=state, limit=PAGE, before=before)
        for one in page:
            if one.client_id not in allowed:
                with desk.house.store.read() as conn:
                    owner = registry.owner_of(conn, client_id=one.client_id)
                allowed[one.client_id] = may(desk.by, Act.MONITOR_USAGE_READ, owner)
            if allowed[one.client_id]:
                yield one
        if len(page) < PAGE:
            return
        before = page[-1].id


@command(anomalies, "show")
@click.argument("anomaly_id", metavar="ANOMALY")
def show(desk: Desk, anomaly_id: str) -> None:
    """Show one anomaly with its sentences and the calls that it rests on."""
    with desk.house.store.read() as conn:
        found = _of(desk, conn, anomaly_id, Act.MONITOR_USAGE_READ)
    told = {**_row(found), "sentences": found.sentences, "evidence": found.evidence}
    text = [lines(_row(found)), *found.sentences, *(lines(one) for one in found.evidence)]
    desk.answer(told, lambda: "\n\n".join(text))


def _of(desk: Desk, source: Any, anomaly_id: str, act: Act) -> Anomaly:
    """The anomaly, for an actor who may.

    :raises Missing: there is none.
    """
    found = desk.house.monitor.anomaly(source, anomaly_id)
    if found is None:
        raise Missing("There is no such anomaly.")
    desk.demand(act, registry.owner_of(source, client_id=found.client_id))
    return found


@command(anomalies, "close")
@click.argument("anomaly_id", metavar="ANOMALY")
@reasoned
def close(desk: Desk, anomaly_id: str, reason: str) -> None:
    """Say that somebody looked: the calls from before do not raise it again."""
    with desk.house.store.write() as tx:
        _of(desk, tx, anomaly_id, Act.MONITOR_ANOMALY_HANDLE)
        found = desk.house.monitor.close(tx, desk.by, anomaly_id, reason)
    desk.facts(_row(found))


@command(anomalies, "mute")
@click.argument("anomaly_id", metavar="ANOMALY")
@click.option("--until", type=moment, metavar="DATE", required=True, help="Until when; ninety days ahead at most.")
@reasoned
def mute(desk: Desk, anomaly_id: str, until: dt.datetime, reason: str) -> None:
    """Do not raise this kind for this client until a date."""
    with desk.house.store.write() as tx:
        _of(desk, tx, anomaly_id, Act.MONITOR_ANOMALY_HANDLE)
        found = desk.house.monitor.mute(tx, desk.by, anomaly_id, until, reason)
    desk.facts(_row(found))


def _row(one: Anomaly) -> dict[str, Any]:
    return {
        "anomaly": one.id, "client": one.client_id, "kind": one.kind, "severity": one.severity, "score": one.score,
        "state": one.state, "raised": one.raised_at, "seen": one.seen_at, "muted_until": one.muted_until,
        "closed": one.closed_at, "said": one.sentences[0] if one.sentences else "",
    }  # fmt: skip
