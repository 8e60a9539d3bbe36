"""Whom a token is for: this API, by its name or any place under it, and no other (RFC 8707)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.oauth.browser import CALLBACK, Browser, refresh
from tests.oauth.world import Holder, World, make_app, running


@pytest.fixture
def holder(world: World) -> Holder:
    return world.holder(redirect_uris=(CALLBACK,))


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("path", ["", "/", "/api/orders"])
def test_a_token_may_name_this_api_as_its_audience(world: World, browser: Browser, holder: Holder, path: str) -> None:
    tokens = browser.tokens(holder, resource=world.base + path)
    assert world.call(tokens["access_token"]).status_code == 200
    said = world.post("introspect", {"token": tokens["access_token"]}, holder).json()
    assert (said["aud"], said["sub"]) == ([world.base], "alice")


@pytest.mark.parametrize("resource", ["https://other.example", "urn:x", "é", "#"])
def test_no_token_is_issued_for_another_api(world: World, holder: Holder, resource: str) -> None:
    data = {"grant_type": "client_credentials", "resource": resource}
    assert error(world.post("token", data, holder)) == (400, "invalid_target")
    assert error(world.post("token", [*data.items(), ("resource", world.base)], holder)) == (400, "invalid_target")


def test_a_token_for_another_api_opens_nothing_here(world: World, holder: Holder) -> None:
    with world.house.store.write() as tx:
        _, text = world.house.tokens.issue(
            tx, client_id=holder.id, environment=holder.client.environment, scopes=["orders:read"],
            audience=["https://other.example"],
        )  # fmt: skip
    assert world.call(text).status_code == 401


def introspected(world: World, holder: Holder, text: str) -> dict[str, Any]:
    found: dict[str, Any] = world.post("introspect", {"token": text}, holder).json()
    return found


def test_a_token_that_was_asked_for_without_a_resource_is_for_this_api_alone(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base, url)) as one, running(lambda base: make_app(base, url)) as other:
        holder, browser = one.holder(redirect_uris=(CALLBACK,)), Browser(one)
        tokens = browser.tokens(holder)
        refreshed = refresh(one, holder, tokens["refresh_token"]).json()
        for text in (one.token(holder), tokens["access_token"], refreshed["access_token"]):
            assert introspected(one, holder, text)["aud"] == [one.base]
            assert one.call(text).status_code == 200
            answer = other.call(text)
            assert (answer.status_code, answer.json()["code"]) == (401, "gate:audience:wrong")
            assert introspected(other, holder, text) == {"active": False}


def test_a_token_of_before_that_names_nobody_is_good_until_it_ends(world: World, holder: Holder) -> None:
    with world.house.store.write() as tx:
        _, text = world.house.tokens.issue(
            tx, client_id=holder.id, environment=holder.client.environment, scopes=["orders:read"]
        )
    assert world.call(text).status_code == 200
    assert "aud" not in introspected(world, holder, text)


def test_what_was_allowed_without_a_resource_goes_on_where_the_api_has_another_name_now(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base, url)) as world:
        holder = world.holder(redirect_uris=(CALLBACK,))
        tokens = Browser(world).tokens(holder)
    with running(lambda base: make_app(base, url)) as moved:
        text = refresh(moved, holder, tokens["refresh_token"]).json()["access_token"]
        assert moved.call(text).status_code == 200
