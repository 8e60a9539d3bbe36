"""People who are there already: the host's signed-in users, and the first administrator."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from ..db import Transaction
from ..errors import Conflict, Forbidden
from ..ledger import enter
from ..values import By, Happening, HostUser
from . import fields, mails
from .accounts import create, vouch
from .acts import Act, Seat, demand
from .desk import Desk
from .persons import NOWHERE, Origin, Person, find, locked, person_by_email, person_by_id
from .seats import seat_person
from .tables import person, seat
from .tokens import PROOF_SECONDS, insert

_HOST_ID_AT_MOST = 255
#: In `HostUser.attributes`: the host says that it proved this user's address.
EMAIL_PROVED = "email_proved"


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """Who runs the house from now on. ``link`` signs in once, within 24 hours: for the operator's eyes."""

    person: Person
    link: str = field(repr=False)


def known_host_user(conn: sa.Connection, user: HostUser) -> Person | None:
    """The person behind the host's signed-in user, when we know them already.

    :raises Forbidden: the person is disabled.
    """
    found = find(conn, person.c.host_user_id == _host_id(user))
    if found is not None:
        _demand_enabled(found)
    return found


def by_host_user(tx: Transaction, user: HostUser, origin: Origin = NOWHERE) -> Person:
    """The person behind the host's signed-in user, linked or made at first sight.

    Known by ``user.id`` alone. An address counts only when ``attributes["email_proved"]`` is True: an unproved one
    neither opens an account that has it nor is kept, since it would stand in its real owner's way.

    :raises Forbidden: the person is disabled, or the address belongs to another of the host's users.
    """
    host_id = _host_id(user)
    found = find(tx.conn, person.c.host_user_id == host_id)
    if found is None:
        found = _link(tx, host_id, user, origin)
    _demand_enabled(found)
    return found


def _link(tx: Transaction, host_id: str, user: HostUser, origin: Origin) -> Person:
    proved = user.attributes.get(EMAIL_PROVED) is True
    address = fields.normal_email(user.email) if proved else None
    name = _shown(user.name)
    known = person_by_email(tx.conn, address) if address is not None else None
    if known is None:
        proved_at = tx.now if address is not None else None
        made, _ = create(tx, None, origin, email=address, name=name, host_user_id=host_id, email_proved_at=proved_at)
        if made.host_user_id == host_id:
            return made
        known = made
    known = locked(tx, known.id)
    if known.host_user_id == host_id:
        return known  # linked by another request while we waited
    if known.host_user_id is not None:
        raise Forbidden("This address belongs to another user of this site.", action="Sign in as that one.")
    _demand_enabled(known)
    known = vouch(tx, known, known.by(origin))
    tx.execute(sa.update(person).where(person.c.id == known.id).values(host_user_id=host_id))
    subject = f"person:{known.id}"
    enter(tx, known.by(origin), Happening.PEOPLE_HOST_USER_LINKED, subject, personal={"host_user": host_id})
    return person_by_id(tx.conn, known.id)


def _host_id(user: HostUser) -> str:
    return fields.line(str(user.id), "/host_user/id", least=1, most=_HOST_ID_AT_MOST)


def _shown(name: object) -> str:
    """The host's name for its user as far as it can be shown: a bad one must not keep them out."""
    text = "".join(char for char in str(name) if char.isprintable())
    return text.strip()[: fields.NAME_AT_MOST]


def _demand_enabled(found: Person) -> None:
    if found.disabled_at is not None:
        raise Forbidden("This account is disabled.", action="Ask an administrator to enable it.")


def first_administrator(tx: Transaction, desk: Desk, by: By, email: object, name: object) -> FirstAdministrator:
    """Seat the first administrator; the operator vouches for the address.

    :raises Conflict: there is an administrator. :raises Forbidden: the actor is no operator.
    """
    demand(by, Act.PEOPLE_SEAT_GIVE)
    address, title = fields.email(email), fields.line(name, "/name")
    seated = sa.select(seat.c.id).join(person, person.c.id == seat.c.person_id)
    seated = seated.where(seat.c.organization_id.is_(None), seat.c.seat == Seat.ADMINISTRATOR)
    if tx.execute(seated.where(person.c.disabled_at.is_(None)).limit(1)).first() is not None:
        raise Conflict("There is an administrator already, who gives further seats.", "Ask them.")
    found, _ = create(tx, by, email=address, name=title, email_proved_at=tx.now)
    owner = vouch(tx, found, by)
    seat_person(tx, by, owner, None, Seat.ADMINISTRATOR)
    _, secret, _ = insert(tx, desk, owner.id, "sign-in", PROOF_SECONDS, "link")
    return FirstAdministrator(owner, mails.link(desk, "sign-in", secret))
