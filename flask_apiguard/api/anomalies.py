"""Anomalies: listed, closed, muted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from marshmallow import fields

from ..clients import registry
from ..clients.tables import application as application_table
from ..clients.tables import client as client_table
from ..errors import Invalid, Missing
from ..monitor import Anomaly, AnomalyState
from ..monitor.anomalies import anomaly_of
from ..monitor.tables import anomaly as anomaly_table
from ..people import Act, demand
from ..values import Flaw
from .call import Answer, Call, Next
from .fields import Choice, Id, In, Moment, PageIn, Prose, ReasonIn, Resource
from .lookups import owner_of
from .paging import no_cursor
from .table import Table

table = Table("anomalies")


class FilterIn(PageIn):
    client_id = Id()
    state = Choice(*(state.value for state in AnomalyState))


class MuteIn(In):
    until = Moment(required=True)
    reason = Prose(1, 2000, required=True)


class AnomalyOut(Resource):
    id = fields.String()
    client_id = fields.String()
    kind = fields.String()
    score = fields.Integer()
    severity = fields.String()
    sentences = fields.List(fields.String())
    evidence = fields.List(fields.Dict())
    raised_at = Moment()
    seen_at = Moment()
    state = fields.String()
    muted_until = Moment(allow_none=True)
    closed_at = Moment(allow_none=True)


@table.get("/anomalies", "Anomalies, newest first", query=FilterIn, out=AnomalyOut, many=True,
           act=Act.MONITOR_USAGE_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    query = call.query
    limit, state = query["limit"], query.get("state")
    if "cursor" in query and not query["cursor"].startswith("ano_"):
        raise no_cursor()
    wanted = _mine(call)
    chosen = sa.select(anomaly_table).where(*wanted).order_by(anomaly_table.c.id.desc()).limit(limit + 1)
    chosen = chosen if state is None else chosen.where(anomaly_table.c.state == state)
    chosen = chosen if "cursor" not in query else chosen.where(anomaly_table.c.id < query["cursor"])
    with call.read() as conn:
        found = [anomaly_of(row) for row in conn.execute(chosen)]
    return Answer(found[:limit], cursor=found[limit - 1].id if len(found) > limit else None)


def _mine(call: Call) -> list[sa.ColumnElement[bool]]:
    """Which anomalies this actor sees: those of its organizations' clients, or all."""
    mine = call.organizations(Act.MONITOR_USAGE_READ)
    if "client_id" in call.query:
        with call.read() as conn:
            owner = registry.application(conn, registry.client(conn, call.query["client_id"]).application_id)
        demand(call.by, Act.MONITOR_USAGE_READ, owner.organization_id)
        return [anomaly_table.c.client_id == call.query["client_id"]]
    if mine is None:
        return []
    if not mine:
        raise Invalid([Flaw("/client_id", "You sit in no organization.", "query")])
    clients = sa.select(client_table.c.id).join(
        application_table, application_table.c.id == client_table.c.application_id
    )
    return [anomaly_table.c.client_id.in_(clients.where(application_table.c.organization_id.in_(mine)))]


@table.get("/anomalies/<anomaly_id>", "An anomaly", out=AnomalyOut, act=Act.MONITOR_USAGE_READ)
def read(call: Call) -> Answer:
    with call.read() as conn:
        found, owner = _of(call, conn, Act.MONITOR_USAGE_READ)
    return Answer(found, _next(call, found, owner))


@table.post("/anomalies/<anomaly_id>/closing", "Close an anomaly: somebody looked", body=ReasonIn, out=AnomalyOut,
            act=Act.MONITOR_ANOMALY_HANDLE)  # fmt: skip
def close(call: Call) -> Answer:
    with call.write() as tx:
        found, owner = _of(call, tx, Act.MONITOR_ANOMALY_HANDLE)
        found = call.house.monitor.close(tx, call.by, found.id, call.body["reason"])
    return Answer(found, _next(call, found, owner))


@table.post("/anomalies/<anomaly_id>/muting", "Do not raise this kind for this client until then", body=MuteIn,
            out=AnomalyOut, act=Act.MONITOR_ANOMALY_HANDLE)  # fmt: skip
def mute(call: Call) -> Answer:
    with call.write() as tx:
        found, owner = _of(call, tx, Act.MONITOR_ANOMALY_HANDLE)
        found = call.house.monitor.mute(tx, call.by, found.id, call.body["until"], call.body["reason"])
    return Answer(found, _next(call, found, owner))


def _of(call: Call, source: Any, act: Act) -> tuple[Anomaly, str]:
    found = call.house.monitor.anomaly(source, call.path["anomaly_id"])
    if found is None:
        raise Missing
    return found, owner_of(call, source, found.client_id, act).organization_id


def _next(call: Call, found: Anomaly, owner_id: str) -> list[Next]:
    follow = [call.next("client", "GET", "/clients/<id>", "See whose calls they were.", id=found.client_id)]
    if found.state is not AnomalyState.CLOSED and call.may(Act.MONITOR_ANOMALY_HANDLE, owner_id):
        follow.append(call.next("close", "POST", "/anomalies/<id>/closing", "Somebody looked.", id=found.id))
        follow.append(call.next("mute", "POST", "/anomalies/<id>/muting", "It is known; be quiet.", id=found.id))
    if call.may(Act.CLIENTS_CLIENT_SUSPEND, owner_id):
        why = "Stop the client from its next request on."
        follow.append(call.next("suspend", "POST", "/clients/<id>/suspension", why, id=found.client_id))
    return follow
