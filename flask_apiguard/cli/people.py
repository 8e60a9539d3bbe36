"""``people``: who may do what in portal, console and here."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from ..clients import registry
from ..errors import Missing
from ..people import HOUSE_SEATS, ORGANIZATION_SEATS, Act, Person, may
from .common import Desk, Refused, command, moment, span
from .walk import every_organization

SEATS = sorted({*(seat.value for seat in HOUSE_SEATS), *(seat.value for seat in ORGANIZATION_SEATS)})


@click.group()
def people() -> None:
    """Persons and their seats: list, invite, withdraw, seat, disable, token."""


@command(people, "list")
@click.option("--organization", "organization_id", help="Only those of this organization.")
def list_(desk: Desk, organization_id: str | None) -> None:
    """List who holds which seat, and which are offered."""
    found = everybody(desk, organization_id)
    columns = ("person", "name", "email", "seat", "organization", "since", "until", "state")
    desk.rows(found, columns, "Nobody. Begin with: flask apiguard init --email YOU@EXAMPLE.ORG")


def everybody(desk: Desk, organization_id: str | None = None) -> list[dict[str, Any]]:
    """A row for each seat that is held or offered, as far as the actor may see them."""
    house = desk.house
    places: list[str | None]
    with house.store.read() as conn:
        if organization_id is not None:
            registry.organization(conn, organization_id)
            desk.demand(Act.PEOPLE_PERSON_READ, organization_id)
            places = [organization_id]
        else:
            everywhere = [None, *(one.id for one in every_organization(conn))]
            places = [place for place in everywhere if may(desk.by, Act.PEOPLE_PERSON_READ, place)]
    known: dict[str, Person] = {}
    found = []
    for place in places:
        for held in house.people.members_of(place):
            one = known.setdefault(held.person_id, house.people.person(held.person_id))
            found.append({
                "person": one.id, "name": one.name, "email": one.email, "seat": held.seat, "organization": place,
                "since": held.since, "until": held.until, "state": "disabled" if one.disabled_at else "seated",
            })  # fmt: skip
        found += [
            {
                "invitation": one.id, "email": one.email, "seat": one.seat, "organization": place,
                "until": one.expires_at, "state": "invited",
            }
            for one in house.people.invitations(place)
        ]  # fmt: skip
    return found


@command(people, "invite")
@click.argument("email")
@click.option("--seat", type=click.Choice(SEATS), required=True, help="The seat that is offered.")
@click.option("--organization", "organization_id", help="The seat's organization; without it, a seat of the house.")
def invite(desk: Desk, email: str, seat: str, organization_id: str | None) -> None:
    """Offer somebody a seat by mail, for seven days. An operator sees the token too."""
    with desk.house.store.write() as tx:
        if organization_id is not None:
            registry.organization(tx, organization_id)
        made = desk.house.people.invite(tx, desk.by, email, organization_id, seat)
    desk.facts({
        "invitation": made.id, "email": made.email, "seat": made.seat, "organization": made.organization_id,
        "expires": made.expires_at, "token": made.secret,
    })  # fmt: skip


@command(people, "withdraw")
@click.argument("invitation_id", metavar="INVITATION")
def withdraw(desk: Desk, invitation_id: str) -> None:
    """Take an invitation back: what was sent opens nothing any more."""
    with desk.house.store.write() as tx:
        desk.act = Act.PEOPLE_INVITATION_SEND
        desk.house.people.withdraw(tx, desk.by, invitation_id)
    desk.answer({"invitation": invitation_id, "state": "withdrawn"}, f"{invitation_id} is withdrawn.")


@command(people, "seat")
@click.argument("who", metavar="EMAIL|PERSON")
@click.argument("seat", type=click.Choice(SEATS))
@click.option("--organization", "organization_id", help="The seat's organization; without it, a seat of the house.")
@click.option("--take", is_flag=True, help="Take the seat away instead.")
@click.option("--until", type=moment, metavar="DATE", help="Until when; by default without end.")
def seat_(desk: Desk, who: str, seat: str, organization_id: str | None, take: bool, until: dt.datetime | None) -> None:
    """Give somebody with an account a seat, or take it; the last owner and the last administrator stay."""
    person = person_of(desk, who)
    with desk.house.store.write() as tx:
        if organization_id is not None:
            registry.organization(tx, organization_id)
        if take:
            desk.house.people.take_seat(tx, desk.by, person.id, organization_id, seat)
        else:
            desk.house.people.give_seat(tx, desk.by, person.id, organization_id, seat, until=until)
    held = desk.house.people.seats_of(person.id)
    desk.facts({
        "person": person.id, "email": person.email,
        "seats": [one.seat if one.organization_id is None else f"{one.seat}@{one.organization_id}" for one in held],
    })  # fmt: skip


@command(people, "disable")
@click.argument("who", metavar="EMAIL|PERSON")
@click.option("--enable", is_flag=True, help="Let them in again instead.")
def disable(desk: Desk, who: str, enable: bool) -> None:
    """Shut somebody out at once: sessions and tokens end."""
    person = person_of(desk, who)
    with desk.house.store.write() as tx:
        if enable:
            desk.house.people.enable(tx, desk.by, person.id)
        else:
            desk.house.people.disable(tx, desk.by, person.id)
    state = "enabled" if enable else "disabled"
    desk.answer({"person": person.id, "state": state}, f"{person.id} is {state}.")


@command(people, "token")
@click.argument("who", metavar="EMAIL|PERSON")
@click.option("--name", default="command line", show_default=True, help="What the token is for.")
@click.option("--lifetime", type=span, help="How long it lives, such as 8h; at most APIGUARD_PERSON_TOKEN_LIFETIME.")
@click.option("--seat", "seats", multiple=True, help="Narrow it to this seat (viewer, owner@org_…); may be repeated.")
def token(desk: Desk, who: str, name: str, lifetime: dt.timedelta | None, seats: tuple[str, ...]) -> None:
    """Make a person token for API and command line, shown once."""
    person = person_of(desk, who)
    seconds = None if lifetime is None else int(lifetime.total_seconds())
    with desk.house.store.write() as tx:
        made = desk.house.people.create_token(tx, desk.by, person.id, name, seconds, seats or None)
    told = {"person": person.id, "id": made.id, "expires": made.expires_at, "token": made.secret}
    text = f"{made.id} ends at {made.expires_at:%Y-%m-%d %H:%M} UTC. The token, shown once:\n{made.secret}"
    desk.answer(told, text)


@command(people, "tokens")
@click.argument("who", metavar="EMAIL|PERSON")
@click.option("--revoke", "token_id", metavar="ID", help="End this session or token at once.")
def tokens(desk: Desk, who: str, token_id: str | None) -> None:
    """List somebody's live sessions and tokens, or end one."""
    person = person_of(desk, who)
    if desk.by.id != person.id:
        desk.demand(Act.PEOPLE_PERSON_DISABLE)
    if token_id is not None:
        with desk.house.store.write() as tx:
            desk.house.people.revoke_token(tx, desk.by, token_id)
    live = desk.house.people.sessions(person.id)
    found = [{name: getattr(one, name) for name in type(one).__slots__} for one in live]
    desk.rows(found, ("id", "kind", "name", "seats", "created_at", "expires_at", "last_used_at"), "None is live.")


def person_of(desk: Desk, who: str) -> Person:
    """The person with this id or address.

    :raises Refused: nobody has it.
    """
    if "@" not in who:
        return desk.house.people.person(who)
    try:
        found = desk.house.people.person_by_email(who)
    except Missing:
        found = None
    if found is None:
        raise Refused(
            "Nobody with this address has an account.", f"Invite them: flask apiguard people invite {who} --seat SEAT"
        )
    return found
