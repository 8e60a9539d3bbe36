"""How far tokens reach."""

from __future__ import annotations

from .conftest import FACTS, Town


def test_a_narrowed_token_reaches_no_further_than_its_seats(town: Town) -> None:
    town.person("nora")
    ids = [town.go("POST", "/organizations", {"name": name}, "nora").json["id"] for name in ("North", "South")]
    for one in ids:
        assert town.go("POST", "/applications", {**FACTS, "organization_id": one}, "nora").status == 201
    made = town.go("POST", "/me/tokens", {"name": "report", "seats": [f"viewer@{ids[0]}"]}, "nora")
    narrow = made.json["secret"]
    seen = town.go("GET", "/applications", who=narrow).json["items"]
    assert {one["organization_id"] for one in seen} == {ids[0]}
    assert [one["id"] for one in town.go("GET", "/organizations", who=narrow).json["items"]] == [ids[0]]
    assert town.go("GET", f"/organizations/{ids[1]}", who=narrow).status == 403
    assert town.go("POST", "/applications", {**FACTS, "organization_id": ids[0]}, narrow).status == 403
    assert town.go("POST", "/organizations", {"name": "West"}, narrow).status == 403
    wider = town.go("POST", "/me/tokens", {"name": "more", "seats": [f"owner@{ids[0]}"]}, narrow)
    if wider.status == 201:
        assert town.go("POST", "/organizations", {"name": "East"}, wider.json["secret"]).status == 403


def test_a_seat_taken_counts_at_once(town: Town) -> None:
    town.person("seth", town.ids["ann_org"], "developer")
    path = f"/organizations/{town.ids['ann_org']}"
    assert town.go("GET", path, who="seth").status == 200
    taken = town.go("DELETE", f"{path}/members/{town.ids['seth']}/developer", who="ann")
    assert taken.status == 200
    assert town.go("GET", path, who="seth").status == 404


def test_an_owner_seats_nobody_from_elsewhere(town: Town) -> None:
    path, body = f"/organizations/{town.ids['ann_org']}/members", {"seat": "viewer"}
    known = town.go("POST", path, {**body, "person_id": town.ids["bob"]}, "ann")
    absent = town.go("POST", path, {**body, "person_id": "per_" + "0" * 26}, "ann")
    assert (known.status, absent.status) == (404, 404)
    assert known.plain() == absent.plain()
