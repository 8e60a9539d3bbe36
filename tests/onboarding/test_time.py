"""What time brings: recertification, degradation and back, expiring keys, stale reviews, and the lease."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard.access import Role, entitle, put_role, set_roles
from flask_apiguard.credentials import list_of, revoke
from flask_apiguard.errors import Conflict, Forbidden, Invalid
from flask_apiguard.onboarding import Certification, Certified, lease, role_ends
from flask_apiguard.values import SYSTEM, By, Environment, Happening, Standing

from .house import DAY, OPERATOR, House

PLAN = [
    (0, Certified.CURRENT), (334, Certified.CURRENT), (335, Certified.DUE), (364, Certified.DUE),
    (365, Certified.OVERDUE), (378, Certified.OVERDUE), (379, Certified.REDUCED), (408, Certified.REDUCED),
    (409, Certified.SUSPENDED), (4000, Certified.SUSPENDED),
]  # fmt: skip


@pytest.fixture
def live(house: House, acme: str, ann: By, rita: By) -> str:
    """An application in production that holds a low-risk read and a sensitive write."""
    scopes = ("orders:read", "orders:write")
    made = house.draft(ann, acme, scopes)
    entered = house.sandbox(ann, made.id)
    assert entered.review is not None
    house.decide(rita, entered.review.id)
    house.graduate(*scopes)
    house.decide(rita, house.request(ann, made.id).id)
    return made.id


def pass_days(house: House, days: float) -> None:
    house.clock.advance(days * 86400)


def test_silence_is_computed_from_one_date(house: House, live: str) -> None:
    application = house.application(live)
    assert application.recertify_at is not None
    start = application.recertify_at - 365 * DAY
    for days, expected in PLAN:
        step, following = house.onboarding.certification_of(application, start + days * DAY)
        assert step is expected, days
        assert (following is None) == (expected is Certified.SUSPENDED)
        assert following is None or following > start + days * DAY


def test_what_roles_give_ends_with_silence_and_comes_back(house: House, live: str, ann: By) -> None:
    client = house.client(live)
    house.do(put_role, SYSTEM, Role("clerk", frozenset({"orders:read", "money:move"})))
    house.do(set_roles, SYSTEM, client.id, ["clerk"], "a contract")
    scopes = house.onboarding._desk.scopes

    def ends(conn: Any, application_id: str, names: set[str]) -> Any:
        return role_ends(conn, house.onboarding.certification, scopes, application_id, names)

    def held() -> tuple[set[str], float]:
        with house.store.read() as conn:
            found = entitle(conn, live, client.id, Environment.PRODUCTION, None, house.clock.now(), role_ends=ends)
            return set(found.scopes), found.expires_at

    start = house.clock.now()
    assert held() == ({"orders:read", "orders:write", "money:move"}, pytest.approx((start + 379 * DAY).timestamp(), 60))
    pass_days(house, 380)
    assert held()[0] == {"orders:read"}
    pass_days(house, 30)
    assert held() == (set(), float("inf"))
    house.do(house.onboarding.recertify, ann, live, keep=["orders:read"], reason="still needed")
    assert held()[0] == {"orders:read", "money:move"}


def test_silence_takes_more_and_more_without_any_scheduler(house: House, live: str) -> None:
    assert house.granted(live) == {"orders:read", "orders:write"}
    pass_days(house, 378)
    assert house.granted(live) == {"orders:read", "orders:write"}
    pass_days(house, 2)
    assert house.granted(live) == {"orders:read"}
    pass_days(house, 30)
    assert house.granted(live) == set()


def test_a_confirmation_brings_everything_back(house: House, live: str, ann: By) -> None:
    pass_days(house, 420)
    assert house.onboarding.tick()
    assert house.client(live).standing is Standing.SUSPENDED
    review = house.do(house.onboarding.recertify, ann, live, reason="still needed")
    assert (review.state, review.basis) == ("approved", "policy")
    assert house.granted(live) == {"orders:read", "orders:write"}
    assert house.client(live).standing is Standing.ACTIVE
    assert house.onboarding.certification_of(house.application(live))[0] is Certified.CURRENT
    assert len(house.entries(Happening.ONBOARDING_RECERTIFICATION_DONE)) == 1


def test_a_confirmation_may_narrow_and_never_widens(house: House, live: str, ann: By) -> None:
    with pytest.raises(Invalid):
        house.do(house.onboarding.recertify, ann, live, keep=["orders:read", "money:move"], reason="more")
    house.do(house.onboarding.recertify, ann, live, keep=["orders:read"], reason="less")
    assert house.granted(live) == {"orders:read"}


def test_a_reviews_own_end_date_is_not_moved_by_a_confirmation(house: House, acme: str, ann: By, rita: By) -> None:
    made = house.draft(ann, acme, ["orders:write"])
    entered = house.sandbox(ann, made.id)
    assert entered.review is not None
    house.decide(rita, entered.review.id)
    house.graduate("orders:write")
    end = house.clock.now() + 100 * DAY
    house.decide(rita, house.request(ann, made.id).id, until=end)
    pass_days(house, 50)
    house.do(house.onboarding.recertify, ann, made.id, reason="still needed")
    pass_days(house, 51)
    assert house.granted(made.id) == set()


def test_only_an_owner_confirms(house: House, acme: str, live: str, rita: By) -> None:
    for by in (rita, house.person("dev", "developer", acme)):
        with pytest.raises(Forbidden):
            house.do(house.onboarding.recertify, by, live, reason="for them")


def test_a_client_that_a_hand_suspended_is_not_brought_back_by_a_confirmation(
    house: House, live: str, ann: By, rita: By
) -> None:
    house.do(house.onboarding.suspend, rita, house.client(live).id, "looks odd")
    house.do(house.onboarding.recertify, ann, live, reason="still needed")
    assert house.client(live).standing is Standing.SUSPENDED


def test_an_invited_application_is_only_reminded(house: House) -> None:
    made = house.do(
        house.onboarding.invite, OPERATOR, organization="Acme", name="Pay", reason="contract", scopes=["orders:read"]
    )
    pass_days(house, 340)
    assert f"The application {made.application.id} is due." in house.onboarding.tick()
    pass_days(house, 4000)
    assert house.granted(made.application.id) == {"orders:read"}
    house.onboarding.tick()
    assert house.client(made.application.id).standing is Standing.ACTIVE
    assert house.onboarding.certification_of(house.application(made.application.id))[0] is Certified.OVERDUE


def test_each_step_is_announced_once(house: House, live: str) -> None:
    said: list[str] = []
    pass_days(house, 330)
    for _ in range(30):
        pass_days(house, 3)
        said += [line for line in house.onboarding.tick() if "application" in line]
        assert not house.onboarding.tick(), "again says nothing twice"
        if len(said) == 4:
            break
    assert said == [f"The application {live} is {step}." for step in ("due", "overdue", "reduced", "suspended")]
    assert len(house.entries(Happening.ONBOARDING_RECERTIFICATION_LAPSED)) == 2
    assert house.notices("certification:")[0].to == ["ann@people.example", "integration@acme.example"]


def test_keys_are_announced_30_14_7_and_1_days_before(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    entered = house.sandbox(ann, made.id)
    said = []
    for day in range(91):
        said += [(90 - day, line) for line in house.onboarding.tick() if "credential" in line]
        pass_days(house, 1)
    assert [days for days, _ in said] == [30, 14, 7, 1]
    assert all(entered.credential.id in line for _, line in said)


def test_a_key_that_ended_or_has_a_successor_is_left_in_peace(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    entered = house.sandbox(ann, made.id)
    pass_days(house, 70)
    new, _ = house.do(house.keys.rotate, ann, entered.credential.id, 30 * DAY)
    assert house.onboarding.tick() == []
    house.do(revoke, ann, new.id, "leaked")
    house.do(revoke, ann, entered.credential.id, "leaked")
    pass_days(house, 80)
    assert house.onboarding.tick() == []
    assert len(house.read(list_of, entered.client.id)) == 2


def test_stale_reviews_close_themselves(house: House, acme: str, ann: By, rita: By) -> None:
    made = house.draft(ann, acme, ["orders:write"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    pass_days(house, 31)
    assert f"The review {review.id} closed itself." in house.onboarding.tick()
    assert house.read(house.onboarding.review, review.id).state == "expired"
    assert len(house.entries(Happening.ONBOARDING_REVIEW_CLOSED)) == 1
    with pytest.raises(Conflict, match="expired"):
        house.decide(rita, review.id)


def test_what_calls_have_shown_is_kept_when_the_calls_are_forgotten(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    house.graduate("orders:read")
    assert house.onboarding.tick() == [f"The application {made.id} has shown call:orders:read, repair."]
    house.calls.clear()
    assert house.read(house.onboarding.offer, made.id) == ["orders:read"]
    assert house.request(ann, made.id).state == "approved"
    assert len(house.entries(Happening.ONBOARDING_GRADUATION_TICKED)) == 1


def test_a_lease_has_one_holder_until_it_runs_out(house: House) -> None:
    now, span = house.clock.now(), dt.timedelta(minutes=1)
    assert lease.take(house.store, "work", "one", span, now)
    assert lease.take(house.store, "work", "one", span, now), "the holder may have it again"
    assert not lease.take(house.store, "work", "two", span, now)
    assert lease.take(house.store, "work", "two", span, now + span)
    lease.release(house.store, "work", "one", now + span)
    assert not lease.take(house.store, "work", "one", span, now + span), "only the holder lets go"
    lease.release(house.store, "work", "two", now + span)
    assert lease.take(house.store, "work", "one", span, now + span)


def test_who_finds_the_lease_taken_leaves_the_work_to_the_other(house: House, live: str) -> None:
    pass_days(house, 340)
    lease.take(house.store, "tick", "another", dt.timedelta(minutes=5), house.clock.now())
    assert house.onboarding.tick() == []
    house.clock.advance(301)
    assert house.onboarding.tick() != []


def test_the_steps_are_the_houses_to_set(tmp_path: Path) -> None:
    terms = Certification(every=30 * DAY, ahead=5 * DAY, reduced_after=DAY, suspended_after=2 * DAY, invited_too=True)
    house = House(f"sqlite:///{tmp_path}/own.db", {"certification": terms})
    made = house.do(
        house.onboarding.invite, OPERATOR, organization="Acme", name="Pay", reason="contract", scopes=["orders:read"]
    )
    pass_days(house, 33)
    house.onboarding.tick()
    assert house.client(made.application.id, Environment.PRODUCTION).standing is Standing.SUSPENDED
    house.do(house.onboarding.recertify, SYSTEM, made.application.id, reason="the operator confirms")
    assert house.granted(made.application.id) == {"orders:read"}
    house.close()


def test_a_hand_takes_over_what_silence_suspended(house: House, live: str, ann: By, rita: By) -> None:
    pass_days(house, 410)
    house.onboarding.tick()
    client = house.client(live)
    assert client.standing is Standing.SUSPENDED
    before = len(house.entries(Happening.CLIENTS_CLIENT_SUSPENDED))
    assert house.do(house.onboarding.suspend, rita, client.id, "fraud").standing_reason == "fraud"
    assert len(house.entries(Happening.CLIENTS_CLIENT_SUSPENDED)) == before + 1
    with pytest.raises(Conflict):
        house.do(house.onboarding.suspend, rita, client.id, "fraud again")
    house.do(house.onboarding.recertify, ann, live, keep=["orders:read"], reason="still needed")
    assert house.client(live).standing is Standing.SUSPENDED


def test_what_could_not_end_is_approved_without_an_end_date(house: House, live: str, ann: By, rita: By) -> None:
    house.do(house.onboarding.suspend, rita, house.client(live).id, "looked odd")
    asked = house.request(ann, live, "resume")
    with pytest.raises(Invalid):
        house.decide(rita, asked.id, until=house.clock.now() + DAY)
    house.decide(rita, asked.id)
    assert house.client(live).standing is Standing.ACTIVE
