"""Who decides, how many it takes, and what a decision brings about."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard.clients import registry
from flask_apiguard.errors import Conflict, Forbidden, Invalid, Missing
from flask_apiguard.onboarding import Review, ReviewPolicy
from flask_apiguard.quotas.plans import put_plan
from flask_apiguard.values import SYSTEM, By, Happening, State

from .house import DAY, OPERATOR, House

ALL = ("orders:read", "orders:write", "money:move")


@pytest.fixture
def ready(house: House, acme: str, ann: By, rita: By, rob: By) -> str:
    """An application in the sandbox that holds and exercised all three scopes there."""
    made = house.draft(ann, acme, ALL)
    entered = house.sandbox(ann, made.id)
    assert entered.review is not None
    for by in (rita, rob):
        house.decide(by, entered.review.id)
    house.graduate(*ALL)
    return made.id


def refused(house: House) -> int:
    return len(house.entries(Happening.ONBOARDING_REVIEW_REFUSED))


def test_a_critical_scope_takes_two_people(house: House, ready: str, ann: By, rita: By, rob: By) -> None:
    review = house.request(ann, ready)
    assert (review.risk, review.needed) == ("critical", 2)
    first = house.decide(rita, review.id)
    assert (first.state, len(first.votes)) == ("open", 1)
    assert house.application(ready).state is State.SANDBOX
    assert house.granted(ready) == set()
    with pytest.raises(Conflict, match="approved this already"):
        house.decide(rita, review.id)

    assert house.decide(rob, review.id).state == "approved"
    assert house.application(ready).state is State.PRODUCTION
    assert house.granted(ready) == set(ALL)
    assert len(house.entries(Happening.ONBOARDING_REVIEW_SEATED)) == 2
    with pytest.raises(Conflict, match="approved already"):
        house.decide(rob, review.id)


def test_the_evidence_stands_on_one_screen(house: House, ready: str, ann: By) -> None:
    evidence = house.request(ann, ready).evidence
    assert evidence["scopes"] == {"held": [], "asked": sorted(ALL), "added": sorted(ALL)}
    assert evidence["risks"]["money:move"] == "critical"
    assert evidence["routes"] == ["GET orders.list", "POST money.move", "POST orders.create"]
    assert set(evidence["checks"].values()) == {"passed"}
    assert {step["step"] for step in evidence["graduation"]} == {*(f"call:{one}" for one in ALL), "repair"}


def test_nobody_decides_for_themselves_or_their_organization(
    house: House, acme: str, ready: str, ann: By, rita: By, rob: By
) -> None:
    both = house.also(house.also(house.person("bea", "developer", acme), "reviewer"), "developer", acme)
    review = house.request(both, ready)
    administrator = house.also(house.person("adm", "administrator"), "viewer", acme)
    for by in (ann, both, administrator):
        with pytest.raises(Forbidden, match=r"Nobody decides|seat"):
            house.decide(by, review.id)
    for by in (OPERATOR, SYSTEM):
        with pytest.raises(Forbidden, match="People decide"):
            house.decide(by, review.id)
    with pytest.raises(Forbidden):
        house.decide(house.person("aud", "auditor"), review.id)
    with pytest.raises(Missing):
        house.decide(house.person("eve", "owner", house.organization("Evil")), review.id)
    assert refused(house) == 7
    assert house.read(house.onboarding.review, review.id).votes == ()


def test_a_requester_who_left_the_organization_still_does_not_decide(
    house: House, acme: str, ready: str, rita: By, rob: By
) -> None:
    asker = house.person("bea", "developer", acme)
    review = house.request(asker, ready)
    from flask_apiguard.people.seats import take_seat

    house.do(take_seat, SYSTEM, asker.id, acme, "developer")
    with pytest.raises(Forbidden, match="asked for themselves"):
        house.decide(house.also(asker, "reviewer"), review.id)


@pytest.mark.parametrize("way", ["taken", "ended"])
def test_who_leaves_the_organization_does_not_decide_what_it_asked_for_meanwhile(
    house: House, acme: str, ready: str, ann: By, rita: By, rob: By, way: str
) -> None:
    bea = house.also(house.person("bea", "reviewer"), "developer", acme)
    review = house.request(ann, ready)
    from flask_apiguard.people.seats import give_seat, take_seat

    house.clock.advance(10)
    if way == "taken":
        house.do(take_seat, SYSTEM, bea.id, acme, "developer")
    else:
        house.do(give_seat, SYSTEM, bea.id, acme, "developer", until=house.clock.now() + DAY / 24)
        house.clock.advance(3601)
    with pytest.raises(Forbidden, match="their own organization"):
        house.decide(house.acting(bea.id), review.id)
    assert house.read(house.onboarding.review, review.id).votes == ()


def test_who_left_the_organization_before_it_asked_is_an_outsider(
    house: House, acme: str, ready: str, ann: By, rita: By, rob: By
) -> None:
    bea = house.also(house.person("bea", "reviewer"), "developer", acme)
    from flask_apiguard.people.seats import take_seat

    house.do(take_seat, SYSTEM, bea.id, acme, "developer")
    house.clock.advance(10)
    review = house.request(ann, ready)
    house.decide(house.acting(bea.id), review.id)


def test_an_earlier_approval_does_not_count_for_an_application_that_was_edited_since(
    house: House, ready: str, ann: By, rita: By, rob: By
) -> None:
    review = house.request(ann, ready)
    house.decide(rita, review.id)
    house.do(house.onboarding.edit, ann, ready, {"redirect_uris": ("https://elsewhere.example/cb",)})
    assert house.decide(rob, review.id).state == "open"
    assert house.decide(rita, review.id).state == "approved"


def test_an_approval_of_somebody_who_was_unseated_does_not_count(
    house: House, ready: str, ann: By, rita: By, rob: By
) -> None:
    from flask_apiguard.people.seats import take_seat

    review = house.request(ann, ready)
    house.decide(rita, review.id)
    house.do(take_seat, SYSTEM, rita.id, None, "reviewer")
    third = house.person("ron", "reviewer")
    assert house.decide(rob, review.id).state == "open"
    assert house.decide(third, review.id).state == "approved"


def test_the_least_of_two_approvals_counts(house: House, ready: str, ann: By, rita: By, rob: By) -> None:
    review = house.request(ann, ready)
    sooner = house.clock.now() + 30 * DAY
    house.decide(rita, review.id, scopes=["orders:read", "orders:write"], until=sooner)
    done = house.decide(rob, review.id, scopes=["orders:write", "money:move"], until=sooner + DAY)
    assert (done.approved_scopes, done.until) == (("orders:write",), sooner)
    assert house.granted(ready) == {"orders:write"}
    house.clock.advance(31 * 86400)
    assert house.granted(ready) == set()


def test_approvals_with_nothing_in_common_approve_nothing(house: House, ready: str, ann: By, rita: By, rob: By) -> None:
    review = house.request(ann, ready)
    house.decide(rita, review.id, scopes=["orders:read"])
    with pytest.raises(Conflict, match="in common"):
        house.decide(rob, review.id, scopes=["orders:write"])
    assert house.read(house.onboarding.review, review.id).state == "open"


@pytest.mark.parametrize(
    "more",
    [
        {"reason": " "}, {"scopes": ["orders:read", "admin"]}, {"scopes": []}, {"decision": "maybe"},
        {"until": "past"}, {"until": "naive"},
    ],
    ids=str,
)  # fmt: skip
def test_a_word_that_makes_no_sense_is_not_counted(
    house: House, ready: str, ann: By, rita: By, more: dict[str, Any]
) -> None:
    review = house.request(ann, ready)
    moments = {"past": house.clock.now(), "naive": (house.clock.now() + DAY).replace(tzinfo=None)}
    if "until" in more:
        more = {"until": moments[more["until"]]}
    with pytest.raises(Invalid):
        house.decide(rita, review.id, **more)
    assert refused(house) == 1


def test_one_denial_ends_it_and_the_old_grants_work_on(house: House, ready: str, ann: By, rita: By, rob: By) -> None:
    review = house.request(ann, ready)
    house.decide(rita, review.id)
    assert house.decide(rob, review.id, "deny", reason="not yet").state == "denied"
    assert house.granted(ready, "sandbox") == set(ALL)
    with pytest.raises(Conflict, match="denied already"):
        house.decide(rita, review.id)
    assert house.request(ann, ready).state == "open", "one may ask again"


def test_a_decision_about_what_has_changed_since_is_refused(house: House, ready: str, ann: By, rita: By) -> None:
    review = house.request(ann, ready)
    house.do(house.onboarding.ask, rita, review.id, "What for?")
    with pytest.raises(Conflict, match="changed since"):
        house.decide(rita, review.id, version=review.version)


def test_old_grants_work_on_while_more_is_asked_and_the_rest_follows(
    house: House, ready: str, ann: By, rita: By, rob: By
) -> None:
    first = house.request(ann, ready, scopes=["orders:read"])
    assert first.basis == "policy"
    more = house.request(ann, ready, "scopes", scopes=["orders:write"])
    assert house.granted(ready) == {"orders:read"}
    assert more.evidence["scopes"]["added"] == ["orders:write"]
    house.decide(rita, more.id)
    assert house.granted(ready) == {"orders:read", "orders:write"}


def test_a_plan_is_never_given_by_policy(house: House, acme: str, ready: str, ann: By, rita: By) -> None:
    house.do(put_plan, SYSTEM, "gold", [{"name": "calls", "rate": "10/second"}])
    house.request(ann, ready, scopes=["orders:read"])
    review = house.request(ann, ready, "plan", plan="gold")
    assert house.client(ready).plan is None
    house.decide(rita, review.id)
    assert house.client(ready).plan == "gold"
    for more in ({"plan": "lead"}, {}):
        with pytest.raises(Invalid):
            house.request(ann, ready, "plan", **more)

    low = house.draft(ann, acme, requested_plan="gold")
    house.sandbox(ann, low.id)
    assert house.request(ann, low.id).state == "open"


def test_a_question_stops_the_clock(house: House, ready: str, ann: By, rita: By, rob: By) -> None:
    review = house.request(ann, ready)
    house.clock.advance(29 * 86400)
    house.do(house.onboarding.ask, rita, review.id, "What is it for?")
    house.clock.advance(20 * 86400)
    assert house.read(house.onboarding.review, review.id).state == "asked"
    answered = house.do(house.onboarding.answer, ann, review.id, "For our clerks.")
    assert answered.state == "open"
    assert [message.kind for message in answered.messages] == ["question", "answer"]
    house.clock.advance(2 * 86400)
    assert house.read(house.onboarding.review, review.id).state == "expired"
    with pytest.raises(Conflict, match="expired"):
        house.decide(rita, review.id)
    assert house.request(ann, ready).state == "open", "the stale one does not stand in the way"


def test_withdrawn_is_over(house: House, ready: str, ann: By, rita: By) -> None:
    review = house.request(ann, ready)
    house.do(house.onboarding.withdraw, ann, review.id, "not any more")
    for act in (
        lambda: house.decide(rita, review.id),
        lambda: house.do(house.onboarding.withdraw, ann, review.id),
        lambda: house.do(house.onboarding.ask, rita, review.id, "why?"),
        lambda: house.do(house.onboarding.answer, ann, review.id, "so"),
    ):
        with pytest.raises(Conflict, match="withdrawn"):
            act()


def test_lists_know_what_time_has_done(house: House, acme: str, ready: str, ann: By) -> None:
    review = house.request(ann, ready)
    listed = lambda **more: [one.id for one in house.read(house.onboarding.reviews, **more)]  # noqa: E731
    assert listed(state="open") == [review.id]
    assert review.id in listed(organization_ids=[acme])
    assert listed(organization_ids=["org_other"]) == []
    house.clock.advance(31 * 86400)
    assert listed(state="open") == []
    assert listed(state="expired") == [review.id]


# A house with one administrator


@pytest.fixture
def alone(house: House) -> By:
    return house.person("solo", "administrator")


def test_the_only_administrator_waits_a_day_and_is_listed(house: House, acme: str, ann: By, alone: By) -> None:
    made = house.draft(ann, acme, ALL)
    review = house.sandbox(ann, made.id).review
    assert review is not None
    assert review.noticed_at is not None
    assert len(house.notices(f"review:{review.id}")) == 1
    with pytest.raises(Conflict, match="may approve from"):
        house.decide(alone, review.id)
    house.clock.advance(86400 + 1)
    done = house.decide(alone, review.id)
    assert (done.state, done.exception) == ("approved", True)
    assert [one.id for one in house.read(house.onboarding.reviews, exception=True)] == [review.id]


def test_the_only_administrator_needs_no_exception_for_what_one_may_decide(
    house: House, acme: str, ann: By, alone: By
) -> None:
    made = house.draft(ann, acme, ["orders:write"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    done = house.decide(alone, review.id)
    assert (done.state, done.exception) == ("approved", False)


def test_who_becomes_the_only_one_later_waits_from_the_notice_on(
    house: House, ready: str, ann: By, rita: By, rob: By
) -> None:
    from flask_apiguard.people.seats import take_seat

    review = house.request(ann, ready)
    house.clock.advance(5 * 86400)
    house.do(take_seat, SYSTEM, rob.id, None, "reviewer")
    assert house.decide(rita, review.id).state == "open"
    assert len(house.notices("alone:")) == 1
    with pytest.raises(Conflict, match="may approve from"):
        house.decide(rita, review.id)
    house.clock.advance(86400 + 1)
    assert house.decide(rita, review.id).exception


def test_in_a_house_of_two_the_one_who_asked_waits_for_the_other(house: House, acme: str, ann: By, rita: By) -> None:
    made = house.draft(ann, acme, ["orders:write"])
    other = house.also(house.person("oda", "developer", acme), "administrator")
    other = house.acting(other.id, acme)
    review = house.sandbox(other, made.id).review
    assert review is not None
    with pytest.raises(Forbidden):
        house.decide(other, review.id)
    assert house.decide(rita, review.id).exception is False


def test_a_house_that_nobody_sits_in_is_run_from_its_command_line(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme, ["orders:write"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    with pytest.raises(Conflict, match="may approve from"):
        house.decide(OPERATOR, review.id)
    house.clock.advance(86400 + 1)
    assert house.decide(OPERATOR, review.id).exception


# Races


def race(house: House, acts: list[Any]) -> list[Any]:
    """Everybody at once; what each got back, or was told."""
    start, answers = threading.Barrier(len(acts)), []

    def run(act: Any) -> None:
        start.wait()
        try:
            answers.append(act())
        except (Conflict, Forbidden) as error:
            answers.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_two_who_approve_at_once_one_is_first_and_both_are_needed(
    house: House, ready: str, ann: By, rita: By, rob: By
) -> None:
    review = house.request(ann, ready)
    answers = race(house, [lambda: house.decide(rita, review.id), lambda: house.decide(rob, review.id)])
    assert sorted(one.state for one in answers) == ["approved", "open"]
    assert len(house.read(registry.clients_of, ready)) == 2


def test_of_many_who_decide_at_once_one_does(house: House, acme: str, ann: By) -> None:
    judges = [house.person(f"judge{number}", "reviewer") for number in range(4)]
    made = house.draft(ann, acme, ["orders:write"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    acts = [
        lambda by=by, word=word: house.decide(by, review.id, word)
        for by, word in zip(judges, ["approve", "deny"] * 2, strict=True)
    ]
    answers = race(house, acts)
    assert sum(isinstance(one, Review) for one in answers) == 1
    assert sum(isinstance(one, Conflict) for one in answers) == 3
    assert len(house.entries(Happening.ONBOARDING_REVIEW_DECIDED)) == 1
    assert refused(house) == 3


def test_of_many_who_ask_for_the_same_at_once_one_does(house: House, ready: str, ann: By) -> None:
    answers = race(house, [lambda: house.request(ann, ready) for _ in range(4)])
    assert sum(isinstance(one, Review) for one in answers) == 1


def test_approving_and_retiring_at_once_never_leaves_a_live_retired_application(
    house: House, ready: str, ann: By, rita: By, rob: By
) -> None:
    review = house.request(ann, ready)
    house.decide(rita, review.id)
    race(
        house,
        [lambda: house.decide(rob, review.id), lambda: house.do(house.onboarding.retire, ann, ready, "we close")],
    )
    assert house.application(ready).state is State.RETIRED
    assert house.granted(ready) == set()


def test_an_approval_by_policy_may_be_drawn_to_be_looked_at_afterwards(tmp_path: Path) -> None:
    for share, expected in ((0, 0), (100, 3)):
        house = House(f"sqlite:///{tmp_path}/{share}.db", {"policy": ReviewPolicy(sample=share)})
        acme = house.organization()
        ann = house.person("ann", "owner", acme)
        for _ in range(3):
            made = house.draft(ann, acme)
            house.sandbox(ann, made.id)
            house.graduate("orders:read")
            house.request(ann, made.id)
        assert len(house.read(house.onboarding.reviews, sampled=True)) == expected
        house.close()
