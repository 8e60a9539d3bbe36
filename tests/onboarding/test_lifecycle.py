"""From registration to retirement, one step after the other."""

from __future__ import annotations

import pytest

from flask_apiguard.clients import registry
from flask_apiguard.credentials import list_of
from flask_apiguard.errors import Conflict, Forbidden, Missing
from flask_apiguard.onboarding import MOVES
from flask_apiguard.values import By, Happening, Standing, State

from .house import House

REFUSED = Happening.ONBOARDING_MOVE_REFUSED


def test_a_low_risk_application_walks_to_production_without_anybody(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    entered = house.sandbox(ann, made.id)
    assert entered.secret.startswith("acme_sandbox_")
    assert entered.review is None
    assert house.granted(made.id, "sandbox") == {"orders:read"}

    house.graduate("orders:read")
    review = house.request(ann, made.id)

    assert (review.state, review.basis, review.needed) == ("approved", "policy", 0)
    assert house.application(made.id).state is State.PRODUCTION
    assert house.granted(made.id) == {"orders:read"}
    assert house.monitored == [house.client(made.id).id]
    assert house.client(made.id).id != house.client(made.id, "sandbox").id
    assert house.read(list_of, house.client(made.id).id) == [], "production gets credentials of its own, later"


def test_a_sensitive_scope_waits_for_a_reviewer_in_the_sandbox_too(house: House, acme: str, ann: By, rita: By) -> None:
    made = house.draft(ann, acme, ["orders:read", "orders:write"])
    entered = house.sandbox(ann, made.id)
    assert entered.review is not None
    assert entered.review.scopes == ("orders:write",)
    assert house.granted(made.id, "sandbox") == {"orders:read"}
    house.decide(rita, entered.review.id)
    assert house.granted(made.id, "sandbox") == {"orders:read", "orders:write"}


def test_a_scope_that_was_not_exercised_is_left_out_and_blocks_nothing(
    house: House, acme: str, ann: By, rita: By
) -> None:
    made = house.draft(ann, acme, ["orders:read", "orders:write"])
    house.sandbox(ann, made.id)
    house.graduate("orders:read")
    review = house.request(ann, made.id)
    assert (review.scopes, review.left_out) == (("orders:read",), ("orders:write",))
    assert house.granted(made.id) == {"orders:read"}


def test_without_a_repaired_refusal_there_is_no_production(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    house.call("orders.list")
    with pytest.raises(Conflict, match="one refusal, then a good call"):
        house.request(ann, made.id)
    assert len(house.entries(Happening.ONBOARDING_REVIEW_REFUSED)) == 1


def test_production_is_never_reached_without_an_approved_review(house: House, acme: str, ann: By, rita: By) -> None:
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    house.graduate("orders:read")
    for by in (ann, rita):
        with pytest.raises(Conflict, match="takes an approved review"):
            house.do(house.onboarding.move, by, made.id, State.PRODUCTION)
    assert house.application(made.id).state is State.SANDBOX
    assert [subject for subject, _ in house.entries(REFUSED)] == [f"application:{made.id}"] * 2


def test_an_approval_for_one_application_opens_no_other(house: House, acme: str, ann: By) -> None:
    first, second = house.draft(ann, acme), house.draft(ann, acme)
    for made in (first, second):
        house.sandbox(ann, made.id)
    house.graduate("orders:read")
    review = house.request(ann, first.id)
    from flask_apiguard.onboarding import moves

    with pytest.raises(Conflict, match="takes an approved review"):
        house.do(moves.make, house.onboarding._desk, ann, second.id, State.PRODUCTION, review_id=review.id)


NOWHERE = sorted({(start, to) for start in State for to in State} - {(move.source, move.to) for move in MOVES})


@pytest.mark.parametrize(("start", "to"), NOWHERE)
def test_a_move_that_stands_not_in_the_table_is_refused_and_on_record(
    house: House, acme: str, ann: By, start: State, to: State
) -> None:
    made = house.draft(ann, acme)
    with house.store.write() as tx:
        registry.set_state(tx, made.id, start)
    with pytest.raises(Conflict, match="Nothing leads"):
        house.do(house.onboarding.move, ann, made.id, to, reason="because")
    assert house.application(made.id).state is start
    ((subject, text),) = house.entries(REFUSED)
    assert subject == f"application:{made.id}"
    assert f'"attempted":"{to}"' in text


def test_a_refused_attempt_is_on_record_even_where_the_caller_goes_on_and_commits(
    house: House, acme: str, ann: By
) -> None:
    made = house.draft(ann, acme)
    with house.store.write() as tx:
        with pytest.raises(Conflict):
            house.onboarding.move(tx, ann, made.id, State.PRODUCTION)
        registry.set_reference(tx, ann, made.id, "customer:1")
    assert house.application(made.id).reference == "customer:1"
    assert len(house.entries(REFUSED)) == 1


def test_a_blocking_check_keeps_a_draft_where_it_is_and_says_how_to_mend_it(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme, purpose="stuff")
    with pytest.raises(Conflict, match=r"purpose: The purpose says too little\. Write in a sentence"):
        house.sandbox(ann, made.id)
    assert house.application(made.id).state is State.DRAFT
    assert len(house.entries(REFUSED)) == 1


def test_a_stranger_learns_nothing_and_moves_nothing(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    other = house.person("eve", "owner", house.organization("Evil"))
    with pytest.raises(Missing):
        house.sandbox(other, made.id)
    viewer = house.person("vic", "viewer", acme)
    with pytest.raises(Forbidden):
        house.sandbox(viewer, made.id)
    assert len(house.entries(REFUSED)) == 2


def test_retirement_revokes_everything_at_once_and_is_final(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme, ["orders:read", "orders:write"])
    entered = house.sandbox(ann, made.id)
    assert entered.review is not None
    house.do(house.onboarding.retire, ann, made.id, "we close the shop")

    assert house.granted(made.id, "sandbox") == set()
    assert all(one.revoked_at for one in house.read(list_of, entered.client.id))
    assert house.read(house.onboarding.review, entered.review.id).state == "closed"
    for state in State:
        with pytest.raises(Conflict):
            house.do(house.onboarding.move, ann, made.id, state, reason="back again")
    assert house.read(house.onboarding.next_of, ann, made.id) == []


def test_retirement_from_production_ends_its_monitoring_and_is_signalled(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    house.graduate("orders:read")
    house.request(ann, made.id)
    assert len(house.monitored) == 1
    with house.store.write() as tx:
        house.onboarding.retire(tx, ann, made.id, "we close the shop")
        moved = [payload["move"] for name, payload in tx.notes["signals"] if name == "application-moved"]
    assert moved == ["retire"]
    assert house.monitored == []


def test_suspension_is_undone_by_the_same_hand_within_minutes_only(house: House, acme: str, ann: By, rita: By) -> None:
    made = house.draft(ann, acme)
    client = house.sandbox(ann, made.id).client
    house.do(house.onboarding.suspend, rita, client.id, "looks odd")
    with pytest.raises(Conflict, match="review of kind resume"):
        house.do(house.onboarding.resume, ann, client.id, "please")
    assert house.do(house.onboarding.resume, rita, client.id, "my mistake").standing is Standing.ACTIVE

    house.do(house.onboarding.suspend, rita, client.id, "looks odd again")
    house.clock.advance(11 * 60)
    with pytest.raises(Conflict, match="review of kind resume"):
        house.do(house.onboarding.resume, rita, client.id, "now")
    review = house.request(ann, made.id, "resume", environment="sandbox")
    with pytest.raises(Conflict, match="open already"):
        house.request(ann, made.id, "resume", environment="sandbox")
    house.decide(rita, review.id)
    assert house.client(made.id, "sandbox").standing is Standing.ACTIVE
