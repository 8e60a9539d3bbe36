"""The two doors, and what everybody is told to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_apiguard.clients import registry
from flask_apiguard.errors import Conflict, Forbidden, Invalid, Missing
from flask_apiguard.onboarding import Dossier, ReviewPolicy
from flask_apiguard.values import SYSTEM, By, Evidence, Happening, State, Verdict

from .house import FACTS, OPERATOR, House

CONTRACT = "contract 2026-11"


def invite(house: House, by: By = OPERATOR, **more: object) -> object:
    facts = {"organization": "Acme", "name": "Acme Pay", "reason": CONTRACT, "scopes": ["orders:write"]}
    return house.do(house.onboarding.invite, by, **(facts | more))


def test_an_operator_invites_with_one_act(house: House) -> None:
    made = invite(house, reference="customer:42")
    assert made.secret.startswith("acme_production_")
    assert made.secret not in repr(made)
    assert (made.application.state, made.application.reference) == (State.PRODUCTION, "customer:42")
    assert house.granted(made.application.id) == {"orders:write"}
    assert house.monitored == [made.client.id]

    review = house.read(house.onboarding.review, made.review_id)
    assert (review.basis, review.decided_by, review.decision_reason) == ("invitation", "operator:root", CONTRACT)
    moves = house.entries(Happening.ONBOARDING_MOVE_MADE)
    assert [
        '"to"' not in text and f'"state":"{to}"' in text
        for (_, text), to in zip(moves, ("sandbox", "production"), strict=True)
    ] == [True, True]
    assert all(CONTRACT in text for _, text in moves)


def test_an_invitation_goes_through_the_same_checks(house: House) -> None:
    for more in ({"scopes": ["moon:read"]}, {"addresses": ["0.0.0.0/0"]}, {"contact_email": "x@mailinator.com"}):
        with pytest.raises(Conflict, match="Checks are in the way"):
            invite(house, **more)
    assert house.read(registry.applications) == []
    assert len(house.entries(Happening.ONBOARDING_MOVE_REFUSED)) == 3


class DataClassGiven:
    name, title, before = "data-class", "The class of data is named", ("enter_production",)

    def examine(self, dossier: Dossier) -> Evidence:
        found = dossier.application.data_class
        return Evidence(Verdict.PASSED if found else Verdict.FAILED, "It is looked for.", facts={"found": found})


def test_a_check_of_the_hosts_sees_the_class_of_data_that_an_invitation_names(house: House) -> None:
    house.onboarding.checks.add(DataClassGiven())
    with pytest.raises(Conflict, match="data-class"):
        invite(house)
    with pytest.raises(Invalid):
        invite(house, data_class="x" * 41)
    made = invite(house, data_class="personal")
    assert (made.application.state, made.application.data_class) == (State.PRODUCTION, "personal")


def test_an_invitation_into_the_sandbox_ends_there(house: House) -> None:
    made = invite(house, environment="sandbox")
    assert made.secret.startswith("acme_sandbox_")
    assert made.application.state is State.SANDBOX
    assert house.granted(made.application.id, "sandbox") == {"orders:write"}


def test_an_invitation_may_name_an_organization_that_is_there(house: House, acme: str) -> None:
    assert invite(house, organization=acme).application.organization_id == acme
    with pytest.raises(Missing):
        invite(house, organization="org_nothing")


@pytest.mark.parametrize(
    "more", [{"reason": " "}, {"name": ""}, {"scopes": []}, {"plan": "platinum"}, {"organization": " "}], ids=str
)
def test_an_invitation_that_says_too_little_makes_nothing(house: House, more: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        invite(house, **more)
    assert house.read(registry.organizations) == []


def test_who_may_not_invite(house: House, acme: str, ann: By, rita: By) -> None:
    own = house.also(house.person("adm", "administrator"), "viewer", acme)
    for by in (ann, rita, own):
        with pytest.raises(Forbidden):
            invite(house, by, organization=acme)
    assert invite(house, house.person("boss", "administrator"), organization=acme).secret


def test_the_open_door_is_closed_by_default(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path}/closed.db", {"door": "invited"})
    acme = house.organization()
    with pytest.raises(Forbidden, match="by invitation"):
        house.do(house.onboarding.register, house.person("ann", "owner", acme), acme, FACTS)
    boss = house.person("boss", "administrator")
    assert house.do(house.onboarding.register, boss, acme, FACTS).state is State.DRAFT
    house.close()


@pytest.mark.parametrize("more", [{"name": ""}, {"name": 7}, {"reference": "customer:1"}, {"state": "production"}])
def test_nobody_registers_what_is_not_theirs_to_set(house: House, acme: str, ann: By, more: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        house.do(house.onboarding.register, ann, acme, FACTS | more)
    assert house.read(registry.applications) == []


def test_next_leads_all_the_way(house: House, acme: str, ann: By, rita: By) -> None:
    def following(by: By) -> list[str]:
        return [one.action for one in house.read(house.onboarding.next_of, by, made.id)]

    made = house.draft(ann, acme, ["orders:write"])
    assert following(ann) == ["run-checks", "enter-sandbox", "retire"]
    house.do(house.onboarding.run_checks, ann, made.id)
    assert following(ann) == ["enter-sandbox", "retire"]
    review = house.sandbox(ann, made.id).review
    assert review is not None
    assert "withdraw" in following(ann)
    assert following(rita) == ["decide", "graduation"]
    house.do(house.onboarding.ask, rita, review.id, "Why?")
    assert following(ann)[0] == "answer"
    house.do(house.onboarding.answer, ann, review.id, "Because.")
    house.decide(rita, review.id)
    house.graduate("orders:write")
    assert following(ann)[0] == "request-production"
    house.decide(rita, house.request(ann, made.id).id)
    assert following(ann) == ["create-credential", "request-scopes", "retire"]
    house.do(house.onboarding.suspend, rita, house.client(made.id).id, "odd")
    assert following(ann)[0] == "request-resume"
    house.clock.advance(340 * 86400)
    assert "recertify" in following(ann)
    for one in house.read(house.onboarding.next_of, ann, made.id):
        assert one.href.startswith("/apiguard/api/v1/")
        assert one.why.endswith(".")


def test_a_failed_check_is_what_comes_next(house: House, acme: str, ann: By) -> None:
    made = house.draft(ann, acme, purpose="stuff")
    results = house.do(house.onboarding.run_checks, ann, made.id)
    assert [one.name for one in results if one.verdict is Verdict.FAILED and "enter_sandbox" in one.before] == [
        "purpose"
    ]
    actions = {one.action: one.why for one in house.read(house.onboarding.next_of, ann, made.id)}
    assert "enter-sandbox" not in actions
    assert actions["edit"].startswith("Write in a sentence")
    assert house.do(house.onboarding.retire, SYSTEM, made.id, "given up").state is State.RETIRED


def test_a_scope_that_a_route_demands_is_known_without_being_declared(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path}/bare.db", {"demanded": lambda: ["parcels:send"]})
    made = invite(house, scopes=["parcels:send"])
    assert house.granted(made.application.id) == {"parcels:send"}
    assert house.read(house.onboarding.review, made.review_id).risk == "sensitive"
    house.close()


def test_production_is_offered_only_when_no_check_is_in_its_way(tmp_path: Path) -> None:
    house = House(f"sqlite:///{tmp_path}/bound.db", {"policy": ReviewPolicy(reference_in_production=True)})
    acme = house.organization()
    ann = house.person("ann", "owner", acme)
    made = house.draft(ann, acme)
    house.sandbox(ann, made.id)
    house.graduate("orders:read")
    told = {one.action: one.why for one in house.read(house.onboarding.next_of, ann, made.id)}
    assert "request-production" not in told
    assert told["run-checks"].endswith("It is bound to no customer. Have an operator set its reference.")
    assert "set-reference" in [one.action for one in house.read(house.onboarding.next_of, OPERATOR, made.id)]
    house.do(registry.set_reference, OPERATOR, made.id, "customer:42")
    assert house.read(house.onboarding.next_of, ann, made.id)[0].action == "request-production"
    assert house.request(ann, made.id).state == "approved"
    house.close()
