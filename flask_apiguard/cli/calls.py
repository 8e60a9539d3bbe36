"""``calls``: what was called, how it ended, and why it was refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from ..clients import registry
from ..events import Page
from ..people import Act
from ..values import Environment, Mode
from .common import Desk, Refused, command, moment

AT_MOST = 1000
COLUMNS = ("time", "method", "path", "status", "reason", "client", "id")


@click.group()
def calls() -> None:
    """API calls as they were recorded."""


@command(calls, "list")
@click.option("--client", "client_id", help="Only this client's.")
@click.option("--application", "application_id", help="Only this application's.")
@click.option("--environment", type=click.Choice([one.value for one in Environment]), help="Only those there.")
@click.option("--since", type=moment, metavar="DATE", help="Only those from then on.")
@click.option("--until", type=moment, metavar="DATE", help="Only those before then.")
@click.option("--status-class", type=click.IntRange(1, 5), help="Only those answered so: 4 is 400 to 499.")
@click.option("--reason", metavar="REASON", help="Only for this reason, such as gate:scope:missing.")
@click.option("--mode", type=click.Choice([one.value for one in Mode]), help="Only while the gate did this.")
@click.option("--allowed/--refused", default=None, help="By what was decided, also where the gate only observed.")
@click.option("--limit", type=click.IntRange(1, AT_MOST), default=50, show_default=True, help="How many.")
@click.option("--cursor", help="The next ones: from the cursor of a JSON answer.")
def list_(
    desk: Desk, client_id: str | None, application_id: str | None, since: dt.datetime | None, until: dt.datetime | None,
    cursor: str | None, limit: int, **narrowing: Any,
) -> None:  # fmt: skip
    """List calls, newest first. What would have been refused while observing: --mode observe --refused."""
    _demand(desk, client_id, application_id)
    narrowing |= {"client": client_id, "application": application_id, "since": since, "until": until}
    try:
        found = _all_the_way(desk, cursor, limit, narrowing)
    except ValueError:
        raise Refused("This is not a cursor that an answer gave.", "Leave --cursor out to begin.", 2) from None
    if desk.as_json:
        desk.answer({"items": found.events, "cursor": found.cursor}, "")
    else:
        desk.rows(found.events, COLUMNS, "No calls.")


def _all_the_way(desk: Desk, cursor: str | None, limit: int, narrowing: dict[str, Any]) -> Page:
    """Pages that hold fewer than were asked for are followed to the end: a command has time.

    :raises ValueError: the cursor is none of ours.
    """
    events: list[dict[str, Any]] = []
    while True:
        page = desk.house.recorder.query.calls(cursor=cursor, limit=limit - len(events), **narrowing)
        events, cursor = events + page.events, page.cursor
        if cursor is None or len(events) >= limit:
            return Page(events, cursor)


def _demand(desk: Desk, client_id: str | None, application_id: str | None) -> None:
    """Everybody sees the calls of their own; who sees all of them need not say whose.

    :raises Missing: somebody else's, or nobody's. :raises Forbidden: it isn't said whose.
    """
    with desk.house.store.read() as conn:
        named = [] if application_id is None else [application_id]
        named += [] if client_id is None else [registry.client(conn, client_id).application_id]
        for one in named:
            desk.demand(Act.EVENTS_EVENT_READ, registry.application(conn, one).organization_id)
    if not named:
        desk.demand(Act.EVENTS_EVENT_READ)
