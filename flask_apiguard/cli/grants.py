"""``grants``: which scopes an application holds, given and ended outside a review."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from ..access import Grant, grants_of
from ..clients import registry
from ..db import Transaction
from ..people import Act
from ..values import Environment
from .common import Desk, command, moment, reasoned
from .keys import ENVIRONMENTS

COLUMNS = ("scope", "environment", "since", "until", "review")


@click.group()
def grants() -> None:
    """Scopes that applications hold: list, give, end."""


@command(grants, "list")
@click.argument("application_id", metavar="APPLICATION")
def list_(desk: Desk, application_id: str) -> None:
    """List which scopes an application holds where, since when, until when, by which review."""
    with desk.house.store.read() as conn:
        found = desk.application(conn, application_id)
        held = grants_of(conn, found.id)
    desk.rows([_row(one) for one in held], COLUMNS, "It holds no scope.")


@command(grants, "give")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("environment", type=click.Choice(ENVIRONMENTS))
@click.argument("scopes", metavar="SCOPE...", nargs=-1, required=True)
@click.option("--until", type=moment, metavar="DATE", help="Until when; by default without end.")
@reasoned
def give(
    desk: Desk, application_id: str, environment: str, scopes: tuple[str, ...], until: dt.datetime | None, reason: str
) -> None:
    """Give scopes outside a review, or another end to what is held. People give those of low risk, no others."""
    with desk.house.store.write() as tx:
        _demand(desk, tx, application_id)
        given = desk.house.onboarding.give_scopes(
            tx, desk.by, application_id, Environment(environment), scopes, until=until, reason=reason
        )
    desk.rows([_row(one) for one in given], COLUMNS)


@command(grants, "end")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("environment", type=click.Choice(ENVIRONMENTS))
@click.argument("scopes", metavar="SCOPE...", nargs=-1, required=True)
@reasoned
def end(desk: Desk, application_id: str, environment: str, scopes: tuple[str, ...], reason: str) -> None:
    """End scopes of an application: they open nothing from the next request on."""
    with desk.house.store.write() as tx:
        _demand(desk, tx, application_id)
        ended = desk.house.onboarding.end_scopes(tx, desk.by, application_id, Environment(environment), scopes, reason)
    desk.rows([_row(one) for one in ended], COLUMNS, "It held none of these.")


def _demand(desk: Desk, tx: Transaction, application_id: str) -> None:
    desk.demand(Act.ACCESS_GRANT_WRITE, registry.application(tx, application_id).organization_id)


def _row(one: Grant) -> dict[str, Any]:
    return {
        "id": one.id, "application": one.application_id, "environment": one.environment, "scope": one.scope,
        "since": one.since, "until": one.until, "review": one.review_id,
    }  # fmt: skip
