"""Who sits where, as far as reviews and notices need to know. Only reads what ``people`` keeps."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..people import Seat
from ..people.tables import person, seat
from .desk import Source

JUDGES = (Seat.ADMINISTRATOR, Seat.REVIEWER)


def _seated(organization_id: str | None, seats: tuple[str, ...], now: dt.datetime) -> sa.Select[tuple[str, str]]:
    where = seat.c.organization_id.is_(None) if organization_id is None else seat.c.organization_id == organization_id
    return (
        sa.select(person.c.id, person.c.email)
        .join(seat, seat.c.person_id == person.c.id)
        .where(where, seat.c.seat.in_(seats), person.c.disabled_at.is_(None))
        .where(sa.or_(seat.c.until.is_(None), seat.c.until > now))
        .distinct()
    )


def judges(source: Source, now: dt.datetime) -> set[str]:
    """Ids of those who may decide reviews in this house now."""
    return {row.id for row in source.execute(_seated(None, JUDGES, now))}


def members(source: Source, organization_id: str, now: dt.datetime) -> set[str]:
    """Ids of those who sit in an organization now."""
    return {row.id for row in source.execute(_seated(organization_id, tuple(Seat), now))}


def owners(source: Source, organization_id: str, now: dt.datetime) -> set[str]:
    """Ids of owners who can sign in: not disabled, and their address is proved or the host knows them."""
    known = sa.or_(person.c.email_proved_at.is_not(None), person.c.host_user_id.is_not(None))
    return {row.id for row in source.execute(_seated(organization_id, (Seat.OWNER,), now).where(known))}


def proved_addresses(source: Source, organization_id: str, now: dt.datetime) -> frozenset[str]:
    """Addresses that members of an organization have proved to be theirs."""
    return frozenset(_addresses(source, _seated(organization_id, tuple(Seat), now)))


def judges_addresses(source: Source, now: dt.datetime) -> tuple[str, ...]:
    """Where reviewers are told."""
    return _addresses(source, _seated(None, JUDGES, now))


def owners_addresses(source: Source, organization_id: str, now: dt.datetime) -> tuple[str, ...]:
    """Where those who build for an organization are told."""
    return _addresses(source, _seated(organization_id, (Seat.OWNER, Seat.DEVELOPER), now))


def _addresses(source: Source, query: sa.Select[tuple[str, str]]) -> tuple[str, ...]:
    rows = source.execute(query.where(person.c.email_proved_at.is_not(None)))
    return tuple(sorted({row.email for row in rows if row.email}))
