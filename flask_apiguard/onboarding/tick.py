"""What time brings, said aloud: stale reviews, what is about to expire, confirmations due, and what silence takes.

Nothing is unsafe while this does not run: grants, keys and reviews end by their own dates. It announces, writes down,
and stops clients whose last step has come. Running it again says nothing twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from ..clients import Application, registry
from ..clients.tables import application as application_table
from ..clients.tables import client as client_table
from ..contracts import Notice
from ..credentials.tables import credential as credential_table
from ..crypto import new_id
from ..db import Transaction
from ..ledger import enter
from ..values import SYSTEM, Happening, Standing, State
from . import asking, graduation, lease, records, sitters, standing, tables
from .certification import Certified, certification_of
from .desk import Desk, Ending
from .records import LIVE

LEASE, SPAN = "tick", dt.timedelta(minutes=10)
DAYS_AHEAD = (1, 7, 14, 30)
KEPT = dt.timedelta(days=400)


def tick(desk: Desk, now: dt.datetime) -> list[str]:
    """Do what is due at ``now``; a sentence for each. Empty while another process is at it."""
    holder = new_id("tik")
    if not lease.take(desk.store, LEASE, holder, SPAN, now):
        return []
    said: list[str] = []
    try:
        for work in (_stale_reviews, _expiring, _certification, _graduation):
            said.extend(work(desk, now))
        with desk.store.write() as tx:
            tx.execute(tables.announced.delete().where(tables.announced.c.at < now - KEPT))
    finally:
        lease.release(desk.store, LEASE, holder, now)
    return said


def _once(desk: Desk, key: str, act: Callable[[Transaction], str]) -> Iterator[str]:
    """Act and remember that it was done, in one transaction of its own; nothing when it was done before."""
    table = tables.announced
    with desk.store.write() as tx:
        if tx.execute(sa.select(table.c.key).where(table.c.key == key)).first() is not None:
            return
        tx.execute(table.insert().values(key=key, at=tx.now))
        said = act(tx)
    yield said


def _stale_reviews(desk: Desk, now: dt.datetime) -> Iterator[str]:
    table = tables.review
    with desk.store.read() as conn:
        stale = conn.execute(sa.select(table.c.id).where(table.c.state.in_(LIVE), table.c.deadline <= now))
        ids = stale.scalars().all()
    for review_id in ids:
        with desk.store.write() as tx:
            found = records.get(tx, review_id, now)
            ended = asking.expire(tx, found)
            if ended:
                to = sitters.owners_addresses(tx, found.organization_id, now)
                if to:
                    text = "Nobody spoke in time, so your request closed itself. You may ask again.\n"
                    desk.notify(tx, Notice(f"expired:{review_id}", "Your request has lapsed", text, to))
        if ended:
            yield f"The review {review_id} closed itself."


def _expiring(desk: Desk, now: dt.datetime) -> Iterator[str]:
    """What proves a client, 30, 14, 7 and 1 days before its end; what has a successor is left in peace."""
    until = now + dt.timedelta(days=DAYS_AHEAD[-1])
    with desk.store.read() as conn:
        found = [*_credentials(conn, now, until), *desk.expiring(conn, now, until)]
    for one in sorted(found, key=lambda one: one.ends_at):
        days = next(mark for mark in DAYS_AHEAD if one.ends_at <= now + dt.timedelta(days=mark))

        def announce(tx: Transaction, one: Ending = one, days: int = days) -> str:
            owner = registry.application(tx, one.application_id)
            text = f"{one.title} of {owner.name} ends on {one.ends_at:%Y-%m-%d}. {one.fix}\n"
            _tell(tx, desk, owner, f"expiry:{one.id}:{days}", f"A {one.noun} is about to expire", text)
            return f"The {one.noun} {one.id} ends within {days} days."

        yield from _once(desk, f"expiry:{one.id}:{one.ends_at:%Y%m%d}:{days}", announce)


def _credentials(conn: sa.Connection, now: dt.datetime, until: dt.datetime) -> Iterator[Ending]:
    c, successor = credential_table, credential_table.alias("successor")
    query = (
        sa.select(c.c.id, c.c.name, c.c.expires_at, client_table.c.application_id)
        .join(client_table, client_table.c.id == c.c.client_id)
        .where(c.c.revoked_at.is_(None), c.c.rotated_at.is_(None), c.c.expires_at > now, c.c.expires_at <= until)
        .where(~sa.exists().where(successor.c.replaces_id == c.c.id, successor.c.revoked_at.is_(None)))
    )
    for row in conn.execute(query):
        title = f"{row.name} ({row.id})"
        yield Ending("credential", row.id, title, row.application_id, row.expires_at, "Rotate it before.")


def _certification(desk: Desk, now: dt.datetime) -> Iterator[str]:
    table = application_table
    query = sa.select(table.c.id).where(
        table.c.state == State.PRODUCTION, table.c.recertify_at <= now + desk.certification.ahead
    )
    with desk.store.read() as conn:
        ids = conn.execute(query.order_by(table.c.recertify_at)).scalars().all()
    for application_id in ids:
        with desk.store.read() as conn:
            application = registry.application(conn, application_id)
        step, following = certification_of(application, now, desk.certification)
        if step is Certified.CURRENT or application.recertify_at is None:
            continue

        def announce(
            tx: Transaction,
            application: Application = application,
            step: Certified = step,
            following: dt.datetime | None = following,
        ) -> str:
            return _step(tx, desk, application, step, following)

        yield from _once(desk, f"certification:{application_id}:{application.recertify_at:%Y%m%d}:{step}", announce)


def _step(tx: Transaction, desk: Desk, application: Application, step: Certified, following: dt.datetime | None) -> str:
    """One step of silence: announced, and, where it takes something, on record."""
    text = f"{application.name} is {step} for its yearly look: confirm what it still needs.\n"
    if following is not None:
        text += f"The next step comes on {following:%Y-%m-%d}.\n"
    _tell(tx, desk, application, f"certification:{application.id}:{step}", "Confirm your application", text)
    if step in (Certified.REDUCED, Certified.SUSPENDED):
        enter(
            tx, SYSTEM, Happening.ONBOARDING_RECERTIFICATION_LAPSED, f"application:{application.id}",
            after={"step": step.value}, reason="Nobody confirmed in time.", organization=application.organization_id,
        )  # fmt: skip
    if step is Certified.SUSPENDED:
        for client in registry.clients_of(tx, application.id):
            if client.standing is Standing.ACTIVE and client.environment == "production":
                standing.stop(tx, SYSTEM, client.id, "Nobody confirmed in time.", standing.BY_SILENCE)
    return f"The application {application.id} is {step}."


def _graduation(desk: Desk, _: dt.datetime) -> Iterator[str]:
    """Keep what sandbox calls have shown before the calls themselves are forgotten."""
    table = application_table
    query = sa.select(table.c.id).where(table.c.state == State.SANDBOX).order_by(table.c.id)
    with desk.store.read() as conn:
        ids = conn.execute(query).scalars().all()
    for application_id in ids:
        with desk.store.read() as conn:
            application = registry.application(conn, application_id)
            fresh = graduation.fresh(conn, desk, application)
        if fresh:
            with desk.store.write() as tx:
                new = graduation.keep(tx, SYSTEM, application, fresh)
            if new:
                yield f"The application {application_id} has shown {', '.join(new)}."


def _tell(tx: Transaction, desk: Desk, application: Application, key: str, subject: str, text: str) -> None:
    to = set(sitters.owners_addresses(tx, application.organization_id, tx.now))
    if application.contact_email and application.contact_proved_at is not None:
        to.add(application.contact_email)
    if not to:
        to = set(sitters.judges_addresses(tx, tx.now))  # an invited application may have nobody of its own
    desk.notify(tx, Notice(key, subject, text, tuple(sorted(to)), facts={"application": application.id}))
