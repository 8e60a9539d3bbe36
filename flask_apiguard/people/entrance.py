"""Signing in and out. Who is not known, not proved or disabled is told the same, after the same work."""

from __future__ import annotations

import datetime as dt
from typing import NoReturn

import sqlalchemy as sa

from ..errors import Denied, Forbidden
from ..ledger import enter
from ..values import Decision, Happening, Reason, subscriber_of
from . import fields, mails
from .accounts import vouch
from .desk import Desk
from .passwords import readable
from .persons import Issued, Origin, locked, person_by_email, person_by_id
from .tables import person
from .tokens import LINK_SECONDS, consume, insert, open_session, revoke_all, revoke_token, session_row

#: Wrong passwords in a quarter of an hour. Who is locked out by a stranger still has the link by mail.
WRONG_FOR_ONE, WRONG_FROM_ONE = 10, 60
#: Sessions opened by mail may set a password without knowing the old one, this long.
_FRESH = dt.timedelta(minutes=15)
_BY_MAIL = ("link", "proof", "invitation")


def _refuse() -> NoReturn:
    raise Denied(Decision(False, Reason.API_SIGN_IN, "Nobody signs in with this address and this password."))


def sign_in(desk: Desk, email: object, password: object, origin: Origin) -> Issued:
    """Address and password for a new session.

    :raises Denied: 401 for every reason alike, or 429. :raises Invalid: neither could be anybody's.
    """
    address, text = fields.email(email), readable(password)
    network = subscriber_of(origin.address)
    desk.throttle.take(account=(address, WRONG_FOR_ONE), network=(network, WRONG_FROM_ONE))
    with desk.store.read() as conn:
        found = person_by_email(conn, address)
    known = found is not None and found.disabled_at is None and found.email_proved_at is not None
    right = desk.passwords.verify(found.password_hash if found else None, text)
    if found is None or found.password_hash is None or not known or not right:
        _refuse()
    desk.throttle.forgive(account=address, network=network)
    again = desk.passwords.rehashed(text) if desk.passwords.outdated(found.password_hash) else None
    with desk.store.write() as tx:
        owner = locked(tx, found.id)
        if owner.disabled_at is not None or owner.password_hash != found.password_hash:
            _refuse()  # changed while we were hashing
        if again is not None:
            tx.execute(sa.update(person).where(person.c.id == owner.id).values(password_hash=again.encoded))
        return open_session(tx, desk, owner, "password", origin)


def request_link(desk: Desk, email: object, origin: Origin, page: str | None = None) -> None:
    """Send a sign-in link, or a mail that there is no account: from outside the two look alike.

    ``page`` is where it leads, below the base URL, when that is not the page of ours that shows a session's token.

    :raises Invalid: not an address. :raises Denied: 429.
    """
    address = fields.email(email)
    desk.throttle.mail_for_stranger(address, origin.address)
    with desk.store.write() as tx:
        found = person_by_email(tx.conn, address)
        if found is None or found.disabled_at is not None:
            mails.no_account(tx, address)
            return
        _, secret, _ = insert(tx, desk, found.id, "sign-in", LINK_SECONDS, "link")
        mails.sign_in(tx, desk, address, secret, page)


def sign_in_by_link(desk: Desk, secret: object, origin: Origin) -> Issued:
    """The token of a sign-in mail for a new session; it proves the address as well.

    :raises Missing: spent, too old or none. :raises Forbidden: the person is disabled.
    """
    with desk.store.write() as tx:
        owner = consume(tx, desk, "sign-in", secret)
        return open_session(tx, desk, vouch(tx, owner, owner.by(origin)), "link", origin)


def sign_out(desk: Desk, secret: object, origin: Origin) -> None:
    """End this session.

    :raises Denied: 401, it is none.
    """
    row = session_row(desk, secret)
    with desk.store.write() as tx:
        revoke_token(tx, person_by_id(tx.conn, row.person_id).by(origin), row.id)


def change_password(desk: Desk, session: object, current: object, new: object, origin: Origin) -> None:
    """Set another password from within a session; every other session and every link in a mail ends.

    ``current`` may be None when the session was opened by mail within the last 15 minutes.

    :raises Denied: 401 or 429. :raises Forbidden: the current password is wrong or missing. :raises Invalid: the new.
    """
    row = session_row(desk, session)
    with desk.store.read() as conn:
        owner = person_by_id(conn, row.person_id)
    if current is not None:
        desk.throttle.take(account=(owner.email or owner.id, WRONG_FOR_ONE))
        if not desk.passwords.verify(owner.password_hash, readable(current, "/current")):
            raise Forbidden("The current password is not this one.", action="Correct it, or sign in by a link.")
        desk.throttle.forgive(account=owner.email or owner.id)
    elif row.name not in _BY_MAIL or desk.clock.now() - row.created_at > _FRESH:
        raise Forbidden("No current password was given.", action="Give it, or sign in by a link first.")
    hashed = desk.passwords.hashed(new, email=owner.email or "", pointer="/new")
    with desk.store.write() as tx:
        if locked(tx, owner.id).password_hash != owner.password_hash:
            raise Forbidden("The password was changed elsewhere just now.", action="Sign in again.")
        tx.execute(sa.update(person).where(person.c.id == owner.id).values(password_hash=hashed.encoded))
        by = owner.by(origin)
        revoke_all(tx, by, owner.id, "proof", "sign-in", "session", keep=row.id)
        enter(tx, by, Happening.PEOPLE_PASSWORD_CHANGED, f"person:{owner.id}", personal=owner.personal())
        if owner.email is not None:
            mails.password_changed(tx, owner.email)
