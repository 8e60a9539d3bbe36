"""The room's counter: one class that other rooms talk to. The work is done behind it.

Methods with a ``tx`` are part of the caller's transaction. Those without open their own, because something slow
(a password hash) must not happen inside it, or because nothing else belongs to it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from ..clock import Clock
from ..crypto import Secrets
from ..db import Store, Transaction
from ..values import By, HostUser, subscriber_of
from . import accounts, entrance, fields, hosts, invitations, seats, tokens
from .desk import Desk
from .hosts import FirstAdministrator
from .invitations import Invitation
from .passwords import PasswordHash, Passwords
from .persons import NOWHERE, Issued, Origin, Person, PersonToken, Registration, person_by_email, person_by_id
from .throttle import Throttle

#: Passwords that are hashed for one network in a quarter of an hour.
HASHES_FOR_ONE = 30


class People:
    """Persons, seats, invitations, sign-in and person tokens of one house. Lifetimes are seconds."""

    def __init__(
        self,
        store: Store,
        secrets: Secrets,
        clock: Clock,
        throttle: Throttle,
        *,
        brand: str = "apiguard",
        base_url: str | None = None,
        token_lifetime: int = 90 * 86400,
        session_lifetime: int = 12 * 3600,
        passwords: Passwords | None = None,
        disabled: Callable[[Transaction, By, str], None] | None = None,
    ) -> None:
        """``disabled`` is told of a person who is shut out, so that what they allowed elsewhere ends with them."""
        self._disabled = disabled
        self._desk = Desk(
            store, secrets, clock, passwords or Passwords(), throttle,
            brand, base_url, token_lifetime, session_lifetime,
        )  # fmt: skip

    def __repr__(self) -> str:
        return "<People>"

    # Accounts

    def hashed(self, password: object, email: object = "", *, origin: Origin = NOWHERE) -> PasswordHash:
        """Check and hash a new password outside any transaction.

        :raises Invalid: it may not be one. :raises Denied: 429; to hash is work that nobody may have done at will.
        """
        self._desk.throttle.take(hasher=(subscriber_of(origin.address), HASHES_FOR_ONE))
        return self._desk.passwords.hashed(password, email=fields.normal_email(email) or "")

    def admit(self, email: object, *, origin: Origin = NOWHERE) -> None:
        """Let a stranger ask for an account, outside any transaction: it causes a mail.

        :raises Invalid: not an address. :raises Denied: 429; too many were asked for.
        """
        self._desk.throttle.mail_for_stranger(fields.email(email), origin.address)

    def register(
        self,
        tx: Transaction,
        email: object,
        name: object = "",
        password: str | PasswordHash | None = None,
        *,
        origin: Origin = NOWHERE,
    ) -> Registration:
        """A stranger whom `admit` let ask gets an account, once the mail arrived.

        A bare password is hashed here and now: hand in ``hashed()`` if you can.
        """
        return accounts.register(tx, self._desk, email, name, password, origin)

    def prove(self, token: object, password: object = None, *, origin: Origin = NOWHERE) -> Issued:
        """The mail arrived: proves the address, sets a password if one is given, signs in."""
        hashed = None
        if password is not None:  # nothing is hashed for a code that opens nothing
            with self._desk.store.read() as conn:
                tokens.demand_live(conn, self._desk, "proof", token)
            hashed = self.hashed(password, origin=origin)
        with self._desk.store.write() as tx:
            return accounts.prove(tx, self._desk, token, hashed, origin)

    def disable(self, tx: Transaction, by: By, person_id: object) -> None:
        """Shut a person out at once. :raises Conflict: disabled already, or the last owner or administrator."""
        accounts.disable(tx, by, person_id)
        if self._disabled is not None:
            self._disabled(tx, by, str(person_id))

    def enable(self, tx: Transaction, by: By, person_id: object) -> None:
        """Let a disabled person sign in again. :raises Conflict: the person is not disabled."""
        accounts.enable(tx, by, person_id)

    def person(self, person_id: object) -> Person:
        """One person. :raises Missing: nobody has this id."""
        with self._desk.store.read() as conn:
            return person_by_id(conn, person_id)

    def person_by_email(self, email: object) -> Person | None:
        """One person, or None; for operators, never for strangers. :raises Invalid: not an address."""
        address = fields.email(email)
        with self._desk.store.read() as conn:
            return person_by_email(conn, address)

    # Signing in

    def sign_in(self, email: object, password: object, *, origin: Origin = NOWHERE) -> Issued:
        """A new session. :raises Denied: 401 for every reason alike, or 429."""
        return entrance.sign_in(self._desk, email, password, origin)

    def request_link(self, email: object, *, origin: Origin = NOWHERE, page: str | None = None) -> None:
        """Send a sign-in link; tells nothing about the address. :raises Denied: 429."""
        entrance.request_link(self._desk, email, origin, page)

    def sign_in_by_link(self, token: object, *, origin: Origin = NOWHERE) -> Issued:
        """A new session for the token of a mail. :raises Missing: spent, too old or none."""
        return entrance.sign_in_by_link(self._desk, token, origin)

    def session(self, secret: object, *, origin: Origin = NOWHERE) -> tuple[By, dt.datetime] | None:
        """Who is signed in by this session, and since when; None: it has ended, or is none. A token signs in nobody."""
        found = tokens.identify(self._desk, secret, origin=origin)
        return None if found is None or found[1].kind != "session" else (found[0], found[1].created_at)

    def sign_out(self, session: object, *, origin: Origin = NOWHERE) -> None:
        """End this session. :raises Denied: 401, it is none."""
        entrance.sign_out(self._desk, session, origin)

    def change_password(self, session: object, current: object, new: object, *, origin: Origin = NOWHERE) -> None:
        """From within a session; ends all others. ``current`` None: within 15 minutes of a sign-in by mail."""
        entrance.change_password(self._desk, session, current, new, origin)

    # Tokens

    def create_token(
        self,
        tx: Transaction,
        by: By,
        person_id: object,
        name: object,
        lifetime: int | None = None,
        seats: Sequence[str] | None = None,
    ) -> Issued:
        """A person token, shown once: ``<brand>_person_<id>_<random>_<crc>``."""
        return tokens.create_token(tx, self._desk, by, person_id, name, lifetime, seats)

    def verify_token(
        self, secret: object, organization_id: str | None = None, *, origin: Origin = NOWHERE
    ) -> By | None:
        """Who presents this session or person token, acting for one organization; None: it opens nothing.

        Read from the store each time, so that a seat taken or a person disabled counts at once.
        """
        found = tokens.identify(self._desk, secret, organization_id, origin)
        return None if found is None else found[0]

    def sessions(self, person_id: object) -> tuple[PersonToken, ...]:
        """The live sessions and tokens of a person (``kind`` tells which). :raises Missing: nobody has this id."""
        with self._desk.store.read() as conn:
            return tokens.tokens_of(conn, person_id, self._desk.clock.now())

    def revoke_token(self, tx: Transaction, by: By, token_id: object) -> None:
        """End a session or token by its id. :raises Missing: none, or not this actor's."""
        tokens.revoke_token(tx, by, token_id)

    # Seats and invitations

    def give_seat(
        self,
        tx: Transaction,
        by: By,
        person_id: object,
        organization_id: str | None,
        seat: object,
        *,
        until: dt.datetime | None = None,
    ) -> seats.Held:
        """Seat a person; ``organization_id`` None is the house."""
        return seats.give_seat(tx, by, person_id, organization_id, seat, until=until)

    def take_seat(self, tx: Transaction, by: By, person_id: object, organization_id: str | None, seat: object) -> None:
        """Unseat a person. :raises Conflict: the last owner or administrator."""
        seats.take_seat(tx, by, person_id, organization_id, seat)

    def seats_of(self, person_id: object) -> tuple[seats.Held, ...]:
        """Every seat that a person holds now."""
        with self._desk.store.read() as conn:
            return seats.seats_of(conn, person_id, self._desk.clock.now())

    def members_of(self, organization_id: str | None) -> tuple[seats.Held, ...]:
        """Every seat held now in an organization; None for the house."""
        with self._desk.store.read() as conn:
            return seats.members_of(conn, organization_id, self._desk.clock.now())

    def acting(self, person_id: object, organization_id: str | None = None, *, origin: Origin = NOWHERE) -> By:
        """A person with all seats, as an actor for one organization. :raises Missing: nobody, or disabled."""
        return seats.as_actor(self._desk.store, person_id, organization_id, self._desk.clock.now(), origin)

    def invite(self, tx: Transaction, by: By, email: object, organization_id: str | None, seat: object) -> Invitation:
        """Offer a seat by mail. ``secret`` is set for operators only."""
        return invitations.invite(tx, self._desk, by, email, organization_id, seat)

    def accept(self, token: object, name: object = "", password: object = None, *, origin: Origin = NOWHERE) -> Issued:
        """Take an offered seat and sign in; makes the account when there is none. :raises Missing: spent or none."""
        hashed = None
        if password is not None:
            with self._desk.store.read() as conn:
                invitations.demand_open(conn, self._desk, token)
            hashed = self.hashed(password, origin=origin)
        with self._desk.store.write() as tx:
            return invitations.accept(tx, self._desk, token, name, hashed, origin)

    def withdraw(self, tx: Transaction, by: By, invitation_id: object) -> None:
        """Take an invitation back. :raises Missing: no open one."""
        invitations.withdraw(tx, by, invitation_id)

    def invitations(self, organization_id: str | None) -> tuple[Invitation, ...]:
        """The open invitations to an organization; None for the house."""
        with self._desk.store.read() as conn:
            return invitations.invitations_to(conn, organization_id, self._desk.clock.now())

    # Those who are there already

    def by_host_user(self, tx: Transaction, user: HostUser, *, origin: Origin = NOWHERE) -> Person:
        """The person behind the host's signed-in user, linked or made. :raises Forbidden: disabled."""
        return hosts.by_host_user(tx, user, origin)

    def for_host_user(self, user: HostUser, organization_id: str | None = None, *, origin: Origin = NOWHERE) -> By:
        """The host's signed-in user as an actor; writes only at first sight. :raises Forbidden: disabled."""
        with self._desk.store.read() as conn:
            found = hosts.known_host_user(conn, user)
        if found is None:
            with self._desk.store.write() as tx:
                found = hosts.by_host_user(tx, user, origin)
        return self.acting(found.id, organization_id, origin=origin)

    def first_administrator(self, tx: Transaction, by: By, email: object, name: object = "") -> FirstAdministrator:
        """For ``flask apiguard init``. :raises Conflict: there is an administrator."""
        return hosts.first_administrator(tx, self._desk, by, email, name)
