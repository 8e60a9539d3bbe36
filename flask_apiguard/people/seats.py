"""Who sits where. The last owner of an organization and the last administrator of the house stay seated."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from ..crypto import new_id
from ..db import Store, Transaction
from ..errors import Conflict, Invalid, Missing
from ..ledger import enter
from ..ledger.tables import ledger
from ..values import Actor, By, Flaw, Happening
from .acts import CONTAINS, HOUSE_SEATS, MEMBER, ORGANIZATION_SEATS, Act, Seat, demand
from .fields import known_id, organization
from .persons import Origin, Person, locked, person_by_id
from .tables import person, seat

#: The seats that must not become empty.
_KEPT = {Seat.OWNER: "the last owner of the organization", Seat.ADMINISTRATOR: "the last administrator"}


@dataclass(frozen=True, slots=True)
class Held:
    """One seat that a person holds. ``organization_id`` None: a seat of the house."""

    person_id: str
    organization_id: str | None
    seat: str
    since: dt.datetime
    until: dt.datetime | None
    by: str


def the_seat(value: object, organization_id: str | None, pointer: str = "/seat") -> Seat:
    """A seat that exists there.

    :raises Invalid: an unknown one, or the house's for an organization, or the other way round.
    """
    fitting = HOUSE_SEATS if organization_id is None else ORGANIZATION_SEATS
    if isinstance(value, str) and value in fitting:
        return Seat(value)
    raise Invalid([Flaw(pointer, "A seat here is one of: " + ", ".join(sorted(fitting)) + ".")])


def live(now: dt.datetime) -> sa.ColumnElement[bool]:
    """Seats that count at this moment."""
    return sa.or_(seat.c.until.is_(None), seat.c.until > now)


def seats_of(conn: sa.Connection, person_id: object, now: dt.datetime) -> tuple[Held, ...]:
    """Every seat that a person holds now."""
    return _held(conn, seat.c.person_id == known_id(person_id, "per"), live(now))


def members_of(conn: sa.Connection, organization_id: object, now: dt.datetime) -> tuple[Held, ...]:
    """Every seat held now in an organization; None for the house."""
    where = organization(organization_id)
    return _held(conn, _in(where), live(now))


def _held(conn: sa.Connection, *where: sa.ColumnElement[bool]) -> tuple[Held, ...]:
    rows = conn.execute(sa.select(seat).where(*where).order_by(seat.c.since, seat.c.id))
    return tuple(Held(row.person_id, row.organization_id, row.seat, row.since, row.until, row.by) for row in rows)


def _in(organization_id: str | None) -> sa.ColumnElement[bool]:
    column = seat.c.organization_id
    return column.is_(None) if organization_id is None else column == organization_id


def give_seat(
    tx: Transaction,
    by: By,
    person_id: object,
    organization_id: object,
    wanted: object,
    *,
    until: dt.datetime | None = None,
) -> Held:
    """Seat a person, or change how long they sit.

    :raises Forbidden: the actor's seat is not enough. :raises Conflict: a date would empty a seat that must be kept.
    """
    where = organization(organization_id)
    demand(by, Act.PEOPLE_SEAT_GIVE, where)
    return seat_person(tx, by, locked(tx, person_id), where, the_seat(wanted, where), until)


def seat_person(
    tx: Transaction, by: By, sitter: Person, where: str | None, wanted: Seat, until: dt.datetime | None = None
) -> Held:
    """Seat somebody when it was decided already that this may be. ``sitter`` is locked.

    :raises Conflict: the person is disabled, or a date would empty a seat that must be kept.
    """
    if sitter.disabled_at is not None:
        raise Conflict("A disabled person takes no seat.", "Enable them first.")
    if until is not None and until <= tx.now:
        raise Invalid([Flaw("/until", "This moment has passed.")])
    mine = sa.and_(seat.c.person_id == sitter.id, _in(where), seat.c.seat == wanted)
    present = tx.execute(sa.select(seat).where(mine)).one_or_none()
    if present is None:
        row = {"id": new_id("sea"), "person_id": sitter.id, "organization_id": where, "seat": wanted.value}
        tx.execute(seat.insert().values(**row, since=tx.now, until=until, by=by.id))
    else:
        if until is not None and present.until is None:
            _keep(tx, sitter.id, where, wanted)
        tx.execute(sa.update(seat).where(mine).values(until=until, by=by.id))
    after = {"seat": wanted.value, "organization": where, "until": until.isoformat() if until else None}
    subject, personal = f"person:{sitter.id}", sitter.personal()
    enter(tx, by, Happening.PEOPLE_SEAT_GIVEN, subject, after=after, personal=personal, organization=where)
    return Held(sitter.id, where, wanted.value, present.since if present else tx.now, until, by.id)


def take_seat(tx: Transaction, by: By, person_id: object, organization_id: object, wanted: object) -> None:
    """Unseat a person. Anybody may leave a seat of their own, but not by a token that is narrower than they are.

    :raises Conflict: it is the last owner's or the last administrator's. :raises Missing: nobody sits there.
    """
    where = organization(organization_id)
    if by.kind is not Actor.PERSON or by.id != person_id or by.narrowed:
        demand(by, Act.PEOPLE_SEAT_TAKE, where)
    name = the_seat(wanted, where)
    sitter = locked(tx, person_id)
    present = tx.execute(
        sa.select(seat).where(seat.c.person_id == sitter.id, _in(where), seat.c.seat == name)
    ).one_or_none()
    if present is None:
        raise Missing
    if present.until is None:
        _keep(tx, sitter.id, where, name)
    tx.execute(sa.delete(seat).where(seat.c.id == present.id))
    before = {"seat": name.value, "organization": where, "since": present.since.isoformat()}
    subject, personal = f"person:{sitter.id}", sitter.personal()
    enter(tx, by, Happening.PEOPLE_SEAT_TAKEN, subject, before=before, personal=personal, organization=where)


def sat_since(source: Transaction, person_id: str, organization_id: str, moment: dt.datetime) -> bool:
    """Whether a person sat in an organization at any time since then: who left it is not an outsider by that."""
    mine = sa.and_(seat.c.person_id == person_id, seat.c.organization_id == organization_id)
    if source.execute(sa.select(seat.c.id).where(mine, sa.or_(seat.c.until.is_(None), seat.c.until > moment))).first():
        return True
    taken = sa.select(ledger.c.seq).where(
        ledger.c.subject == f"person:{person_id}", ledger.c.happening == Happening.PEOPLE_SEAT_TAKEN,
        ledger.c.organization_id == organization_id, ledger.c.at >= moment,
    )  # fmt: skip
    return source.execute(taken.limit(1)).first() is not None


def keep_all(tx: Transaction, person_id: str) -> None:
    """Refuse when somebody who is about to go holds a seat that must not become empty.

    :raises Conflict: naming the seat.
    """
    for row in tx.execute(sa.select(seat).where(seat.c.person_id == person_id, seat.c.until.is_(None))).all():
        _keep(tx, person_id, row.organization_id, Seat(row.seat))


def _keep(tx: Transaction, leaver: str, where: str | None, name: Seat) -> None:
    if name not in _KEPT:
        return
    # Locked first and looked at in a second statement: of two who leave at once, the later sees the earlier gone.
    same = sa.and_(_in(where), seat.c.seat == name, seat.c.until.is_(None))
    tx.execute(sa.select(seat.c.id).where(same).order_by(seat.c.id).with_for_update()).all()
    others = sa.select(seat.c.id).join(person, person.c.id == seat.c.person_id)
    if tx.execute(others.where(same, person.c.id != leaver, person.c.disabled_at.is_(None)).limit(1)).first() is None:
        raise Conflict(f"This is {_KEPT[name]}.", "Seat somebody else first, with no end date.")


def as_actor(store: Store, person_id: object, organization_id: str | None, now: dt.datetime, origin: Origin) -> By:
    """A person with everything they hold, as an actor.

    :raises Missing: nobody has this id, or the person is disabled.
    """
    with store.read() as conn:
        sitter = person_by_id(conn, person_id)
        held = seats_of(conn, sitter.id, now)
    if sitter.disabled_at is not None:
        raise Missing
    return acting(sitter, held, organization_id, None, origin)


def acting(
    sitter: Person,
    held: Iterable[Held],
    organization_id: str | None,
    narrowing: Iterable[str] | None,
    origin: Origin,
    token_id: str | None = None,
) -> By:
    """The person as an actor. An organization's seat reads ``owner@org_…``, and bare ``owner`` in the one acted for.

    That is ``organization_id``, or the only one there is. ``narrowing`` leaves only what those seats contain.
    """
    held = tuple(held)
    places = {one.organization_id for one in held if one.organization_id is not None}
    if organization_id is None and len(places) == 1:
        organization_id = next(iter(places))
    full = {one.seat if one.organization_id is None else f"{one.seat}@{one.organization_id}" for one in held}
    powers = full if narrowing is None else narrowed(full, narrowing)
    here = {power.partition("@")[0] for power in powers if organization_id and power.endswith("@" + organization_id)}
    seats = frozenset(powers | here | {f"{MEMBER}@{place}" for place in places})
    at = organization_id if organization_id in places else None
    return By(
        Actor.PERSON, sitter.id, sitter.title, at, seats, origin.request_id, origin.address,
        narrowed=narrowing is not None, token_id=token_id,
    )  # fmt: skip


def narrowed(powers: Iterable[str], wanted: Iterable[str]) -> set[str]:
    """What of ``wanted`` (``viewer`` anywhere, ``viewer@org_…`` there) the powers contain."""
    wanted = set(wanted)
    found: set[str] = set()
    for power in powers:
        name, _, where = power.partition("@")
        for contained in CONTAINS.get(name, ()):
            exact = f"{contained}@{where}" if where else str(contained)
            if exact in wanted or str(contained) in wanted:
                found.add(exact)
    return found


def powers_of(by: By) -> set[str]:
    """An actor's seats, each with its place, without marks of mere membership."""
    found = set()
    for power in by.seats:
        name, placed, where = power.partition("@")
        if name in HOUSE_SEATS and not placed:
            found.add(power)
        elif name in ORGANIZATION_SEATS and (where if placed else by.organization_id):
            found.add(power if placed else f"{name}@{by.organization_id}")
    return found
