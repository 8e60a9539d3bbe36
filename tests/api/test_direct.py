"""What one administrator alone can't give: to their own organization anything, to others what takes a review."""

from __future__ import annotations

from typing import Any

import pytest

from flask_apiguard import access
from flask_apiguard.values import Environment

from .conftest import OPERATOR, Town

WHY = {"reason": "It was agreed."}


@pytest.fixture(scope="module")
def owned(town: Town) -> dict[str, Any]:
    """The application of an administrator who owns an organization, in the sandbox."""
    town.person("cleo")
    organization = town.go("POST", "/organizations", {"name": "Cleo"}, "cleo").json["id"]
    with town.house.store.write() as tx:
        access.put_scope(tx, OPERATOR, access.Scope("root:all", risk=access.Risk.CRITICAL))
        access.put_role(tx, OPERATOR, access.Role("root", frozenset({"root:all", "orders:read"})))
        access.put_role(tx, OPERATOR, access.Role("reader", frozenset({"orders:read"})))
        town.house.people.give_seat(tx, OPERATOR, town.ids["cleo"], None, "administrator")
    return town.ready_application("cleo", organization)


@pytest.fixture
def cleo(town: Town, owned: dict[str, Any]) -> dict[str, Any]:
    """The same, holding what it held at first."""
    with town.house.store.write() as tx:
        access.set_roles(tx, OPERATOR, owned["client_id"], [], "as at first")
        access.end(tx, OPERATOR, owned["application_id"], Environment.SANDBOX, ["orders:write"], "as at first")
    return owned


def grant(scopes: list[str], environment: str = "sandbox", **more: str) -> dict[str, Any]:
    return {"environment": environment, "scopes": scopes, **WHY, **more}


def held(town: Town, cleo: dict[str, Any]) -> list[str]:
    return sorted(town.go("GET", "/me", who=cleo["key"]).json["scopes"])


def test_nobody_gives_their_own_organization_anything_without_a_review(town: Town, cleo: dict[str, Any]) -> None:
    client = f"/clients/{cleo['client_id']}"
    plan = {"title": "Large", "limits": [{"name": "daily", "quota": 10**9, "per": "day"}], **WHY}
    assert town.go("PUT", "/plans/large", plan, "adam").status == 200
    for method, path, body in (
        ("POST", f"/applications/{cleo['application_id']}/grants", grant(["orders:read"])),
        ("PUT", f"{client}/roles", {"roles": ["reader"], **WHY}),
        ("PUT", f"{client}/plan", {"plan": "large", **WHY}),
        ("PUT", f"{client}/overrides/daily", {"quota": 10**9, "per": "day", **WHY}),
    ):
        refused = town.go(method, path, body, "cleo")
        assert (refused.status, refused.json["code"]) == (403, "api:seat:missing"), (path, refused.body)
    assert held(town, cleo) == ["orders:read"]


@pytest.mark.parametrize("scope", ["orders:write", "root:all"])
def test_what_is_not_of_low_risk_takes_a_review(town: Town, cleo: dict[str, Any], scope: str) -> None:
    refused = town.go("POST", f"/applications/{cleo['application_id']}/grants", grant(["orders:read", scope]), "adam")
    assert refused.status == 403
    assert scope in refused.json["detail"]
    assert "Open a review" in refused.body.decode()
    assert held(town, cleo) == ["orders:read"]


def test_a_role_is_no_way_around_the_review(town: Town, cleo: dict[str, Any]) -> None:
    path = f"/clients/{cleo['client_id']}/roles"
    assert town.go("PUT", path, {"roles": ["root"], **WHY}, "adam").status == 403
    assert held(town, cleo) == ["orders:read"]
    assert town.go("PUT", path, {"roles": ["reader"], **WHY}, "adam").json["roles"] == ["reader"]


def test_a_role_that_is_held_may_stay_or_go(town: Town, cleo: dict[str, Any]) -> None:
    path = f"/clients/{cleo['client_id']}/roles"
    with town.house.store.write() as tx:
        access.set_roles(tx, OPERATOR, cleo["client_id"], ["root"], "by hand")
    assert town.go("PUT", path, {"roles": ["root", "reader"], **WHY}, "adam").json["roles"] == ["reader", "root"]
    assert town.go("PUT", path, {"roles": [], **WHY}, "adam").json["roles"] == []
    assert town.go("PUT", path, {"roles": ["root"], **WHY}, "adam").status == 403


def test_an_application_that_is_not_in_production_receives_nothing_there(town: Town, cleo: dict[str, Any]) -> None:
    path = f"/applications/{cleo['application_id']}/grants"
    refused = town.go("POST", path, grant(["orders:read"], "production"), "adam")
    assert (refused.status, "not in production" in refused.json["detail"]) == (409, True)


def test_what_is_held_may_be_shortened_but_not_lengthened(town: Town, cleo: dict[str, Any]) -> None:
    path = f"/applications/{cleo['application_id']}/grants"
    with town.house.store.write() as tx:
        access.give(tx, OPERATOR, cleo["application_id"], Environment.SANDBOX, ["orders:write"], reason="by hand")
    assert town.go("POST", path, grant(["orders:write"], until="2090-01-01T00:00:00Z"), "adam").status == 200
    assert town.go("POST", path, grant(["orders:write"], until="2080-01-01T00:00:00Z"), "adam").status == 200
    assert town.go("POST", path, grant(["orders:write"], until="2090-01-01T00:00:00Z"), "adam").status == 403
    assert town.go("POST", path, grant(["orders:write"]), "adam").status == 403
