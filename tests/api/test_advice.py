"""What a refusal advises fits what it says: one next action, and one that leads somewhere."""

from __future__ import annotations

from typing import Any

import pytest

from flask_apiguard.errors import Conflict, Forbidden, Missing, document
from flask_apiguard.values import Reason

from .conftest import FACTS, OPERATOR, Town


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (Conflict("It is open."), f"It is open. {Reason.API_CONFLICT.action}"),
        (Conflict("It is open.", "Close it."), "It is open. Close it."),
        (Conflict("It is open. Close it.", "Close it."), "It is open. Close it."),
        (Forbidden("Not you.", "another", "Ask her."), "Not you. Ask her."),
        (Missing("No path.", "Look it up."), "No path. Look it up."),
        (Missing(), f"{Reason.API_MISSING.title}. {Reason.API_MISSING.action}"),
    ],
)
def test_a_decisions_own_advice_stands_in_the_place_of_its_reasons(error: Any, detail: str) -> None:
    assert document(error.decision, {})["detail"] == detail


def test_an_unknown_path_is_not_told_to_check_an_id(town: Town) -> None:
    told = town.go("GET", "/nothing/here").json
    assert told["detail"] == "There is no such path. Look it up in openapi.json, beside /health."


def test_who_asked_for_a_review_is_not_sent_for_a_seat(town: Town) -> None:
    town.person("wanda", town.ids["ann_org"], "developer")
    with town.house.store.write() as tx:
        town.house.people.give_seat(tx, OPERATOR, town.ids["wanda"], None, "reviewer")
    here = town.ready_application("wanda", town.ids["ann_org"])
    asked = {"kind": "scopes", "environment": "sandbox", "scopes": ["orders:write"], "reason": "to order"}
    review = town.go("POST", f"/applications/{here['application_id']}/reviews", asked, "wanda")
    assert review.status == 201, review.body
    refused = town.go(
        "POST", f"/reviews/{review.json['id']}/decisions", {"decision": "approve", "reason": "I am sure."}, "wanda"
    )
    assert refused.status == 403
    assert refused.json["detail"] == "Nobody decides what they asked for themselves. Leave it to another reviewer."


def test_a_check_in_the_way_is_told_with_its_own_fix_alone(town: Town) -> None:
    facts = {**FACTS, "contact_email": "ann@ann.example", "organization_id": town.ids["ann_org"], "purpose": "short"}
    made = town.go("POST", "/applications", facts, "ann")
    refused = town.go("POST", f"/applications/{made.json['id']}/sandbox", {}, "ann")
    assert refused.status == 409
    assert refused.json["detail"].endswith("Write in a sentence what it does and for whom.")
