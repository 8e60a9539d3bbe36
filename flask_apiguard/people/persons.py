"""What this room hands out, and how a person is found."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..db import Transaction, insert_into
from ..errors import Missing
from ..values import Actor, By
from .fields import known_id
from .tables import person


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, for record and throttle. Both are empty for commands."""

    address: str = ""
    request_id: str = ""


NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Person:
    """A human who signs in. ``email`` is None for somebody whom only the host knows."""

    id: str
    email: str | None
    name: str
    email_proved_at: dt.datetime | None
    host_user_id: str | None
    disabled_at: dt.datetime | None
    created_at: dt.datetime
    password_hash: str | None = field(repr=False)

    @property
    def has_password(self) -> bool:
        """Whether this person can sign in with a password."""
        return self.password_hash is not None

    @property
    def title(self) -> str:
        """How to name the person to others."""
        return self.name or self.email or self.id

    def by(self, origin: Origin = NOWHERE) -> By:
        """The person as an actor for its own account, with no seat."""
        return By(Actor.PERSON, self.id, self.title, request_id=origin.request_id, address=origin.address)

    def personal(self) -> dict[str, str]:
        """What of the person may stand beside the ledger's chain, never in it."""
        return {"name": self.name, "email": self.email or ""}


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was just made. ``secret`` is shown once and kept nowhere. ``kind``: session or token."""

    id: str
    person: Person
    kind: str
    expires_at: dt.datetime
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registration:
    """What came of a registration. Only ``email`` may be told to whoever asked; ``proof`` goes out by mail alone.

    ``person`` and ``proof`` are None when the address had an account already.
    """

    email: str
    person: Person | None
    proof: str | None = field(repr=False)

    def answer(self) -> dict[str, str]:
        """What a stranger is told: the same for a known and for an unknown address."""
        return {"email": self.email, "next": "Follow the link that was sent to this address."}


@dataclass(frozen=True, slots=True)
class PersonToken:
    """A session or token as its person sees it. ``seats`` None: whatever the person holds."""

    id: str
    person_id: str
    kind: str
    name: str
    seats: tuple[str, ...] | None
    created_at: dt.datetime
    expires_at: dt.datetime
    last_used_at: dt.datetime | None


def as_person(row: Any) -> Person:
    """A row of the person table."""
    return Person(
        id=row.id,
        email=row.email,
        name=row.name,
        email_proved_at=row.email_proved_at,
        host_user_id=row.host_user_id,
        disabled_at=row.disabled_at,
        created_at=row.created_at,
        password_hash=row.password_hash,
    )


def find(conn: sa.Connection, *where: sa.ColumnElement[bool]) -> Person | None:
    """The one person that fits, or None."""
    row = conn.execute(sa.select(person).where(*where)).one_or_none()
    return None if row is None else as_person(row)


def person_by_email(conn: sa.Connection, email: str) -> Person | None:
    """By normalised address."""
    return find(conn, person.c.email == email)


def person_by_id(conn: sa.Connection, person_id: object) -> Person:
    """By id.

    :raises Missing: nobody has it.
    """
    found = find(conn, person.c.id == known_id(person_id, "per"))
    if found is None:
        raise Missing
    return found


def locked(tx: Transaction, person_id: object) -> Person:
    """By id, held to the end of the transaction, so that who signs in and who shuts out take turns.

    :raises Missing: nobody has it.
    """
    row = tx.execute(sa.select(person).where(person.c.id == known_id(person_id, "per")).with_for_update()).one_or_none()
    if row is None:
        raise Missing
    return as_person(row)


def is_enabled(tx: Transaction, person_id: str) -> bool:
    """Whether a person may sign in. It stays so to the end of the transaction: who shuts them out waits for that.

    :raises Missing: nobody has this id.
    """
    return locked(tx, person_id).disabled_at is None


def insert_new(tx: Transaction, values: dict[str, Any]) -> bool:
    """Insert a person unless the address or the host's user is taken; whether it was inserted."""
    statement = insert_into(person, tx.store.dialect).values(**values)
    return bool(tx.execute(statement.on_conflict_do_nothing().returning(person.c.id)).one_or_none())
