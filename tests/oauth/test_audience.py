"""Whom a token is for: this API, by its name or any place under it, and no other (RFC 8707)."""

from __future__ import annotations

import pytest
import requests

from tests.oauth.browser import CALLBACK, Browser
from tests.oauth.world import Holder, World


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
