"""Whatever is typed: a refusal that says what is wrong, nothing stored, and never a fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.errors import Conflict, Denied, Forbidden, Invalid, Missing
from flask_apiguard.people.common import too_common
from flask_apiguard.people.fields import normal_email
from flask_apiguard.people.tables import invitation, person, person_token, seat
from flask_apiguard.people.throttle import MAILS_TO_ONE, Throttle
from flask_apiguard.values import Actor, By, subscriber_of

from .conftest import GOOD, OPERATOR, House, new_house

#: With lone surrogates, which JSON may carry.
ODD_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
ODD = ODD_TEXT | st.none() | st.integers() | st.booleans() | st.binary(max_size=9) | st.lists(ODD_TEXT, max_size=2)
TOLD = (Invalid, Forbidden, Missing, Denied, Conflict)


class Free:
    """Lets everybody try as often as they like."""

    def begin(self, **_: tuple[str, int]) -> None:
        """As often."""

    def give_back(self, **_: str) -> None:
        """Nothing was taken."""


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder: Path = tmp_path_factory.mktemp("odd")
    house = new_house(f"sqlite:///{folder}/apiguard.db")
    object.__setattr__(house.people._desk, "throttle", Throttle(Free()))
    house.member("ann@example.com", "org_1", "owner")
    return house


def told(act: Callable[..., Any], *args: Any) -> None:
    try:
        act(*args)
    except TOLD:
        return
    raise AssertionError("this should have been refused")


def counted(house: House) -> list[int]:
    with house.store.read() as conn:
        tables = (person, seat, invitation, person_token)
        return [conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]


@given(odd=ODD)
def test_odd_values_are_refused_at_every_door_and_leave_nothing(lasting: House, odd: Any) -> None:
    people, before = lasting.people, counted(lasting)
    ann = people.person_by_email("ann@example.com")
    assert ann is not None
    for act in (people.prove, people.sign_in_by_link, people.accept, people.sign_out):
        told(act, odd)
    for act in (people.person, people.sessions, people.seats_of, people.acting):
        told(act, odd)
    told(people.sign_in, odd, GOOD)
    told(people.sign_in, "ann@example.com", odd)
    told(people.change_password, odd, odd, odd)
    told(lasting.tx, people.give_seat, OPERATOR, odd, "org_1", "viewer")
    told(lasting.tx, people.give_seat, OPERATOR, ann.id, "org_1", odd)
    told(lasting.tx, people.take_seat, OPERATOR, ann.id, odd, "developer")
    told(lasting.tx, people.invite, OPERATOR, odd, "org_1", "viewer")
    told(lasting.tx, people.revoke_token, OPERATOR, odd)
    told(lasting.tx, people.withdraw, OPERATOR, odd)
    told(lasting.tx, people.disable, OPERATOR, odd)
    assert people.verify_token(odd) is None
    assert counted(lasting) == before


@given(odd=ODD)
def test_an_odd_organization_is_missing_or_just_text(lasting: House, odd: Any) -> None:
    try:
        assert isinstance(lasting.people.members_of(odd), tuple)
    except Missing:
        pass


@given(text=st.text(max_size=300) | st.emails())
def test_an_address_has_one_form_only(text: str) -> None:
    once = normal_email(text)
    if once is not None:
        assert normal_email(once) == once
        assert normal_email(text.upper().lower()) in (once, normal_email(text.upper()))
        assert once.isprintable()
        assert len(once.encode()) <= 254


@given(st.text(max_size=1024))
def test_judging_a_password_never_fails(text: str) -> None:
    assert too_common(text) in (True, False)


def test_who_has_no_name_is_not_counted(house: House) -> None:
    throttle = house.people._desk.throttle
    for _ in range(3):
        throttle.take(account=("", 0))  # nobody knows the address: nothing to count by
        throttle.take(account=("a", 1), network=("", 0))
        throttle.forgive(account="a", network="")
    throttle.take(account=("a", 1))
    with pytest.raises(Denied):
        throttle.take(account=("a", 1))


def test_what_operators_send_is_free(house: House) -> None:
    throttle = house.people._desk.throttle
    for _ in range(MAILS_TO_ONE + 1):
        throttle.mail(OPERATOR, "ann@example.com")
    for _ in range(MAILS_TO_ONE):
        throttle.mail(By(Actor.PERSON, "per_1"), "ann@example.com")
    with pytest.raises(Denied):
        throttle.mail(By(Actor.USER, "u7"), "ann@example.com")


def test_a_network_is_what_one_subscriber_holds() -> None:
    assert subscriber_of("192.0.2.7") == "192.0.2.7" == subscriber_of("::ffff:192.0.2.7")
    assert subscriber_of("2001:db8::1") == subscriber_of("2001:db8::ffff%eth0") == "2001:db8::/64"
    assert subscriber_of("") == ""
    assert subscriber_of("not an address" * 9) == ("not an address" * 9)[:64]
