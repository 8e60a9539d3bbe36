"""Accounts: made, proved, shut and opened again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict
from ..ledger import enter
from ..values import By, Happening
from . import fields, mails
from .acts import Act, demand
from .desk import Desk
from .passwords import PasswordHash
from .persons import (
    NOWHERE,
    Issued,
    Origin,
    Person,
    Registration,
    find,
    insert_new,
    locked,
    person_by_email,
    person_by_id,
)
from .seats import keep_all
from .tables import person
from .tokens import PROOF_SECONDS, consume, insert, open_session, revoke_all

Password = str | PasswordHash | None


def hash_of(desk: Desk, password: Password, email: str) -> PasswordHash | None:
    """A password checked and hashed, unless it was already.

    :raises Invalid: it may not be one.
    """
    if password is None or isinstance(password, PasswordHash):
        return password
    return desk.passwords.hashed(password, email=email)


def create(tx: Transaction, by: By | None, origin: Origin = NOWHERE, **values: Any) -> tuple[Person, bool]:
    """A new person and True, or whoever had address or host's user before and False; held to the transaction's end.

    ``by`` None: the person by itself.
    """
    row = {"id": new_id("per"), "name": "", "created_at": tx.now, **values}
    if not insert_new(tx, row):
        found = find(tx.conn, person.c.host_user_id == row["host_user_id"]) if row.get("host_user_id") else None
        if found is None:
            found = person_by_email(tx.conn, row["email"]) if row.get("email") else None
        if found is None:
            raise Conflict("Another request made this account just now.", "Send it again.")
        return locked(tx, found.id), False
    made = person_by_id(tx.conn, row["id"])
    after = {"proved": made.email_proved_at is not None, "host_user": made.host_user_id is not None}
    actor = by or made.by(origin)
    enter(tx, actor, Happening.PEOPLE_PERSON_CREATED, f"person:{made.id}", after=after, personal=made.personal())
    return made, True


def register(
    tx: Transaction, desk: Desk, email: object, name: object, password: Password, origin: Origin
) -> Registration:
    """A stranger asks for an account; the address gets a mail, whether it is known or not.

    :raises Invalid: address, name or password.
    """
    address, title = fields.email(email), fields.line(name, "/name")
    hashed = hash_of(desk, password, address)
    encoded = hashed.encoded if hashed else None
    made, fresh = create(tx, None, origin, email=address, name=title, password_hash=encoded)
    if made.email_proved_at is not None or made.disabled_at is not None:
        mails.known_already(tx, address)
        return Registration(address, None, None)
    if not fresh:
        # Two registrations before one proof: either may be a stranger's, so neither's password or link survives.
        revoke_all(tx, made.by(origin), made.id, "proof")
        tx.execute(sa.update(person).where(person.c.id == made.id).values(name=title, password_hash=None))
    _, secret, _ = insert(tx, desk, made.id, "proof", PROOF_SECONDS, "proof")
    mails.prove(tx, desk, address, secret)
    return Registration(address, person_by_id(tx.conn, made.id), secret)


def prove(tx: Transaction, desk: Desk, secret: object, hashed: PasswordHash | None, origin: Origin) -> Issued:
    """The mail arrived: the address is proved and its person signed in.

    :raises Missing: the token is spent, too old or none. :raises Forbidden: the person is disabled.
    """
    owner = consume(tx, desk, "proof", secret)
    if hashed is not None:
        tx.execute(sa.update(person).where(person.c.id == owner.id).values(password_hash=hashed.encoded))
    return open_session(tx, desk, vouch(tx, owner, owner.by(origin), keep_password=True), "proof", origin)


def vouch(tx: Transaction, owner: Person, by: By, *, keep_password: bool = False) -> Person:
    """Take an address as proved. A password set before that may be a stranger's who was here first: it goes.

    Only the proof of that very registration keeps it.
    """
    if owner.email_proved_at is not None:
        return owner
    values: dict[str, Any] = {"email_proved_at": tx.now}
    if not keep_password:
        values["password_hash"] = None
    tx.execute(sa.update(person).where(person.c.id == owner.id).values(**values))
    enter(tx, by, Happening.PEOPLE_ADDRESS_PROVED, f"person:{owner.id}", personal=owner.personal())
    return person_by_id(tx.conn, owner.id)


def disable(tx: Transaction, by: By, person_id: object) -> None:
    """Shut a person out at once: every session and token ends. What they built stays.

    :raises Conflict: disabled already, or the last owner or administrator. :raises Forbidden: the seat is missing.
    """
    demand(by, Act.PEOPLE_PERSON_DISABLE)
    owner = locked(tx, person_id)
    if owner.disabled_at is not None:
        raise Conflict("This person is disabled already.", "Nothing is left to do.")
    keep_all(tx, owner.id)
    tx.execute(sa.update(person).where(person.c.id == owner.id).values(disabled_at=tx.now))
    revoke_all(tx, by, owner.id, "proof", "sign-in", "session", "token")
    enter(tx, by, Happening.PEOPLE_PERSON_DISABLED, f"person:{owner.id}", personal=owner.personal())


def enable(tx: Transaction, by: By, person_id: object) -> None:
    """Let a disabled person sign in again; what was revoked stays revoked.

    :raises Conflict: the person is not disabled. :raises Forbidden: the seat is missing.
    """
    demand(by, Act.PEOPLE_PERSON_DISABLE)
    owner = locked(tx, person_id)
    if owner.disabled_at is None:
        raise Conflict("This person is not disabled.", "Nothing is left to do.")
    tx.execute(sa.update(person).where(person.c.id == owner.id).values(disabled_at=None))
    enter(tx, by, Happening.PEOPLE_PERSON_ENABLED, f"person:{owner.id}", personal=owner.personal())
