"""Person tokens: sessions, tokens for API and command line, and the one-time tokens in mails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..crypto import new_id
from ..db import Transaction
from ..errors import Denied, Forbidden, Invalid, Missing
from ..ledger import enter
from ..values import Actor, By, Decision, Flaw, Happening, Reason
from .acts import HOUSE_SEATS, ORGANIZATION_SEATS, Act, demand
from .desk import Desk
from .fields import known_id, line, organization
from .persons import NOWHERE, Issued, Origin, Person, PersonToken, as_person, locked, person_by_id
from .seats import acting, narrowed, powers_of, seats_of
from .tables import person, person_token

#: Kind of a row, and the word in its secret.
WORDS = {"proof": "proof", "sign-in": "sign-in", "session": "session", "token": "person"}
_KINDS = {word: kind for kind, word in WORDS.items()}
PROOF_SECONDS = 24 * 3600
LINK_SECONDS = 15 * 60
_SHORTEST = 60
#: How exact "last used" is: more would make every reading request a write.
_USED_EVERY = dt.timedelta(minutes=5)
_SPENT = "This link was used already, is too old, or was never given."


def insert(
    tx: Transaction, desk: Desk, whose: str, kind: str, seconds: int, name: str, seats: Sequence[str] | None = None
) -> tuple[str, str, dt.datetime]:
    """Make a token: its id, its secret, and when it ends."""
    token_id, ends = new_id("pt"), tx.now + dt.timedelta(seconds=seconds)
    secret, digest = desk.mint(WORDS[kind], token_id)
    row: dict[str, Any] = {"id": token_id, "person_id": whose, "digest": digest, "kind": kind, "name": name}
    row["seats"] = sa.null() if seats is None else list(seats)
    tx.execute(person_token.insert().values(**row, created_at=tx.now, expires_at=ends))
    return token_id, secret, ends


def consume(tx: Transaction, desk: Desk, kind: str, secret: object) -> Person:
    """Use a one-time token up, in one statement, and hold its person.

    :raises Missing: spent, too old, replaced or never given: told alike. :raises Forbidden: the person is disabled.
    """
    used = sa.update(person_token).where(*_live(desk, kind, secret, tx.now)).values(consumed_at=tx.now)
    row = tx.execute(used.returning(person_token.c.person_id)).one_or_none()
    if row is None:
        raise Missing(_SPENT, "Ask for a new one.")
    owner = locked(tx, row.person_id)
    if owner.disabled_at is not None:
        raise Forbidden("This account is disabled.", action="Ask an administrator to enable it.")
    return owner


def demand_live(conn: sa.Connection, desk: Desk, kind: str, secret: object) -> None:
    """Go on only with a one-time token that could be used up now; it is not.

    :raises Missing: as ``consume`` does.
    """
    live = sa.select(person_token.c.id).where(*_live(desk, kind, secret, desk.clock.now()))
    if conn.execute(live).one_or_none() is None:
        raise Missing(_SPENT, "Ask for a new one.")


def _live(desk: Desk, kind: str, secret: object, now: dt.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    found, token = desk.read(secret, WORDS[kind]), person_token.c
    if found is None:
        raise Missing(_SPENT, "Ask for a new one.")
    return (
        token.id == "pt_" + found[1], token.kind == kind, token.digest == desk.digest(found[0], str(secret)),
        token.consumed_at.is_(None), token.revoked_at.is_(None), token.expires_at > now,
    )  # fmt: skip


def open_session(tx: Transaction, desk: Desk, owner: Person, how: str, origin: Origin = NOWHERE) -> Issued:
    """A new session with a new secret, whatever was there before. ``how``: password, link, proof or invitation."""
    token_id, secret, ends = insert(tx, desk, owner.id, "session", desk.session_lifetime, how)
    after = {"session": token_id, "how": how}
    enter(tx, owner.by(origin), Happening.PEOPLE_SESSION_OPENED, f"person:{owner.id}", after=after)
    return Issued(token_id, owner, "session", ends, secret)


def create_token(
    tx: Transaction,
    desk: Desk,
    by: By,
    person_id: object,
    name: object,
    lifetime: int | None = None,
    seats: Sequence[str] | None = None,
) -> Issued:
    """A person token for API and command line, never able to do more than who makes it.

    ``lifetime`` is seconds, at most and by default APIGUARD_PERSON_TOKEN_LIFETIME. ``seats`` narrow it: ``viewer``
    wherever its person sits as that or more, ``viewer@org_…`` in one organization. Made with another person token it
    is as narrow and ends no later than that.

    :raises Forbidden: for somebody else (operators may), or for a disabled person. :raises Invalid: name or lifetime.
    """
    if by.kind not in (Actor.OPERATOR, Actor.SYSTEM) and (by.kind is not Actor.PERSON or by.id != person_id):
        raise Forbidden("A person token is made by its own person, or by an operator.", action="Leave it to them.")
    owner = locked(tx, person_id)
    if owner.disabled_at is not None:
        raise Forbidden("This account is disabled.", action="Ask an administrator to enable it.")
    title = line(name, "/name", least=1)
    seconds = desk.token_lifetime if lifetime is None else lifetime
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not _SHORTEST <= seconds <= desk.token_lifetime:
        raise Invalid([Flaw("/lifetime", f"A whole number of seconds from {_SHORTEST} to {desk.token_lifetime}.")])
    narrowing = _narrowing(by, seats)
    seconds = _left(tx, by, seconds)
    token_id, secret, ends = insert(tx, desk, owner.id, "token", seconds, title, narrowing)
    after = {"token": token_id, "expires_at": ends.isoformat(), "seats": narrowing}
    enter(tx, by, Happening.PEOPLE_TOKEN_CREATED, f"person:{owner.id}", after=after, personal={"token.name": title})
    return Issued(token_id, owner, "token", ends, secret)


def narrower() -> Forbidden:
    """A narrowed token was used where only the whole person may."""
    return Forbidden(
        "This token is narrower than its person.", action="Use a session, or a token that is not narrowed."
    )


def _left(tx: Transaction, by: By, most: int) -> int:
    """At most the seconds that the person token lives with which another is made: held briefly is not held for good.

    A session signs in somebody: what is made in one may outlive it.
    """
    token = person_token.c
    mine = sa.select(token.expires_at).where(token.id == by.token_id, token.kind == "token")
    ends = tx.execute(mine).scalar_one_or_none() if by.token_id is not None else None
    return most if ends is None else min(most, int((ends - tx.now).total_seconds()))


def _narrowing(by: By, wanted: Sequence[str] | None) -> list[str] | None:
    if wanted is not None:
        if isinstance(wanted, str) or not all(isinstance(seat, str) and _is_seat(seat) for seat in wanted):
            raise Invalid([Flaw("/seats", "A list of seats such as viewer, owner@org_…, reviewer.")])
        wanted = sorted(set(wanted))
    if by.kind is Actor.PERSON and by.narrowed:
        # What comes out of a narrowed token is as narrow, whatever seats its person holds now or takes later.
        mine = powers_of(by)
        return sorted(mine if wanted is None else narrowed(mine, wanted))
    return None if wanted is None else list(wanted)


def _is_seat(text: str) -> bool:
    name, at, where = text.partition("@")
    if name in HOUSE_SEATS:
        return not at
    try:
        return name in ORGANIZATION_SEATS and (not at or organization(where) is not None)
    except Missing:
        return False


def identify(
    desk: Desk, secret: object, organization_id: str | None = None, origin: Origin = NOWHERE
) -> tuple[By, Any] | None:
    """Who presents this session or token, read from the store each time, and its row; None when it opens nothing."""
    found = desk.read(secret, WORDS["session"], WORDS["token"])
    if found is None:
        return None
    kind, token = _KINDS[found[0]], person_token.c
    query = sa.select(person_token).where(token.id == "pt_" + found[1], token.kind == kind)
    query = query.where(token.revoked_at.is_(None), token.expires_at > desk.clock.now())
    with desk.store.read() as conn:
        row = conn.execute(query).one_or_none()
        if row is None or not desk.secrets.same(row.digest, desk.digest(found[0], str(secret))):
            return None
        owner = conn.execute(sa.select(person).where(person.c.id == row.person_id)).one()
        if owner.disabled_at is not None:
            return None
        held = seats_of(conn, owner.id, desk.clock.now())
    _used(desk, row)
    return acting(as_person(owner), held, organization_id, row.seats, origin, row.id), row


def _used(desk: Desk, row: Any) -> None:
    now = desk.clock.now()
    if row.last_used_at is None or now - row.last_used_at >= _USED_EVERY:
        with desk.store.write() as tx:
            tx.execute(sa.update(person_token).where(person_token.c.id == row.id).values(last_used_at=now))


def session_row(desk: Desk, secret: object) -> Any:
    """The row of a live session.

    :raises Denied: 401, it is none.
    """
    found = identify(desk, secret)
    if found is None or found[1].kind != "session":
        raise Denied(Decision(False, Reason.API_UNAUTHENTICATED, "This session has ended."))
    return found[1]


def tokens_of(conn: sa.Connection, person_id: object, now: dt.datetime) -> tuple[PersonToken, ...]:
    """The live sessions and tokens of a person, oldest first."""
    owner = person_by_id(conn, person_id)
    token = person_token.c
    query = sa.select(person_token).where(token.person_id == owner.id, token.kind.in_(("session", "token")))
    query = query.where(token.revoked_at.is_(None), token.expires_at > now).order_by(token.created_at, token.id)
    return tuple(
        PersonToken(
            row.id, row.person_id, row.kind, row.name, None if row.seats is None else tuple(row.seats),
            row.created_at, row.expires_at, row.last_used_at,
        )
        for row in conn.execute(query)
    )  # fmt: skip


def revoke_token(tx: Transaction, by: By, token_id: object) -> None:
    """End a session or token at once: one's own, or anybody's for those who may disable people.

    A narrowed token ends itself, and none of its person's others. Again is the same as once.

    :raises Missing: there is none, or it is not this actor's. :raises Forbidden: it takes the whole person.
    """
    token = person_token.c
    wanted = sa.and_(token.id == known_id(token_id, "pt"), token.kind.in_(("session", "token")))
    row = tx.execute(sa.select(person_token).where(wanted)).one_or_none()
    if row is None:
        raise Missing
    if by.kind is not Actor.PERSON or by.id != row.person_id:
        try:
            demand(by, Act.PEOPLE_PERSON_DISABLE)
        except Forbidden:
            raise Missing from None  # whether a token of somebody else exists is nobody's business
    elif by.narrowed and by.token_id != row.id:
        raise narrower()
    if row.revoked_at is None and row.expires_at > tx.now:
        _revoke(tx, by, row)


def _revoke(tx: Transaction, by: By, row: Any) -> None:
    tx.execute(sa.update(person_token).where(person_token.c.id == row.id).values(revoked_at=tx.now))
    happening = Happening.PEOPLE_SESSION_ENDED if row.kind == "session" else Happening.PEOPLE_TOKEN_REVOKED
    enter(tx, by, happening, f"person:{row.person_id}", before={row.kind: row.id})


def revoke_all(tx: Transaction, by: By, person_id: str, *kinds: str, keep: str | None = None) -> None:
    """End every live token of these kinds but one. Spent and unsent one-time tokens end without an entry."""
    token = person_token.c
    live = sa.and_(token.person_id == person_id, token.kind.in_(kinds), token.revoked_at.is_(None))
    for row in tx.execute(sa.select(person_token).where(live, token.expires_at > tx.now)).all():
        if row.id == keep:
            continue
        if row.kind in ("session", "token"):
            _revoke(tx, by, row)
        elif row.consumed_at is None:
            tx.execute(sa.update(person_token).where(token.id == row.id).values(revoked_at=tx.now))
