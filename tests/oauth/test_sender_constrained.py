"""What a scope or a plan keeps for tokens that are bound to a key, nothing else opens, and nothing else is issued."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from flask_apiguard import current_caller, require
from flask_apiguard.access import Risk, Scope, ScopeBook, put_scope, read_scope
from flask_apiguard.clients import registry
from flask_apiguard.credentials import TokenKind
from flask_apiguard.db import EVENTS, STATE, make_engine
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.extension import house_of
from flask_apiguard.migrations import create
from flask_apiguard.oauth import set_public
from flask_apiguard.quotas import put_plan
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import CALLBACK, VERIFIER, Browser, redeem, refresh
from tests.oauth.proofs import Device
from tests.oauth.world import Holder, World, make_app, running

SCOPES = {"payouts:write": {"description": "Pay out", "risk": "critical", "sender_constrained": True}}
BOTH = ("orders:read", "payouts:write")


def make(base: str, url: str) -> Flask:
    app = make_app(base, url, APIGUARD_SCOPES=SCOPES)

    @app.get("/api/payouts")
    @require("payouts:write")
    def payouts() -> dict[str, Any]:
        return {"paid": True, "may": current_caller.may("payouts:write")}

    @app.get("/api/either")
    @require(any_of=["reports:read", "payouts:write"])
    def either() -> dict[str, Any]:
        return {"either": True}

    @app.get("/api/asks")
    @require()
    def asks() -> dict[str, Any]:
        house_of(app).gate.authorize("payouts:write")
        return {"asked": True}

    return app


@pytest.fixture(scope="module")
def sqlite_bound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("bound")
    with running(lambda base: make(base, f"sqlite:///{folder}/a.db")) as world:
        yield world


@pytest.fixture(scope="module")
def postgres_bound(postgres_module_url: str) -> Iterator[World]:
    engine = make_engine(postgres_module_url)
    create(engine, STATE)
    create(engine, EVENTS)
    engine.dispose()
    with running(lambda base: make(base, postgres_module_url)) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def bound(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue("sqlite_bound" if request.param == "sqlite" else "postgres_bound")
    return found.fresh()


@pytest.fixture
def world(sqlite_bound: World) -> World:
    return sqlite_bound.fresh()


def refused(answer: requests.Response, scope: str = "payouts:write") -> None:
    assert (answer.status_code, answer.json()["code"]) == (403, "gate:proof:missing"), answer.text
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("DPoP algs=")
    if scope:
        assert f'error="insufficient_scope", scope="{scope}"' in challenge


def not_issued(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.text
    assert "DPoP" in answer.json()["error_description"]


def slipped(world: World, holder: Holder, scopes: tuple[str, ...] = BOTH) -> str:
    """A token from before anybody demanded more of it."""
    with world.house.store.write() as tx:
        _, text = world.house.tokens.issue(
            tx, client_id=holder.id, environment=holder.client.environment, scopes=scopes, kind=TokenKind.ACCESS
        )
    return text


def test_a_scope_that_wants_it_is_issued_and_used_with_a_key_only(bound: World) -> None:
    holder, device = bound.holder(BOTH), Device(bound)
    asked = {"grant_type": "client_credentials"}
    not_issued(bound.post("token", {**asked, "scope": "payouts:write"}, holder))
    not_issued(bound.post("token", {**asked, "scope": "orders:read payouts:write"}, holder))
    not_issued(bound.post("token", asked, holder))
    assert bound.call(bound.token(holder, scope="orders:read")).status_code == 200
    token = device.token(holder)
    assert device.call(token, path="/api/payouts").json() == {"paid": True, "may": True}
    assert device.call(token, path="/api/either").status_code == 200
    assert device.call(token, path="/api/asks").status_code == 200


def test_a_bad_proof_is_said_as_such(world: World) -> None:
    holder, device = world.holder(BOTH), Device(world)
    assert device.post(holder, htm="GET").json()["error"] == "invalid_dpop_proof"


@pytest.mark.parametrize("path", ["/api/payouts", "/api/either", "/api/asks"])
def test_nothing_that_is_bound_to_nothing_opens_it(bound: World, path: str) -> None:
    holder = bound.holder(BOTH)
    with bound.house.store.write() as tx:
        _, key = bound.house.keys.create(tx, SYSTEM, holder.id, name="key")
    token = slipped(bound, holder)
    for text in (token, key):
        for _ in range(2):
            answer = bound.call(text, path)
            if path == "/api/asks":
                assert (answer.status_code, answer.json()["code"]) == (403, "gate:proof:missing"), answer.text
            else:
                refused(answer, "payouts:write" if path == "/api/payouts" else "payouts:write reports:read")
        answer = bound.call(text)
        assert (answer.status_code, answer.json()["scopes"]) == (200, ["orders:read"])


def test_who_lacks_another_scope_too_hears_of_that_first(world: World) -> None:
    holder = world.holder(("orders:read",))
    answer = world.call(slipped(world, holder), "/api/payouts")
    assert answer.json()["code"] == "gate:scope:missing"


def test_what_a_user_allowed_is_issued_to_the_key_only_and_the_code_waits(bound: World) -> None:
    for public in (False, True):
        holder, device = bound.holder(BOTH, redirect_uris=(CALLBACK,), public=public), Device(bound)
        code = Browser(bound).code(holder, scope=" ".join(BOTH))
        not_issued(redeem(bound, holder, code, public=public))
        data = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
            **({"client_id": holder.id} if public else {}),
        }  # fmt: skip
        answer = device.post(None if public else holder, data)
        assert answer.status_code == 200, answer.text
        assert device.call(answer.json()["access_token"], path="/api/payouts").status_code == 200
        text = answer.json()["refresh_token"]
        if not public:
            not_issued(refresh(bound, holder, text))
            assert refresh(bound, holder, text, scope="orders:read").status_code == 200


def with_plan(world: World, holder: Holder, name: str, **more: Any) -> None:
    with world.house.store.write() as tx:
        put_plan(tx, SYSTEM, name, [{"name": "burst", "rate": "100/second"}], **more)
        registry.set_plan(tx, SYSTEM, holder.id, name)


def test_a_plan_that_wants_it_takes_it_for_every_call(bound: World) -> None:
    holder, device = bound.holder(("orders:read",)), Device(bound)
    token = bound.token(holder)
    assert bound.call(token).status_code == 200
    with_plan(bound, holder, "payments", sender_constrained=True)
    refused(bound.call(token), "")
    refused(bound.call(token, "/api/asks"), "")
    not_issued(bound.post("token", {"grant_type": "client_credentials"}, holder))
    assert device.call(device.token(holder)).status_code == 200
    with_plan(bound, holder, "payments")
    assert bound.call(token).status_code == 200
    assert bound.call(bound.token(holder)).status_code == 200


def test_the_demand_binds_from_the_next_call_on(bound: World) -> None:
    holder, other = bound.holder(("orders:read", "reports:read")), bound.holder(("orders:read",))
    token, untouched = bound.token(holder), bound.token(other)
    for text, path in ((token, "/api/reports"), (untouched, "/api/orders")):
        assert bound.call(text, path).status_code == 200
    scope = Scope("reports:read", "See reports", Risk.LOW)
    try:
        with bound.house.store.write() as tx:
            put_scope(tx, SYSTEM, Scope(scope.name, scope.description, scope.risk, sender_constrained=True))
        refused(bound.call(token, "/api/reports"), "reports:read")
        assert bound.call(token).status_code == 200
        assert bound.call(untouched).status_code == 200
        not_issued(bound.post("token", {"grant_type": "client_credentials"}, holder))
    finally:
        with bound.house.store.write() as tx:
            put_scope(tx, SYSTEM, scope)
    assert bound.call(token, "/api/reports").status_code == 200


def test_a_file_takes_away_nothing_that_the_code_demands(world: World) -> None:
    holder = world.holder(BOTH)
    with world.house.store.write() as tx:
        put_scope(tx, SYSTEM, Scope("payouts:write", "Pay out quickly", Risk.LOW))
        assert world.house.scopes.all(tx)["payouts:write"] == Scope(
            "payouts:write", "Pay out quickly", Risk.LOW, sender_constrained=True
        )
    refused(world.call(slipped(world, holder), "/api/payouts"))


def test_the_default_plan_may_want_it_too(tmp_path: Path) -> None:
    config = {"APIGUARD_DEFAULT_PLAN": "usual"}
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db", **config)) as world:
        holder, device = world.holder(), Device(world)
        with world.house.store.write() as tx:
            put_plan(tx, SYSTEM, "usual", [], sender_constrained=True)
        not_issued(world.post("token", {"grant_type": "client_credentials"}, holder))
        assert device.call(device.token(holder)).status_code == 200


def test_a_public_client_can_be_of_such_a_plan(world: World) -> None:
    holder = world.holder(("orders:read",), redirect_uris=(CALLBACK,))
    with world.house.store.write() as tx:
        set_public(tx, SYSTEM, holder.id, True)
    with_plan(world, holder, "devices", sender_constrained=True)
    not_issued(redeem(world, holder, Browser(world).code(holder), public=True))


@pytest.mark.parametrize("told", ["yes", 1, None, "true"])
def test_it_is_demanded_in_one_way_of_writing(told: Any) -> None:
    with pytest.raises(ConfigurationError, match="sender_constrained is true or false"):
        read_scope("payouts:write", {"sender_constrained": told})
    assert read_scope("payouts:write", {"sender_constrained": True}).sender_constrained
    assert not ScopeBook({"a:b": "A sentence"})["a:b"].sender_constrained
