"""Invitations: a seat offered to an address. The token goes to that address and to nobody else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..crypto import new_id
from ..db import Transaction
from ..errors import Forbidden, Missing
from ..ledger import enter
from ..values import Actor, By, Happening
from . import fields, mails
from .accounts import create, vouch
from .acts import Act, Seat, demand, may
from .desk import Desk
from .passwords import PasswordHash
from .persons import NOWHERE, Issued, Origin, person_by_id
from .seats import acting, seat_person, seats_of, the_seat
from .tables import invitation, person
from .tokens import open_session

INVITATION_SECONDS = 7 * 86400
_SPENT = "This invitation was accepted, was taken back, is too old, or was never sent."


@dataclass(frozen=True, slots=True)
class Invitation:
    """A seat offered.

    ``secret``, and ``link`` where it is used, are there for operators at a command line only: whoever has it is the
    address.
    """

    id: str
    email: str
    organization_id: str | None
    seat: str
    expires_at: dt.datetime
    by: str
    secret: str | None = field(default=None, repr=False)
    link: str | None = field(default=None, repr=False)


def invite(tx: Transaction, desk: Desk, by: By, email: object, organization_id: object, wanted: object) -> Invitation:
    """Offer a seat by mail, for seven days.

    :raises Invalid: address or seat. :raises Forbidden: the actor may not give this seat. :raises Denied: 429.
    """
    address, where = fields.email(email), fields.organization(organization_id)
    demand(by, Act.PEOPLE_INVITATION_SEND, where)
    offered = the_seat(wanted, where)
    desk.throttle.mail(by, address)
    made, ends = new_id("inv"), tx.now + dt.timedelta(seconds=INVITATION_SECONDS)
    secret, digest = desk.mint("invitation", made)
    row = {"id": made, "email": address, "organization_id": where, "seat": offered.value, "digest": digest}
    sender = f"{by.kind}:{by.id}"
    tx.execute(invitation.insert().values(**row, created_at=tx.now, expires_at=ends, by=sender))
    after = {"seat": offered.value, "organization": where, "expires_at": ends.isoformat()}
    enter(
        tx, by, Happening.PEOPLE_INVITATION_SENT, f"invitation:{made}",
        after=after, personal={"email": address}, organization=where,
    )  # fmt: skip
    mails.invite(tx, desk, address, by.name or "An operator", offered.value, secret)
    shown = (secret, mails.link(desk, "invitation", secret)) if by.kind in (Actor.OPERATOR, Actor.SYSTEM) else ()
    return Invitation(made, address, where, offered.value, ends, sender, *shown)


def accept(
    tx: Transaction, desk: Desk, secret: object, name: object, hashed: PasswordHash | None, origin: Origin
) -> Issued:
    """Take the seat: the address is proved by it, its account made when there is none, and its person signed in.

    Name and password count only for a new account or one that nobody has proved yet.

    :raises Missing: spent, taken back, too old, or its sender may not give this seat any more.
    :raises Forbidden: the person is disabled.
    """
    title = fields.line(name, "/name")
    row = _consume(tx, desk, secret)
    if not _still_meant(tx, row.by, row.organization_id):
        raise Missing(_SPENT, "Ask who invited you for a new one.")
    guest, _ = create(tx, None, origin, email=row.email, name=title)
    if guest.disabled_at is not None:
        raise Forbidden("This account is disabled.", action="Ask an administrator to enable it.")
    if guest.email_proved_at is None:
        guest = vouch(tx, guest, guest.by(origin))
        values: dict[str, Any] = {"name": title or guest.name, "password_hash": hashed.encoded if hashed else None}
        tx.execute(sa.update(person).where(person.c.id == guest.id).values(**values))
        guest = person_by_id(tx.conn, guest.id)
    by = guest.by(origin)
    enter(
        tx, by, Happening.PEOPLE_INVITATION_ACCEPTED, f"invitation:{row.id}",
        evidence={"person": guest.id, "invited_by": row.by}, organization=row.organization_id,
    )  # fmt: skip
    seat_person(tx, by, guest, row.organization_id, Seat(row.seat))
    return open_session(tx, desk, guest, "invitation", origin)


def demand_open(conn: sa.Connection, desk: Desk, secret: object) -> None:
    """Go on only with an invitation that could be accepted now; it is not.

    :raises Missing: as ``accept`` does.
    """
    if conn.execute(sa.select(invitation.c.id).where(*_open(desk, secret, desk.clock.now()))).one_or_none() is None:
        raise Missing(_SPENT, "Ask who invited you for a new one.")


def _open(desk: Desk, secret: object, now: dt.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    found, offer = desk.read(secret, "invitation"), invitation.c
    if found is None:
        raise Missing(_SPENT, "Ask who invited you for a new one.")
    return (
        offer.id == "inv_" + found[1], offer.digest == desk.digest(found[0], str(secret)),
        offer.accepted_at.is_(None), offer.withdrawn_at.is_(None), offer.expires_at > now,
    )  # fmt: skip


def _consume(tx: Transaction, desk: Desk, secret: object) -> Any:
    used = sa.update(invitation).where(*_open(desk, secret, tx.now)).values(accepted_at=tx.now).returning(invitation)
    row = tx.execute(used).one_or_none()
    if row is None:
        raise Missing(_SPENT, "Ask who invited you for a new one.")
    return row


def _still_meant(tx: Transaction, sender: str, where: str | None) -> bool:
    """Whether who invited may still do so: nobody leaves a door open behind them."""
    kind, _, sender_id = sender.partition(":")
    if kind != Actor.PERSON:
        return True
    inviter = person_by_id(tx.conn, sender_id)
    by = acting(inviter, seats_of(tx.conn, inviter.id, tx.now), where, None, NOWHERE)
    return inviter.disabled_at is None and may(by, Act.PEOPLE_INVITATION_SEND, where)


def withdraw(tx: Transaction, by: By, invitation_id: object) -> None:
    """Take an invitation back. Again is the same as once.

    :raises Missing: none that nobody accepted, or not this actor's to see.
    :raises Forbidden: the actor's seat is not enough.
    """
    fitting = sa.and_(invitation.c.id == fields.known_id(invitation_id, "inv"), invitation.c.accepted_at.is_(None))
    row = tx.execute(sa.select(invitation).where(fitting).with_for_update()).one_or_none()
    if row is None:
        raise Missing
    demand(by, Act.PEOPLE_INVITATION_SEND, row.organization_id)
    if row.withdrawn_at is not None or row.expires_at <= tx.now:
        return
    tx.execute(sa.update(invitation).where(invitation.c.id == row.id).values(withdrawn_at=tx.now))
    enter(tx, by, Happening.PEOPLE_INVITATION_WITHDRAWN, f"invitation:{row.id}", organization=row.organization_id)


def invitations_to(conn: sa.Connection, organization_id: object, now: dt.datetime) -> tuple[Invitation, ...]:
    """The open invitations to an organization; None for the house."""
    where = fields.organization(organization_id)
    column = invitation.c.organization_id
    query = sa.select(invitation).where(column.is_(None) if where is None else column == where)
    query = query.where(invitation.c.accepted_at.is_(None), invitation.c.withdrawn_at.is_(None))
    rows = conn.execute(query.where(invitation.c.expires_at > now).order_by(invitation.c.created_at, invitation.c.id))
    return tuple(Invitation(row.id, row.email, row.organization_id, row.seat, row.expires_at, row.by) for row in rows)
