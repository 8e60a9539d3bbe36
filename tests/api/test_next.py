"""What ``next`` offers can be done by whoever is offered it, and where something plain is to do it is offered."""

from __future__ import annotations

from typing import Any

import pytest

from flask_apiguard.api.endpoints import ENDPOINTS
from flask_apiguard.api.remedies import _shown_by
from flask_apiguard.api.table import Who

from .conftest import FACTS, Heard, Town

WHY = {"reason": "That was agreed."}


def offered(heard: Heard) -> set[str]:
    return {one["action"] for one in heard.json["next"]}


@pytest.fixture
def here(town: Town) -> dict[str, Any]:
    return town.ready_application("ann", town.ids["ann_org"])


def test_the_root_says_where_to_begin(town: Town) -> None:
    begin = town.go("GET", "/apiguard/api/v1/")
    assert begin.status == 200
    assert town.go("GET", "/apiguard/api/v1").json["next"] == begin.json["next"]
    assert town.go(*begin.follow("describe")).status == 200
    assert town.go(*begin.follow("health")).status == 200
    assert town.go(*begin.follow("register"), {"email": "new@new.example"}).status == 202
    assert town.go(*begin.follow("sign-in"), {"email": "new@new.example", "password": "none"}).status == 401
    assert town.go(*begin.follow("sign-in-link"), {"email": "new@new.example"}).status == 202


def test_a_refusal_offers_what_mends_it_and_that_can_be_done(town: Town, here: dict[str, Any]) -> None:
    path = f"/applications/{here['application_id']}"
    strange = town.go("GET", "/applications")
    assert (strange.status, offered(strange)) == (401, {"sign-in", "sign-in-link"})
    wrong = town.go(*strange.follow("sign-in"), {"email": "ann@ann.example", "password": "not the right one"})
    assert (wrong.status, offered(wrong)) == (401, {"sign-in-link"})
    assert town.go(*wrong.follow("sign-in-link"), {"email": "ann@ann.example"}).status == 202
    for method, where, sent in (("GET", "/nowhere", None), ("PUT", "/applications", {}), ("POST", "/applications", {})):
        mistaken = town.go(method, where, sent, "ann")
        assert offered(mistaken) == {"describe"}, mistaken.body
        assert town.go(*mistaken.follow("describe")).status == 200
    below = town.go("PUT", "/plans/gold", {"limits": [], "reason": "for me"}, "ann")
    assert (below.status, offered(below)) == (403, {"me"})
    assert town.go(*below.follow("me"), who="ann").status == 200
    unread = town.go("PATCH", path, {"purpose": "More of it."}, "ann")
    assert (unread.status, offered(unread)) == (428, {"read"})
    assert town.go(*unread.follow("read"), who="ann").json["id"] == here["application_id"]
    again = town.go("POST", f"{path}/sandbox", {}, "ann")
    assert (again.status, offered(again)) == (409, {"read"})
    assert town.go(*again.follow("read"), who="ann").json["id"] == here["application_id"]


def test_who_guessed_too_often_is_offered_a_link(town: Town) -> None:
    wrong = {"email": "guessed@stan.example", "password": "not the right one"}
    heard = [town.go("POST", "/people/session", wrong) for _ in range(11)]
    assert [one.status for one in heard] == [401] * 10 + [429]
    assert offered(heard[-1]) == {"sign-in-link"}
    assert town.go(*heard[-1].follow("sign-in-link"), {"email": "guessed@stan.example"}).status == 202


def test_where_only_somebody_else_can_help_nothing_is_offered_and_no_id_is_betrayed(
    town: Town, here: dict[str, Any]
) -> None:
    theirs = town.go("GET", f"/applications/{here['application_id']}", who="bob")
    nobodys = town.go("GET", "/applications/app_000000000000", who="bob")
    assert theirs.status == nobodys.status == 404
    assert theirs.json["next"] == nobodys.json["next"] == []


def test_whatever_can_conflict_says_where_to_read_how_it_is() -> None:
    about_a_thing = [one for one in ENDPOINTS if one.writes and "<" in one.path and one.who is Who.PERSON]
    without = {one.path for one in about_a_thing if _shown_by(one) is None}
    assert without == {"/invitations/<invitation_id>"}, "listed by whose they are"


def test_only_who_suspended_a_client_is_offered_to_take_that_back(town: Town, here: dict[str, Any]) -> None:
    path = f"/clients/{here['client_id']}"
    assert town.go("POST", f"{path}/suspension", WHY, "rita").status == 200
    assert "resume" not in offered(town.go("GET", path, who="ann"))
    assert "resume" not in offered(town.go("GET", path, who="rudi"))
    asked = town.go("GET", path, who="ann")
    review = {**WHY, "kind": "resume", "environment": "sandbox"}
    assert town.go(*asked.follow("request-resume"), review, "ann").status == 201
    assert "request-resume" not in offered(town.go("GET", path, who="ann")), "it is asked for already"
    mine = town.go("GET", path, who="rita")
    assert town.go(*mine.follow("resume"), WHY, "rita").status == 200


def test_a_draft_that_nobody_looked_at_is_offered_the_sandbox_only_when_it_would_get_in(town: Town) -> None:
    facts = {**FACTS, "organization_id": town.ids["ann_org"]}
    fine = town.go("POST", "/applications", {**facts, "contact_email": "ann@ann.example"}, "ann")
    assert {"enter-sandbox", "run-checks"} <= offered(fine)
    assert town.go(*fine.follow("enter-sandbox"), {}, "ann").status == 201
    lacking = town.go("POST", "/applications", {**facts, "contact_email": "ops@nowhere.example"}, "ann")
    assert {"run-checks", "edit"} <= offered(lacking)
    assert "enter-sandbox" not in offered(lacking)
    assert town.go("POST", f"/applications/{lacking.json['id']}/sandbox", {}, "ann").status == 409


def test_a_retired_application_s_client_reads_as_what_it_is_and_is_past_suspending(
    town: Town, here: dict[str, Any]
) -> None:
    path = f"/clients/{here['client_id']}"
    assert town.go("POST", f"/applications/{here['application_id']}/retirement", WHY, "ann").status == 200
    client = town.go("GET", path, who="ann")
    assert (client.json["standing"], client.json["standing_reason"]) == ("suspended", WHY["reason"])
    assert offered(client).isdisjoint({"suspend", "resume", "request-resume"})
    for act in ("suspension", "resumption"):
        answer = town.go("POST", f"{path}/{act}", WHY, "rita")
        assert answer.status == 409
        assert "retired" in answer.json["detail"]


def test_proving_the_contact_is_offered_until_it_is_done(town: Town) -> None:
    facts = {**FACTS, "contact_email": "ops@elsewhere.example", "organization_id": town.ids["ann_org"]}
    made = town.go("POST", "/applications", facts, "ann")
    assert {"prove-contact", "send-contact-proof"} <= offered(made)
    checked = town.go(*made.follow("run-checks"), {}, "ann")
    assert "enter-sandbox" not in offered(checked)
    assert "prove-contact" not in offered(town.go("GET", f"/applications/{made.json['id']}", who="olga"))
    code = {"code": town.mailed("ops@elsewhere.example")}
    proved = town.go(*checked.follow("prove-contact"), code, "ann")
    assert offered(proved) >= {"enter-sandbox"}
    assert offered(proved).isdisjoint({"prove-contact", "send-contact-proof", "run-checks", "edit"})
    assert town.go(*proved.follow("enter-sandbox"), {}, "ann").status == 201


def test_a_revoked_credential_leads_to_another_one(town: Town, here: dict[str, Any]) -> None:
    path = f"/credentials/{here['credential_id']}"
    revoked = town.go("POST", f"{path}/revocation", WHY, "ann")
    for heard in (revoked, town.go("GET", path, who="ann")):
        assert town.go(*heard.follow("create-credential"), {"name": "next"}, "ann").status == 201
    assert offered(town.go("GET", path, who="olga")) == set(), "an auditor makes none"


def test_lists_lead_on(town: Town, here: dict[str, Any]) -> None:
    refused = town.call_api(here["key"], "POST", body={"sku": "x"})
    calls = town.go("GET", f"/calls?client_id={here['client_id']}", who="ann")
    assert calls.follow("explain")[1].endswith(refused.headers["X-Request-Id"])
    assert town.go(*calls.follow("usage"), who="ann").status == 200
    for path in ("/scopes", "/plans"):
        assert town.go(*town.go("GET", path, who="ann").follow("applications"), who="ann").status == 200


def test_a_call_that_no_route_took_has_none(town: Town, here: dict[str, Any]) -> None:
    missed = town.call_api(here["key"], path="/api/v1/nowhere")
    found = town.go("GET", f"/calls?client_id={here['client_id']}", who="ann").json["items"]
    assert [(one["id"], one["route"]) for one in found] == [(missed.headers["X-Request-Id"], None)]
    explained = town.go("GET", f"/explain/{missed.headers['X-Request-Id']}", who="ann")
    assert explained.json["call"]["route"] is None
