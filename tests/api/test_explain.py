"""Why a call was refused, told to those whose call it was, and to nobody else."""

from __future__ import annotations

from .conftest import Town


def test_a_policys_sentence_is_explained_to_its_caller_as_the_refusal_told_it(town: Town) -> None:
    here = town.ready_application("ann", town.ids["ann_org"])
    refused = town.call_api(here["key"], path="/api/v1/early")
    assert refused.status == 403
    assert "The shop opens at noon." in refused.json["detail"]
    for who in (here["key"], "ann", "rita"):
        why = town.go("GET", f"/explain/{refused.headers['X-Request-Id']}", who=who).json
        assert why["why"] == "The shop opens at noon."
        access = next(step for step in why["steps"] if step["outcome"] == "refused")
        assert (access["step"], access["seen"], access["needed"]) == ("access", "The shop opens at noon.", "noon")


def test_a_revoked_credentials_call_is_found_and_explained_by_its_own_people(town: Town) -> None:
    here = town.ready_application("ann", town.ids["ann_org"])
    revoked = town.go("POST", f"/credentials/{here['credential_id']}/revocation", {"reason": "seen in a log"}, "ann")
    assert revoked.status == 200
    refused = town.call_api(here["key"])
    assert refused.status == 401
    request_id = refused.headers["X-Request-Id"]
    town.house.recorder.settle()
    listed = town.go("GET", f"/calls?client_id={here['client_id']}", who="ann").json["items"]
    assert [(one["id"], one["status"], one["allowed"]) for one in listed] == [(request_id, 401, False)]
    why = town.go("GET", f"/explain/{request_id}", who="ann")
    assert [one["step"] for one in why.json["steps"] if one["outcome"] == "refused"] == ["standing"]
    assert town.go(*why.follow("create-credential"), {"name": "next"}, "ann").status == 201
    assert town.go("GET", f"/explain/{request_id}", who="bob").status == 404
