"""The host's signed-in users: recognised by their id, never let into an account by an address nobody proved."""

from __future__ import annotations

import pytest

from flask_apiguard.errors import Denied, Forbidden, Invalid
from flask_apiguard.people import Act, may
from flask_apiguard.values import HostUser

from .conftest import GOOD, OPERATOR, OTHER, House

PROVED = {"email_proved": True}


def test_a_host_user_becomes_a_person_at_first_sight_and_stays_that_one(house: House) -> None:
    by = house.people.for_host_user(HostUser("42", "Ann", "ann@example.com", PROVED))
    again = house.people.for_host_user(HostUser("42", "Ann B.", "other@example.com"))
    assert (by.id, by.name) == (again.id, "Ann")
    assert house.people.person(by.id).email == "ann@example.com"
    assert house.happenings(f"person:{by.id}") == ["people:person:created"]


@pytest.mark.parametrize("said", [{}, {"email_proved": False}, {"email_proved": "yes"}, {"email_proved": 1}])
def test_an_unproved_address_opens_nobodys_account(house: House, said: dict[str, object]) -> None:
    ann = house.member("ann@example.com", None, "administrator")
    by = house.people.for_host_user(HostUser("42", "Eve", "ann@example.com", said))
    assert by.id != ann.id
    assert not may(by, Act.PEOPLE_PERSON_DISABLE)
    assert house.people.person(by.id).email is None
    assert house.people.person(ann.id).host_user_id is None


def test_an_unproved_address_stands_in_nobodys_way(house: House) -> None:
    eve = house.people.for_host_user(HostUser("42", "Eve", "ann@example.com"))
    ann = house.member("ann@example.com")
    assert ann.id != eve.id
    assert house.people.for_host_user(HostUser("42", "Eve")).id == eve.id


def test_a_proved_address_joins_the_account_that_has_it(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    by = house.people.for_host_user(HostUser("42", "Ann", "Ann@Example.com", PROVED))
    assert by.id == ann.id
    assert may(by, Act.PEOPLE_SEAT_GIVE, "org_1")
    assert house.happenings(f"person:{ann.id}")[-1] == "people:host-user:linked"
    with pytest.raises(Forbidden):
        house.people.for_host_user(HostUser("43", "Eve", "ann@example.com", PROVED))


def test_a_proved_address_drops_the_password_a_stranger_left_there(house: House) -> None:
    house.tx(house.people.register, "ann@example.com", "Mallory", OTHER)
    house.people.for_host_user(HostUser("42", "Ann", "ann@example.com", PROVED))
    with pytest.raises(Denied):
        house.people.sign_in("ann@example.com", OTHER)


def test_a_disabled_person_does_not_come_in_by_the_host(house: House) -> None:
    known = house.people.for_host_user(HostUser("42", "Ann"))
    ann = house.member("ann@example.com")
    for person_id in (known.id, ann.id):
        house.tx(house.people.disable, OPERATOR, person_id)
    for user in (HostUser("42"), HostUser("43", "", "ann@example.com", PROVED)):
        with pytest.raises(Forbidden):
            house.people.for_host_user(user)


def test_a_name_or_address_that_can_not_be_shown_keeps_nobody_out(house: House) -> None:
    by = house.people.for_host_user(HostUser("42", "Ann\0\n\ud800" + "x" * 500, "no address", PROVED))
    assert by.name == ("Ann" + "x" * 500)[:200]
    for host_id in ("", " ", "a\0b", "\ud800", "x" * 256):
        with pytest.raises(Invalid):
            house.people.for_host_user(HostUser(host_id))


def test_a_host_users_person_has_no_password_to_guess(house: House) -> None:
    house.people.for_host_user(HostUser("42", "Ann", "ann@example.com", PROVED))
    with pytest.raises(Denied):
        house.people.sign_in("ann@example.com", GOOD)
