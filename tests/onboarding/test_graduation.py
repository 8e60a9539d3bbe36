"""Steps are ticked by calls that were observed, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_apiguard.access import Risk
from flask_apiguard.errors import Conflict
from flask_apiguard.onboarding import ReviewPolicy, Step
from flask_apiguard.values import By

from .house import DAY, House


@pytest.fixture
def app(house: House, acme: str, ann: By) -> str:
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    return made.id


def steps(house: House, app: str) -> dict[str, Step]:
    return {step.name: step for step in house.read(house.onboarding.graduation_of, app)}


def test_a_good_call_ticks_its_scope_and_names_its_request(house: House, app: str) -> None:
    assert not steps(house, app)["call:orders:read"].done
    house.call("orders.list", id="req_7")
    house.call("orders.list", id="req_8")
    step = steps(house, app)["call:orders:read"]
    assert (step.done, step.evidence, step.optional) == (True, "req_7", True)


@pytest.mark.parametrize(
    "calls",
    [
        [("orders.list", "GET", 403)],
        [("orders.list", "GET", 500)],
        [("orders.create", "POST", 200)],
        [("orders.list", "DELETE", 200)],
        [("elsewhere", "GET", 200)],
        [],
    ],
)
def test_other_calls_tick_nothing_of_it(house: House, app: str, calls: list[tuple[str, str, int]]) -> None:
    for call in calls:
        house.call(*call)
    assert not steps(house, app)["call:orders:read"].done
    assert house.read(house.onboarding.offer, app) == []


def test_a_good_call_that_was_only_observed_to_be_refused_is_none(house: House, app: str) -> None:
    house.call("orders.list", status=200, reason="gate:scope:missing")
    assert not steps(house, app)["call:orders:read"].done


def test_a_refusal_is_repaired_by_a_later_good_call_of_the_same_route(house: House, app: str) -> None:
    house.call("orders.list")
    house.call("orders.list", status=422)
    assert not steps(house, app)["repair"].done
    house.call("orders.create", "POST")
    assert not steps(house, app)["repair"].done
    house.call("orders.list", id="req_9")
    assert steps(house, app)["repair"].evidence == "req_9"


def test_what_the_hosts_own_view_answers_is_no_refusal(house: House, app: str) -> None:
    house.call("orders.list", status=404, reason="gate:request:allowed")
    house.call("orders.list")
    assert not steps(house, app)["repair"].done


def test_a_policy_may_ask_for_more_by_risk(tmp_path: Path) -> None:
    wanted = frozenset({"unauthorized", "forbidden", "obeyed-429", "rotation"})
    house = House(f"sqlite:///{tmp_path}/strict.db", {"policy": ReviewPolicy(steps={Risk.LOW: wanted})})
    acme = house.organization()
    ann = house.person("ann", "owner", acme)
    made = house.draft(ann, acme)
    entered = house.sandbox(ann, made.id)
    house.graduate("orders:read")
    assert {name for name, step in steps(house, made.id).items() if not step.done} == wanted
    house.call("orders.list", status=401)
    house.call("orders.list", status=403)
    house.call("orders.list", status=429)
    house.call("orders.list", status=429)
    with pytest.raises(Conflict, match="a 429 received"):
        house.request(ann, made.id)
    house.call("orders.list")
    house.do(house.keys.rotate, ann, entered.credential.id, DAY)
    assert all(step.done for step in steps(house, made.id).values())
    assert house.request(ann, made.id).state == "approved"
    house.close()


def test_an_offer_of_nothing_is_no_offer(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path}/mild.db", {"policy": ReviewPolicy(repair=False)})
    acme = house.organization()
    ann = house.person("ann", "owner", acme)
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    with pytest.raises(Conflict, match="Nothing is left to ask for"):
        house.request(ann, made.id)
    house.close()
