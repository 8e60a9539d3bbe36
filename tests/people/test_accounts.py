"""Registering and proving: strangers learn nothing, and nobody waits in somebody else's account."""

from __future__ import annotations

import pytest

from flask_apiguard.errors import Conflict, Denied, Forbidden, Invalid, Missing
from flask_apiguard.people import Origin
from flask_apiguard.people.throttle import WINDOW

from .conftest import GOOD, OPERATOR, OTHER, House

DAY = 86400


def test_somebody_registers_proves_the_address_and_is_signed_in(house: House) -> None:
    made = house.tx(house.people.register, " Ann@Example.COM ", "Ann", GOOD)
    assert house.mailed("ann@example.com") == made.proof
    issued = house.people.prove(made.proof)
    by = house.people.verify_token(issued.secret)
    assert by is not None
    assert (by.id, by.name, by.seats) == (issued.person.id, "Ann", frozenset())
    assert house.people.sign_in("ann@example.com", GOOD).person.id == issued.person.id
    assert house.happenings(f"person:{by.id}") == [
        "people:person:created", "people:address:proved", "people:session:opened", "people:session:opened",
    ]  # fmt: skip


def test_registering_a_known_address_answers_alike_and_tells_only_the_address(house: House) -> None:
    ann = house.member("ann@example.com")
    first = house.tx(house.people.register, "new@example.com", "N", GOOD)
    second = house.tx(house.people.register, "ann@example.com", "N", OTHER)
    assert {**first.answer(), "email": ""} == {**second.answer(), "email": ""}
    assert first.answer().keys() == second.answer().keys()
    assert second.person is None
    assert second.proof is None
    assert house.post[-1].key == "people:known"
    assert "#" not in house.post[-1].text
    assert house.people.person(ann.id).name == "Ann"
    with pytest.raises(Denied):
        house.people.sign_in("ann@example.com", OTHER)


def test_the_proof_is_not_printed(house: House) -> None:
    made = house.tx(house.people.register, "ann@example.com", "Ann", GOOD)
    assert made.proof not in repr(made)
    assert made.person.password_hash not in repr(made)
    issued = house.people.prove(made.proof)
    assert issued.secret not in repr(issued)


def test_a_proof_ends_after_a_day(house: House) -> None:
    made = house.tx(house.people.register, "ann@example.com", "Ann", GOOD)
    house.clock.advance(DAY)
    with pytest.raises(Missing):
        house.people.prove(made.proof)


def test_without_a_proof_nobody_signs_in(house: House) -> None:
    house.tx(house.people.register, "ann@example.com", "Ann", GOOD)
    with pytest.raises(Denied) as refused:
        house.people.sign_in("ann@example.com", GOOD)
    assert refused.value.decision.reason.status == 401


def test_whoever_registers_first_does_not_wait_in_the_account_with_a_password(house: House) -> None:
    first = house.tx(house.people.register, "victim@example.com", "Mallory", OTHER)
    second = house.tx(house.people.register, "victim@example.com", "Victim", GOOD)
    with pytest.raises(Missing):
        house.people.prove(first.proof)
    owner = house.people.prove(second.proof).person
    assert owner.name == "Victim"
    assert not owner.has_password
    for password in (OTHER, GOOD):
        with pytest.raises(Denied):
            house.people.sign_in("victim@example.com", password)


def test_a_link_by_mail_drops_the_password_of_an_unproved_account(house: House) -> None:
    house.tx(house.people.register, "victim@example.com", "Mallory", OTHER)
    house.people.request_link("victim@example.com")
    owner = house.people.sign_in_by_link(house.mailed("victim@example.com")).person
    assert owner.email_proved_at is not None
    assert not owner.has_password


def test_a_password_set_with_the_proof_is_the_one_that_counts(house: House) -> None:
    made = house.tx(house.people.register, "ann@example.com", "Ann", OTHER)
    house.people.prove(made.proof, GOOD)
    assert house.people.sign_in("ann@example.com", GOOD)
    with pytest.raises(Denied):
        house.people.sign_in("ann@example.com", OTHER)


def test_mails_to_one_address_are_few_whether_it_is_known_or_not(house: House) -> None:
    house.member("ann@example.com")
    house.clock.advance(3600)
    for email in ("ann@example.com", "nobody@example.com"):
        for _ in range(5):
            house.people.request_link(email)
        with pytest.raises(Denied) as refused:
            house.people.request_link(email)
        assert refused.value.decision.reason.status == 429
        wait = refused.value.decision.retry_after
        assert wait is not None
        assert 0 < wait <= 2 * WINDOW
        house.clock.advance(wait)
        house.people.request_link(email)


def test_mails_from_one_network_are_few(house: House) -> None:
    for number in range(30):
        house.people.request_link(f"p{number}@example.com", origin=Origin(f"2001:db8::{number}"))
    with pytest.raises(Denied):
        house.people.request_link("last@example.com", origin=Origin("2001:db8::ffff"))
    house.people.request_link("last@example.com", origin=Origin("2001:db8:0:1::1"))


def test_a_disabled_person_is_out_at_once_and_stays_out(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "viewer")
    token, session = house.token(ann), house.people.sign_in("ann@example.com", GOOD)
    house.people.request_link("ann@example.com")
    link = house.mailed("ann@example.com")
    house.tx(house.people.disable, OPERATOR, ann.id)
    assert house.people.verify_token(token.secret) is None
    assert house.people.verify_token(session.secret) is None
    with pytest.raises(Denied):
        house.people.sign_in("ann@example.com", GOOD)
    with pytest.raises(Missing):
        house.people.sign_in_by_link(link)
    with pytest.raises(Missing):
        house.people.acting(ann.id)
    with pytest.raises(Forbidden):
        house.tx(house.people.create_token, OPERATOR, ann.id, "x")
    with pytest.raises(Conflict):
        house.tx(house.people.disable, OPERATOR, ann.id)
    house.tx(house.people.enable, OPERATOR, ann.id)
    assert house.people.verify_token(token.secret) is None, "what was revoked stays revoked"
    assert house.people.sign_in("ann@example.com", GOOD)


def test_only_administrators_disable_people(house: House) -> None:
    boss = house.member("boss@example.com", "org_1", "owner")
    ann = house.member("ann@example.com", "org_1", "viewer")
    with pytest.raises(Forbidden) as refused:
        house.tx(house.people.disable, house.people.acting(boss.id), ann.id)
    assert refused.value.decision.need == "administrator"


@pytest.mark.parametrize(
    "email",
    ["", "ann", "@example.com", "ann@", "ann@example", "a@b@example.com", "ann@exam ple.com", "ann\n@example.com",
     "ann@example.com\r\nBcc: x@example.com", "a" * 65 + "@example.com", "a@" + "b." * 130 + "com", "ann@-x.com",
     "ann@x..com", "<ann@example.com>", "a,b@example.com", "ann\0@example.com", "a\u200bnn@example.com",
     "ann@example.com\ud800", ".ann@example.com", None, 7, ["ann@example.com"]],
)  # fmt: skip
def test_what_is_no_address_is_told_where_it_stands(house: House, email: object) -> None:
    with pytest.raises(Invalid) as refused:
        house.tx(house.people.register, email, "Ann", GOOD)
    assert [flaw.pointer for flaw in refused.value.decision.flaws] == ["/email"]


@pytest.mark.parametrize(
    "email", ["ann+tag@example.com", "o'neil@example.co.uk", "jörg@müller.example", "用户@例え.jp"]
)
def test_an_address_may_be_in_any_script(house: House, email: str) -> None:
    assert house.member(email).email == email


@pytest.mark.parametrize(
    "password",
    ["short", "elevenchars", "Password2024!", "P@ssw0rd1234", "123456789012", "qwertyuiop12", "aaaaaaaaaaaaaaaa",
     "abcabcabcabcabc", "letmein-please-2024", "correcthorsebatterystaple", "x" * 1025, "half \ud800 of a character",
     "ann@example.com", None, 123456789012],
)  # fmt: skip
def test_a_password_that_is_guessed_first_is_refused(house: House, password: object) -> None:
    with pytest.raises(Invalid):
        house.people.hashed(password, "ann@example.com")


@pytest.mark.parametrize(
    "password", ["tr0ub4dor and three", "nul \0 inside is fine", "пароль от всех дверей", "y7" * 3 + GOOD]
)
def test_a_long_password_of_ones_own_is_taken_and_works(house: House, password: str) -> None:
    house.member("ann@example.com", password=password)
    assert house.people.sign_in("ann@example.com", password)


def test_a_nul_does_not_end_a_password(house: House) -> None:
    house.member("ann@example.com", password="nul \0 inside is fine")
    with pytest.raises(Denied):
        house.people.sign_in("ann@example.com", "nul \0 and something else")
