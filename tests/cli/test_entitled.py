"""``grants`` and what ``clients`` are entitled to: given outside a review by those who may, and taken again."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_apiguard import access, quotas
from flask_apiguard.cli.common import operator
from flask_apiguard.house import House

from .conftest import Run
from .test_lifecycle import WHY, admit


@pytest.fixture
def made(told: Any, house: House) -> dict[str, Any]:
    found: dict[str, Any] = told("keys", "create", "Acme Pay", "--scope", "orders:read", *WHY)
    with house.store.write() as tx:
        access.put_role(tx, operator(), access.Role("reader", frozenset({"orders:read"})))
        access.put_role(tx, operator(), access.Role("clerk", frozenset({"orders:write"})))
        quotas.put_plan(tx, operator(), "gold", [{"name": "calls", "rate": "100/second"}])
    return found


def calls(app: Flask, made: dict[str, Any], method: str) -> int:
    headers = {"X-API-Key": made["key"]}
    body = {"json": {"item": "a chair"}} if method == "POST" else {}
    return app.test_client().open("/api/orders", method=method, headers=headers, **body).status_code  # type: ignore[arg-type]


def test_scopes_are_given_listed_and_ended(app: Flask, told: Any, run: Run, made: dict[str, Any]) -> None:
    assert calls(app, made, "POST") == 403
    given = told("grants", "give", made["application"], "production", "orders:write", "--until", "2199-01-01", *WHY)
    assert [(one["scope"], one["until"][:10], one["review"]) for one in given] == [("orders:write", "2199-01-01", None)]
    assert calls(app, made, "POST") == 200
    assert {one["scope"] for one in told("grants", "list", made["application"])} == {"orders:read", "orders:write"}
    told("grants", "end", made["application"], "production", "orders:write", *WHY)
    assert calls(app, made, "POST") == 403
    assert [one["scope"] for one in told("grants", "list", made["application"])] == ["orders:read"]
    assert "held none" in run("grants", "end", made["application"], "production", "orders:write", *WHY).out
    entry = told("audit", "list", "--happening", "access:grant:given")[0]
    assert entry["reason"] == WHY[1]


def test_people_give_what_is_of_low_risk_and_never_their_own(
    run: Run, told: Any, house: House, made: dict[str, Any]
) -> None:
    adam = admit(house, told, "adam@example.org", "administrator")
    words = ("grants", "give", made["application"], "production")
    assert run(*words, "orders:read", "--until", "2199-01-01", *WHY, "--as", adam).status == 0
    refused = run(*words, "orders:write", *WHY, "--as", adam)
    assert refused.status == 1
    assert "Only a review gives" in refused.err
    assert run("clients", "roles", made["client"], "clerk", *WHY, "--as", adam).status == 1
    owner = admit(house, told, "ann@example.org", "owner", organization=made["organization"])
    for tried in (
        (*words, "orders:read"), ("grants", "end", made["application"], "production", "orders:read"),
        ("clients", "roles", made["client"], "reader"), ("clients", "plan", made["client"], "gold"),
        ("clients", "override", made["client"], "calls", "--rate", "9/second"),
    ):  # fmt: skip
        assert run(*tried, *WHY, "--as", owner).status == 1, tried
    assert [one["scope"] for one in told("grants", "list", made["application"], "--as", owner)] == ["orders:read"]
    tried = told("audit", "list", "--happening", "onboarding:review:refused")
    assert {one["after"]["attempted"] for one in tried} >= {"grants.give", "grants.end", "clients.roles"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("production", "orders:raed"), "Nobody declared orders:raed"),
        (("production", "orders:read", "--until", "2001-01-01"), "has passed"),
        (("nowhere", "orders:read"), "nowhere"),
    ],
)
def test_what_can_not_be_given_is_said(run: Run, made: dict[str, Any], words: tuple[str, ...], said: str) -> None:
    answer = run("grants", "give", made["application"], *words, *WHY)
    assert answer.status == 2
    assert said in answer.err


def test_a_client_gets_roles_a_plan_and_limits_of_its_own(
    app: Flask, told: Any, run: Run, made: dict[str, Any]
) -> None:
    client = made["client"]
    assert told("clients", "roles", client, "reader", "clerk", *WHY)["roles"] == ["clerk", "reader"]
    assert calls(app, made, "POST") == 200
    assert told("clients", "roles", client, *WHY)["roles"] == []
    assert calls(app, made, "POST") == 403
    assert told("clients", "plan", client, "gold", *WHY)["plan"] == "gold"
    own = told("clients", "override", client, "calls", "--rate", "7/second", "--until", "2199-01-01", *WHY)
    assert [(one["name"], one["rate"]) for one in own["overrides"]] == [("calls", "7 per second")]
    day = ("--quota", "0", "--per", "day", "--endpoint", "orders *")
    assert len(told("clients", "override", client, "daily", *day, *WHY)["overrides"]) == 2
    shown = told("clients", "show", client)
    assert (shown["standing"], shown["plan"], len(shown["overrides"])) == ("active", "gold", 2)
    used = told("clients", "usage", client)
    assert {one["name"]: one["own"] for one in used["limits"]} == {"calls": True, "daily": True}
    assert "remaining" in run("clients", "usage", client).out
    for name in ("calls", "daily"):
        left = told("clients", "override", client, name, "--take", *WHY)
    assert left["overrides"] == []
    assert told("clients", "plan", client, "--take", *WHY)["plan"] is None


def test_what_is_wrongly_said_of_a_client_ends_with_2_and_names_it(run: Run, made: dict[str, Any]) -> None:
    for words, said in (
        (("plan", made["client"]), "Name a plan"),
        (("plan", made["client"], "gold", "--take"), "Name a plan"),
        (("plan", made["client"], "platinum"), "There is no such plan"),
        (("roles", made["client"], "king"), "There is no role king"),
        (("override", made["client"], "calls"), "Error: Write either a rate or a quota"),
        (("override", made["client"], "calls", "--rate", "fast"), "/rate"),
        (("override", made["client"], "calls", "--rate", "1/day", "--take"), "--take goes alone"),
    ):
        answer = run("clients", *words, *WHY)
        assert (answer.status, said in answer.err) == (2, True), (words, answer.err)
    assert run("clients", "override", made["client"], "calls", "--take", *WHY).status == 1
    assert run("clients", "show", "cli_nobody").status == 1
