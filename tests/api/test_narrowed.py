"""Tokens that are narrower than their person: "it is myself" opens nothing to them."""

from __future__ import annotations

import pytest

from .conftest import Town


def narrow(town: Town, who: str, *seats: str) -> str:
    made = town.go("POST", "/me/tokens", {"name": "narrow", "seats": list(seats)}, who)
    assert made.status == 201, made.body
    return str(made.json["secret"])


@pytest.mark.parametrize("who", ["ann", "rita", "stan"])
def test_a_narrowed_token_registers_no_organization(town: Town, who: str) -> None:
    refused = town.go("POST", "/organizations", {"name": "Mine"}, narrow(town, who, "viewer"))
    assert (refused.status, refused.json["code"]) == (403, "api:seat:missing")


def test_a_narrowed_token_leaves_no_seat_and_ends_no_session(town: Town) -> None:
    token = narrow(town, "ann", "viewer")
    organization, person = town.ids["ann_org"], town.ids["ann"]
    assert town.go("DELETE", f"/organizations/{organization}/members/{person}/owner", who=token).status == 403
    assert town.go("DELETE", f"/house/members/{town.ids['rita']}/reviewer", who=narrow(town, "rita")).status == 403
    sessions = [one["id"] for one in town.go("GET", "/me/tokens", who=token).json["items"] if one["kind"] == "session"]
    assert town.go("DELETE", f"/me/tokens/{sessions[0]}", who=token).status == 403
    assert town.go("GET", "/me", who="ann").status == 200
