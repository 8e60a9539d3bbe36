"""Invitations: the seat goes to whoever holds the address, once, and only as long as the sender might give it."""

from __future__ import annotations

import pytest

from flask_apiguard.errors import Conflict, Denied, Forbidden, Invalid, Missing
from flask_apiguard.people import Act, may
from flask_apiguard.values import By

from .conftest import GOOD, OPERATOR, OTHER, House

WEEK = 7 * 86400


@pytest.fixture
def boss(house: House) -> By:
    by = house.people.acting(house.member("boss@example.com", "org_1", "owner").id)
    house.clock.advance(1)
    return by


def test_an_invited_stranger_gets_account_seat_and_session(house: House, boss: By) -> None:
    offered = house.tx(house.people.invite, boss, "Ann@example.com", "org_1", "developer")
    assert [one.id for one in house.people.invitations("org_1")] == [offered.id]
    issued = house.people.accept(house.mailed("ann@example.com"), "Ann", GOOD)
    assert may(house.people.verify_token(issued.secret), Act.CLIENTS_APPLICATION_CREATE, "org_1")
    assert house.people.sign_in("ann@example.com", GOOD)
    assert house.people.invitations("org_1") == ()
    assert house.happenings(f"invitation:{offered.id}") == ["people:invitation:sent", "people:invitation:accepted"]


def test_who_invites_never_sees_the_token_but_an_operator_does(house: House, boss: By) -> None:
    assert house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer").secret is None
    shown = house.tx(house.people.invite, OPERATOR, "ann@example.com", "org_1", "viewer")
    assert shown.secret == house.mailed("ann@example.com")
    assert shown.secret not in repr(shown)


def test_an_invitation_changes_neither_name_nor_password_of_a_proved_account(house: House, boss: By) -> None:
    ann = house.member("ann@example.com")
    house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer")
    assert house.people.accept(house.mailed("ann@example.com"), "Other", OTHER).person.id == ann.id
    assert house.people.person(ann.id).name == "Ann"
    assert house.people.sign_in("ann@example.com", GOOD)


def test_an_invitation_drops_what_a_stranger_registered_before(house: House, boss: By) -> None:
    house.tx(house.people.register, "ann@example.com", "Mallory", OTHER)
    house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer")
    assert house.people.accept(house.mailed("ann@example.com"), "Ann").person.name == "Ann"
    with pytest.raises(Denied):
        house.people.sign_in("ann@example.com", OTHER)


def test_an_invitation_is_good_once_and_for_a_week(house: House, boss: By) -> None:
    house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer")
    first = house.mailed("ann@example.com")
    house.people.accept(first)
    house.tx(house.people.invite, boss, "bob@example.com", "org_1", "viewer")
    late = house.mailed("bob@example.com")
    house.clock.advance(WEEK)
    for secret in (first, late):
        with pytest.raises(Missing):
            house.people.accept(secret)


def test_a_withdrawn_invitation_opens_nothing(house: House, boss: By) -> None:
    offered = house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer")
    stranger = house.people.acting(house.member("eve@example.com", "org_2", "owner").id)
    with pytest.raises(Missing):
        house.tx(house.people.withdraw, stranger, offered.id)
    house.tx(house.people.withdraw, boss, offered.id)
    with pytest.raises(Missing):
        house.people.accept(house.mailed("ann@example.com"))
    with pytest.raises(Missing):
        house.tx(house.people.withdraw, stranger, offered.id)
    house.tx(house.people.withdraw, boss, offered.id)
    assert house.happenings().count("people:invitation:withdrawn") == 1, "again is the same as once"


def test_an_invitation_that_was_accepted_is_not_taken_back(house: House, boss: By) -> None:
    offered = house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer")
    house.people.accept(house.mailed("ann@example.com"))
    with pytest.raises(Missing):
        house.tx(house.people.withdraw, boss, offered.id)


@pytest.mark.parametrize("leaving", ["seat taken", "disabled"])
def test_an_owner_who_left_leaves_no_door_open(house: House, boss: By, leaving: str) -> None:
    house.member("other@example.com", "org_1", "owner")
    house.tx(house.people.invite, boss, "ann@example.com", "org_1", "owner")
    if leaving == "disabled":
        house.tx(house.people.disable, OPERATOR, boss.id)
    else:
        house.tx(house.people.take_seat, OPERATOR, boss.id, "org_1", "owner")
    with pytest.raises(Missing):
        house.people.accept(house.mailed("ann@example.com"))


def test_a_disabled_person_accepts_nothing(house: House, boss: By) -> None:
    ann = house.member("ann@example.com")
    house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer")
    house.tx(house.people.disable, OPERATOR, ann.id)
    with pytest.raises(Forbidden):
        house.people.accept(house.mailed("ann@example.com"))
    house.tx(house.people.enable, OPERATOR, ann.id)
    assert house.people.accept(house.mailed("ann@example.com")), "a refused attempt used nothing up"


def test_invitations_follow_the_table_of_acts(house: House, boss: By) -> None:
    dev = house.people.acting(house.member("dev@example.com", "org_1", "developer").id)
    for by, where, seat, error in (
        (dev, "org_1", "viewer", Forbidden),
        (boss, "org_2", "viewer", Missing),
        (boss, None, "administrator", Forbidden),
        (boss, "org_1", "administrator", Invalid),
        (OPERATOR, None, "owner", Invalid),
    ):
        with pytest.raises(error):
            house.tx(house.people.invite, by, "ann@example.com", where, seat)


def test_an_invitation_to_a_seat_held_for_a_while_makes_it_lasting(house: House, boss: By) -> None:
    ann = house.member("ann@example.com", "org_1", "viewer")
    house.tx(house.people.invite, boss, "ann@example.com", "org_1", "viewer")
    house.people.accept(house.mailed("ann@example.com"))
    assert [(held.seat, held.until) for held in house.people.seats_of(ann.id)] == [("viewer", None)]


def test_the_first_administrator_signs_in_by_the_link_and_is_the_only_first(house: House) -> None:
    house.tx(house.people.register, "root@example.com", "Mallory", OTHER)
    first = house.tx(house.people.first_administrator, OPERATOR, "root@example.com", "Root")
    assert first.link.startswith("https://api.example/apiguard/sign-in#acme_sign-in_")
    assert first.link not in repr(first)
    issued = house.people.sign_in_by_link(first.link.partition("#")[2])
    assert may(house.people.verify_token(issued.secret), Act.SETTINGS_SETTING_WRITE)
    with pytest.raises(Denied):
        house.people.sign_in("root@example.com", OTHER)
    with pytest.raises(Conflict):
        house.tx(house.people.first_administrator, OPERATOR, "two@example.com")
    with pytest.raises(Forbidden):
        house.tx(house.people.first_administrator, By(OPERATOR.kind.PERSON, "per_x"), "x@example.com")


def test_one_person_sends_few_invitations_and_an_operator_as_many_as_are_needed(house: House, boss: By) -> None:
    for count in range(30):
        house.tx(house.people.invite, boss, f"guest{count}@example.com", "org_1", "viewer")
    with pytest.raises(Denied) as refused:
        house.tx(house.people.invite, boss, "last@example.com", "org_1", "viewer")
    assert refused.value.decision.reason.status == 429
    house.tx(house.people.invite, OPERATOR, "last@example.com", "org_1", "viewer")
