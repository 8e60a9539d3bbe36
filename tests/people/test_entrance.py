"""Signing in: the same answer and the same work for every refusal, a new session each time, an end to every one."""

from __future__ import annotations

from typing import Literal

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters

from flask_apiguard.errors import Denied, Forbidden, Missing
from flask_apiguard.people import NOWHERE, Issued, Origin, Passwords
from flask_apiguard.people.passwords import owasp
from flask_apiguard.people.throttle import WINDOW

from .conftest import GOOD, OPERATOR, OTHER, House


def refusal(house: House, email: str, password: str = OTHER, origin: Origin = NOWHERE) -> tuple[object, ...]:
    with pytest.raises(Denied) as refused:
        house.people.sign_in(email, password, origin=origin)
    decision = refused.value.decision
    return decision.reason, decision.detail, decision.need, decision.headers


def test_unknown_unproved_disabled_and_passwordless_people_are_refused_alike(house: House) -> None:
    house.member("ann@example.com")
    house.tx(house.people.register, "unproved@example.com", "U", GOOD)
    house.tx(house.people.disable, OPERATOR, house.member("disabled@example.com").id)
    house.people.prove(house.tx(house.people.register, "bare@example.com", "B").proof)
    answers = {refusal(house, f"{who}@example.com") for who in ("ann", "nobody", "unproved", "disabled", "bare")}
    answers |= {refusal(house, f"{who}@example.com", GOOD) for who in ("nobody", "unproved", "disabled", "bare")}
    assert len(answers) == 1


class Counting(PasswordHasher):
    """The hasher of production, which takes down what it works out: with which parameters, each time."""

    __slots__ = ("worked",)

    def __init__(self) -> None:
        super().__init__()
        self._parameters = owasp()._parameters
        self.worked: list[Parameters] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.worked.append(self._parameters)
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.worked.append(extract_parameters(str(hash)))
        return super().verify(hash, password)


def test_every_refusal_costs_one_hash(house: House) -> None:
    counting = Counting()
    object.__setattr__(house.people._desk, "passwords", Passwords(counting))
    house.member("ann@example.com")
    refusal(house, "nobody@example.com")  # the hash of nobody is made once
    for email in ("ann@example.com", "nobody@example.com", "nobody@example.org", "ann@example.com"):
        counting.worked.clear()
        refusal(house, email)
        assert counting.worked == [owasp()._parameters]


def test_each_sign_in_opens_a_session_of_its_own(house: House) -> None:
    house.member("ann@example.com")
    first, second = (house.people.sign_in("ann@example.com", GOOD) for _ in range(2))
    assert first.secret != second.secret
    assert first.id != second.id
    house.people.sign_out(first.secret)
    assert house.people.verify_token(first.secret) is None
    assert house.people.verify_token(second.secret) is not None
    with pytest.raises(Denied):
        house.people.sign_out(first.secret)


def test_a_session_ends_after_twelve_hours(house: House) -> None:
    house.member("ann@example.com")
    session = house.people.sign_in("ann@example.com", GOOD)
    house.clock.advance(12 * 3600 - 60)
    assert house.people.verify_token(session.secret)
    house.clock.advance(60)
    assert house.people.verify_token(session.secret) is None


def test_ten_wrong_passwords_close_the_account_for_a_while_and_a_stranger_too(house: House) -> None:
    house.member("ann@example.com")
    for email in ("ann@example.com", "nobody@example.com"):
        for _ in range(10):
            assert refusal(house, email)[0].status == 401
        assert refusal(house, email, GOOD)[0].status == 429
    house.people.request_link("ann@example.com")
    assert house.people.sign_in_by_link(house.mailed("ann@example.com")), "the mail still opens"
    house.clock.advance(2 * WINDOW)
    assert house.people.sign_in("ann@example.com", GOOD)


def test_one_network_may_not_try_many_accounts_but_good_sign_ins_are_free(house: House) -> None:
    house.member("ann@example.com")
    office = Origin("192.0.2.1")
    for _ in range(70):
        house.people.sign_in("ann@example.com", GOOD, origin=office)
    for number in range(60):
        assert refusal(house, f"p{number}@example.com", origin=office)[0].status == 401
    assert refusal(house, "last@example.com", origin=office)[0].status == 429
    assert refusal(house, "last@example.com", origin=Origin("192.0.2.2"))[0].status == 401


def test_a_link_opens_once_and_for_a_quarter_of_an_hour(house: House) -> None:
    house.member("ann@example.com")
    house.people.request_link("ann@example.com")
    first = house.mailed("ann@example.com")
    assert house.people.sign_in_by_link(first)
    house.people.request_link("ann@example.com")
    second = house.mailed("ann@example.com")
    house.clock.advance(900)
    for spent in (first, second):
        with pytest.raises(Missing):
            house.people.sign_in_by_link(spent)


def test_asking_for_a_link_tells_nothing_about_the_address(house: House) -> None:
    house.member("ann@example.com")
    before = len(house.post)
    house.people.request_link("ann@example.com")
    house.people.request_link("nobody@example.com")
    keys = [notice.key.split(":")[1] for notice in house.post[before:]]
    assert keys == ["link", "no-account"]
    assert "#" not in house.post[-1].text


def test_a_token_opens_only_what_it_was_made_for(house: House) -> None:
    ann = house.member("ann@example.com")
    house.people.request_link("ann@example.com")
    link, session, token = (
        house.mailed("ann@example.com"),
        house.people.sign_in("ann@example.com", GOOD),
        house.token(ann),
    )
    assert house.people.verify_token(link) is None
    for wrong in (session.secret, token.secret):
        for door in (house.people.sign_in_by_link, house.people.prove, house.people.accept):
            with pytest.raises(Missing):
                door(wrong)
    with pytest.raises(Missing):
        house.people.prove(link)
    with pytest.raises(Denied):
        house.people.change_password(token.secret, GOOD, OTHER)
    assert house.people.sign_in_by_link(link)


def test_another_password_ends_every_other_session_and_every_link(house: House) -> None:
    ann = house.member("ann@example.com")
    here, there, token = (house.people.sign_in("ann@example.com", GOOD) for _ in range(2)), None, house.token(ann)
    first, there = here
    house.people.request_link("ann@example.com")
    link = house.mailed("ann@example.com")
    house.people.change_password(first.secret, GOOD, OTHER)
    assert house.people.verify_token(first.secret)
    assert house.people.verify_token(there.secret) is None
    assert house.people.verify_token(token.secret), "a program's token is listed and revoked by hand"
    with pytest.raises(Missing):
        house.people.sign_in_by_link(link)
    refusal(house, "ann@example.com", GOOD)
    assert house.people.sign_in("ann@example.com", OTHER)
    assert house.post[-1].key == "people:password"


def by_link(house: House) -> Issued:
    house.people.request_link("ann@example.com")
    return house.people.sign_in_by_link(house.mailed("ann@example.com"))


def test_a_forgotten_password_is_replaced_right_after_a_sign_in_by_mail(house: House) -> None:
    house.member("ann@example.com")
    session = by_link(house)
    with pytest.raises(Forbidden):
        house.people.change_password(session.secret, "not the current one", OTHER)
    house.people.change_password(session.secret, None, OTHER)
    assert house.people.sign_in("ann@example.com", OTHER)


def test_a_session_that_was_left_open_sets_no_password(house: House) -> None:
    house.member("ann@example.com")
    typed, mailed = house.people.sign_in("ann@example.com", GOOD), by_link(house)
    house.clock.advance(901)
    for session in (typed, mailed):
        with pytest.raises(Forbidden):
            house.people.change_password(session.secret, None, OTHER)


def test_an_older_hash_is_renewed_at_sign_in(house: House) -> None:
    ann = house.member("ann@example.com")
    object.__setattr__(house.people._desk, "passwords", Passwords())
    house.people.sign_in("ann@example.com", GOOD)
    renewed = house.people.person(ann.id).password_hash
    assert renewed != ann.password_hash
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert house.people.sign_in("ann@example.com", GOOD)
