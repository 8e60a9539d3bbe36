"""Seats: who may do what, where, and which seats never become empty."""

from __future__ import annotations

import datetime as dt

import pytest

from flask_apiguard.errors import Conflict, Forbidden, Invalid, Missing
from flask_apiguard.people import Act, Seat, demand, may
from flask_apiguard.values import SYSTEM, Actor, By

from .conftest import OPERATOR, House


def actor(*seats: str, at: str | None = "org_1") -> By:
    return By(Actor.PERSON, "per_x", "X", at, frozenset(seats))


@pytest.mark.parametrize(
    ("seat", "can", "can_not"),
    [
        ("owner", ["people:seat:give", "clients:application:create", "credentials:credential:revoke"],
         ["onboarding:review:decide", "ledger:entry:read", "clients:application:refer"]),
        ("developer", ["clients:application:create", "credentials:credential:create", "onboarding:review:open"],
         ["people:seat:give", "people:invitation:send", "onboarding:application:retire"]),
        ("viewer", ["clients:application:read", "events:event:read"],
         ["clients:application:change", "credentials:credential:create", "people:person:read"]),
        ("reviewer", ["onboarding:review:decide", "clients:application:read"],
         ["people:seat:give", "credentials:credential:create", "quotas:plan:write"]),
        ("auditor", ["ledger:entry:read", "clients:application:read", "events:event:read"],
         ["onboarding:review:decide", "people:seat:give", "clients:client:suspend"]),
        ("administrator", [act.value for act in Act], []),
    ],
)  # fmt: skip
def test_a_seat_may_what_its_name_says(seat: str, can: list[str], can_not: list[str]) -> None:
    by = actor(seat, at="org_1" if seat in ("owner", "developer", "viewer") else None)
    assert [act for act in can if not may(by, Act(act), "org_1")] == []
    assert [act for act in can_not if may(by, Act(act), "org_1")] == []


@pytest.mark.parametrize("act", Act)
def test_a_seat_in_one_organization_opens_nothing_in_another_or_in_the_house(act: Act) -> None:
    for by in (actor("owner", "developer", "viewer"), actor("owner@org_1", at=None)):
        assert not may(by, act, "org_2")
        assert not may(by, act, None)
        with pytest.raises(Missing):
            demand(by, act, "org_2")


@pytest.mark.parametrize("act", Act)
def test_a_client_is_no_person_and_operators_are_recorded_as_such(act: Act) -> None:
    assert not may(By(Actor.CLIENT, "cli_1", "", "org_1", frozenset({"administrator", "owner"})), act, "org_1")
    assert may(OPERATOR, act, "org_1")
    assert may(SYSTEM, act, None)


def test_nobody_decides_for_their_own_organization() -> None:
    for by in (actor("reviewer", "owner"), actor("administrator", "member@org_1", at=None), actor("reviewer")):
        assert not may(by, Act.ONBOARDING_REVIEW_DECIDE, "org_1")
        assert may(by, Act.ONBOARDING_REVIEW_DECIDE, "org_2")
        with pytest.raises(Forbidden):
            demand(by, Act.ONBOARDING_REVIEW_DECIDE, "org_1")


def test_a_made_up_seat_opens_nothing() -> None:
    for name in ("", "Owner", "owner@", "@org_1", "administrator@org_1", "member@org_1", "root"):
        assert not any(may(actor(name), act, "org_1") for act in Act), name


def test_a_refusal_names_the_seats_that_may() -> None:
    with pytest.raises(Forbidden) as refused:
        demand(actor("viewer"), Act.CLIENTS_APPLICATION_CREATE, "org_1")
    assert refused.value.decision.need == "owner, developer, administrator"


def test_acts_are_alphabetical_and_say_what_they_mean() -> None:
    assert [act.value for act in Act] == sorted(act.value for act in Act)
    assert all(act.meaning.endswith(".") for act in Act)


def test_a_person_acts_in_each_organization_with_the_seat_held_there(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    house.tx(house.people.give_seat, OPERATOR, ann.id, "org_2", "viewer")
    by = house.people.acting(ann.id)
    assert by.organization_id is None
    assert may(by, Act.PEOPLE_SEAT_GIVE, "org_1")
    assert not may(by, Act.PEOPLE_SEAT_GIVE, "org_2")
    assert may(by, Act.EVENTS_EVENT_READ, "org_2")
    there = house.people.acting(ann.id, "org_2")
    assert there.organization_id == "org_2"
    assert "viewer" in there.seats
    assert "owner" not in there.seats
    elsewhere = house.people.acting(ann.id, "org_3")
    assert elsewhere.organization_id is None
    assert not may(elsewhere, Act.EVENTS_EVENT_READ, "org_3")


def test_a_seat_counts_until_its_date(house: House) -> None:
    ann = house.member("ann@example.com")
    until = house.clock.now() + dt.timedelta(days=1)
    house.tx(house.people.give_seat, OPERATOR, ann.id, "org_1", "viewer", until=until)
    token = house.token(ann)
    assert may(house.people.verify_token(token.secret), Act.EVENTS_EVENT_READ, "org_1")
    house.clock.advance(86400)
    assert house.people.seats_of(ann.id) == ()
    assert not may(house.people.verify_token(token.secret), Act.EVENTS_EVENT_READ, "org_1")


def test_a_seat_taken_counts_at_once(house: House) -> None:
    house.member("boss@example.com", "org_1", "owner")
    ann = house.member("ann@example.com", "org_1", "owner")
    token = house.token(ann)
    house.tx(house.people.take_seat, OPERATOR, ann.id, "org_1", "owner")
    assert house.people.verify_token(token.secret).seats == frozenset()
    with pytest.raises(Missing):
        house.tx(house.people.take_seat, OPERATOR, ann.id, "org_1", "owner")


@pytest.mark.parametrize(("where", "seat"), [("org_1", "owner"), (None, "administrator")])
def test_the_last_owner_and_the_last_administrator_stay(house: House, where: str | None, seat: str) -> None:
    ann, bob = house.member("ann@example.com", where, seat), house.member("bob@example.com", where, seat)
    house.tx(house.people.disable, OPERATOR, bob.id)
    tomorrow = house.clock.now() + dt.timedelta(days=1)
    for attempt in (
        lambda: house.tx(house.people.take_seat, OPERATOR, ann.id, where, seat),
        lambda: house.tx(house.people.take_seat, house.people.acting(ann.id, where), ann.id, where, seat),
        lambda: house.tx(house.people.disable, OPERATOR, ann.id),
        lambda: house.tx(house.people.give_seat, OPERATOR, ann.id, where, seat, until=tomorrow),
    ):
        with pytest.raises(Conflict):
            attempt()
    house.tx(house.people.enable, OPERATOR, bob.id)
    house.tx(house.people.take_seat, OPERATOR, ann.id, where, seat)
    assert house.people.person(ann.id).disabled_at is None


def test_giving_a_seat_twice_changes_its_date_only(house: House) -> None:
    ann = house.member("ann@example.com", None, "auditor", "auditor")
    assert len(house.people.seats_of(ann.id)) == 1
    assert [held.person_id for held in house.people.members_of(None)] == [ann.id]


def test_an_owner_gives_seats_at_home_only(house: House) -> None:
    boss, ann = house.member("boss@example.com", "org_1", "owner"), house.member("ann@example.com")
    by = house.people.acting(boss.id)
    house.tx(house.people.give_seat, by, ann.id, "org_1", "viewer")
    with pytest.raises(Missing):
        house.tx(house.people.give_seat, by, ann.id, "org_2", "viewer")
    with pytest.raises(Forbidden):
        house.tx(house.people.give_seat, by, boss.id, None, "administrator")
    with pytest.raises(Invalid):
        house.tx(house.people.give_seat, by, boss.id, "org_1", "administrator")
    with pytest.raises(Forbidden):
        house.tx(house.people.give_seat, house.people.acting(ann.id), ann.id, "org_1", Seat.OWNER)
    house.tx(house.people.take_seat, house.people.acting(ann.id), ann.id, "org_1", "viewer")  # one may leave
