"""Person tokens: shown once, kept as digests, never stronger than who made them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_apiguard.crypto import checksum
from flask_apiguard.errors import Forbidden, Invalid, Missing
from flask_apiguard.people import Act, may
from flask_apiguard.people.tables import person_token

from .conftest import GOOD, OPERATOR, House

DAY = 86400


def test_a_token_names_brand_and_kind_and_is_kept_as_a_digest(house: House) -> None:
    issued = house.token(house.member("ann@example.com"))
    brand, kind, token_id, random, crc = issued.secret.split("_")
    assert (brand, kind, "pt_" + token_id, len(random)) == ("acme", "person", issued.id, 32)
    assert checksum(issued.secret[:-7]) == crc
    path = house.store.path
    assert path is not None
    house.store.close()
    everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert random.encode() not in everything
    assert GOOD.encode() not in everything


def test_a_changed_secret_opens_nothing(house: House) -> None:
    secret = house.token(house.member("ann@example.com")).secret
    body = secret[:-7]
    flipped = body[:-1] + ("A" if body[-1] != "A" else "B")
    forged = [secret[:-1], secret + "x", flipped + "_" + checksum(flipped), secret * 9, "a_b_c_d_e", "\ud800"]
    forged += [secret.replace("acme", "acne"), secret.replace("person", "session"), ""]
    for wrong in (*forged, None, 7, b"x"):
        assert house.people.verify_token(wrong) is None


def test_a_token_ends_by_date_and_by_revocation(house: House) -> None:
    ann = house.member("ann@example.com")
    first, second = house.token(ann), house.token(ann, lifetime=60)
    house.clock.advance(60)
    assert house.people.verify_token(second.secret) is None
    by = house.people.verify_token(first.secret)
    house.tx(house.people.revoke_token, by, first.id)
    assert house.people.verify_token(first.secret) is None
    for ended in (first, second):
        house.tx(house.people.revoke_token, by, ended.id)
    assert house.happenings().count("people:token:revoked") == 1, "again is the same as once"
    default = house.token(ann)
    house.clock.advance(90 * DAY)
    assert house.people.verify_token(default.secret) is None


def test_nobody_revokes_or_finds_out_about_the_tokens_of_others(house: House) -> None:
    token = house.token(house.member("ann@example.com", "org_1", "viewer"))
    boss = house.people.acting(house.member("boss@example.com", "org_1", "owner").id)
    with pytest.raises(Missing):
        house.tx(house.people.revoke_token, boss, token.id)
    admin = house.people.acting(house.member("root@example.com", None, "administrator").id)
    house.tx(house.people.revoke_token, admin, token.id)
    assert house.people.verify_token(token.secret) is None


def test_nobody_makes_a_token_for_somebody_else(house: House) -> None:
    ann = house.member("ann@example.com")
    admin = house.people.acting(house.member("root@example.com", None, "administrator").id)
    with pytest.raises(Forbidden):
        house.tx(house.people.create_token, admin, ann.id, "x")
    assert house.tx(house.people.create_token, OPERATOR, ann.id, "x")


@pytest.mark.parametrize("lifetime", [0, 59, 90 * DAY + 1, -1, True, "60", 1.5])
def test_a_lifetime_is_seconds_up_to_the_setting(house: House, lifetime: object) -> None:
    with pytest.raises(Invalid):
        house.token(house.member("ann@example.com"), lifetime=lifetime)


@pytest.mark.parametrize("seats", ["viewer", ["root"], ["owner@"], ["auditor@org_1"], [None], ["owner@a b"], [["x"]]])
def test_a_narrowing_is_a_list_of_seats(house: House, seats: object) -> None:
    with pytest.raises(Invalid):
        house.token(house.member("ann@example.com"), seats=seats)


def test_a_token_may_be_narrowed_to_less_than_the_seat(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    by = house.people.verify_token(house.token(ann, seats=["viewer"]).secret)
    assert may(by, Act.CLIENTS_APPLICATION_READ, "org_1")
    assert not may(by, Act.CLIENTS_APPLICATION_CREATE, "org_1")
    higher = house.people.verify_token(house.token(ann, seats=["administrator", "owner@org_2"]).secret)
    assert not any(may(higher, act, place) for act in Act for place in ("org_1", "org_2", None))


def test_a_narrowed_token_makes_only_tokens_as_narrow(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    narrow = house.people.verify_token(house.token(ann, seats=["viewer"]).secret)
    for seats in (None, ["owner"], ["owner@org_1", "viewer"]):
        made = house.tx(house.people.create_token, narrow, ann.id, "wider?", None, seats)
        by = house.people.verify_token(made.secret)
        assert not may(by, Act.CLIENTS_APPLICATION_CREATE, "org_1")


def test_a_narrowed_token_makes_narrow_ones_whatever_its_person_becomes(house: House) -> None:
    ann = house.member("ann@example.com")
    narrow = house.people.verify_token(house.token(ann, seats=["viewer"]).secret)
    child = house.tx(house.people.create_token, narrow, ann.id, "child")
    grandchild = house.tx(house.people.create_token, house.people.verify_token(child.secret), ann.id, "grandchild")
    house.tx(house.people.give_seat, OPERATOR, ann.id, None, "administrator")
    house.tx(house.people.give_seat, OPERATOR, ann.id, "org_1", "owner")
    for secret in (child.secret, grandchild.secret):
        by = house.people.verify_token(secret)
        assert by.narrowed
        assert not any(may(by, act, place) for act in Act for place in ("org_1", None))
    assert not house.people.verify_token(house.token(ann).secret).narrowed


@pytest.mark.parametrize("seats", [None, ["viewer"]])
def test_a_token_made_with_a_token_ends_no_later(house: House, seats: list[str] | None) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    brief = house.token(ann, lifetime=600, seats=seats)
    child = house.tx(house.people.create_token, house.people.verify_token(brief.secret), ann.id, "longer?", 90 * DAY)
    assert child.expires_at <= brief.expires_at


def test_narrowing_does_not_hide_whose_organization_it_is(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    house.tx(house.people.give_seat, OPERATOR, ann.id, None, "reviewer")
    by = house.people.verify_token(house.token(ann, seats=["reviewer"]).secret)
    assert may(by, Act.ONBOARDING_REVIEW_DECIDE, "org_2")
    assert not may(by, Act.ONBOARDING_REVIEW_DECIDE, "org_1")


def test_a_token_can_be_bound_to_no_seat_at_all(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    by = house.people.verify_token(house.token(ann, seats=[]).secret)
    assert by is not None
    assert not any(may(by, act, "org_1") for act in Act)


def test_sessions_and_tokens_are_listed_with_their_last_use(house: House) -> None:
    ann = house.member("ann@example.com")
    token = house.token(ann, seats=["viewer"])
    assert [(one.kind, one.name, one.last_used_at) for one in house.people.sessions(ann.id)] == [
        ("session", "proof", None), ("token", "laptop", None),
    ]  # fmt: skip
    house.people.verify_token(token.secret)
    first = house.people.sessions(ann.id)[1]
    house.clock.advance(200)
    house.people.verify_token(token.secret)
    assert house.people.sessions(ann.id)[1] == first, "not every use is a write"
    house.clock.advance(200)
    house.people.verify_token(token.secret)
    assert house.people.sessions(ann.id)[1].last_used_at > first.last_used_at
    assert first.seats == ("viewer",)


def test_a_token_without_narrowing_is_kept_as_null(house: House) -> None:
    house.token(house.member("ann@example.com"))
    with house.store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).where(person_token.c.seats.is_not(sa.null()))).scalar() == 0


def test_a_narrowed_token_does_not_leave_seats_of_its_person(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner", "viewer")
    house.tx(house.people.give_seat, OPERATOR, house.member("bob@example.com").id, "org_1", "owner")
    narrow = house.people.verify_token(house.token(ann, seats=["viewer"]).secret)
    for seat in ("owner", "viewer"):
        with pytest.raises(Forbidden):
            house.tx(house.people.take_seat, narrow, ann.id, "org_1", seat)
    wide = house.people.verify_token(house.token(ann).secret)
    house.tx(house.people.take_seat, wide, ann.id, "org_1", "owner")


def test_a_narrowed_token_ends_itself_and_no_other(house: House) -> None:
    ann = house.member("ann@example.com", "org_1", "owner")
    first, second = house.token(ann, seats=["viewer"]), house.token(ann)
    narrow = house.people.verify_token(first.secret)
    with pytest.raises(Forbidden):
        house.tx(house.people.revoke_token, narrow, second.id)
    house.tx(house.people.revoke_token, narrow, first.id)
    assert house.people.verify_token(first.secret) is None
    assert house.people.verify_token(second.secret) is not None
