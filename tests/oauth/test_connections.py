"""A user sees which applications act for them, and disconnects one."""

from __future__ import annotations

import re

import pytest
import requests

from flask_apiguard.clients import registry
from flask_apiguard.values import SYSTEM, Environment
from tests.oauth.browser import CALLBACK, Browser, refresh
from tests.oauth.world import Holder, World


@pytest.fixture
def holder(world: World) -> Holder:
    return world.holder(redirect_uris=(CALLBACK,))


def shown(browser: Browser) -> requests.Response:
    return browser.session.get(browser.world.base + "/oauth/connections", allow_redirects=False, timeout=20)


def disconnect(browser: Browser, page: requests.Response, client_id: str, **headers: str) -> requests.Response:
    proof = re.search(r'name="proof" value="([^"]+)"', page.text)
    data = {"client_id": client_id, "proof": proof[1] if proof else ""}
    url = browser.world.base + "/oauth/connections"
    return browser.session.post(url, data=data, headers=headers, allow_redirects=False, timeout=20)


def test_a_user_sees_what_is_connected_and_ends_it_at_once(world: World, holder: Holder) -> None:
    browser = Browser(world, "carol")
    tokens = browser.tokens(holder)
    page = shown(browser)
    assert "Pay &lt;b&gt;" in page.text
    assert "See your orders" in page.text
    assert world.call(tokens["access_token"]).status_code == 200
    assert disconnect(browser, page, holder.id).status_code == 303
    assert world.call(tokens["access_token"]).status_code == 401
    assert refresh(world, holder, tokens["refresh_token"]).status_code == 400
    assert "No application may act for you" in shown(browser).text


def test_an_application_is_called_as_it_is_now_and_its_sandbox_is_told_apart(world: World, holder: Holder) -> None:
    browser, house = Browser(world, "nora"), world.house
    browser.tokens(holder)
    sandbox = world.holder(redirect_uris=(CALLBACK,), environment=Environment.SANDBOX)
    browser.tokens(sandbox)
    with house.store.write() as tx:
        registry.edit_application(tx, SYSTEM, holder.client.application_id, {"name": "Pay & Go"})
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", shown(browser).text)
    assert sorted(headings) == ["Pay &amp; Go", "Pay &lt;b&gt; (sandbox)"]


def test_nobody_disconnects_for_somebody_else(world: World, holder: Holder) -> None:
    alice, mallory = Browser(world, "dora"), Browser(world, "mallory")
    tokens, page = alice.tokens(holder), shown(alice)
    mallory.tokens(holder)
    assert disconnect(mallory, page, holder.id).status_code == 403
    assert disconnect(mallory, shown(mallory), holder.id).status_code == 303
    assert disconnect(Browser(world, None), page, holder.id).status_code == 401
    assert world.call(tokens["access_token"]).status_code == 200


def test_a_forged_form_disconnects_nothing(world: World, holder: Holder) -> None:
    browser = Browser(world, "erin")
    tokens, page = browser.tokens(holder), shown(browser)
    assert disconnect(browser, page, holder.id, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert disconnect(browser, page, holder.id, Origin="https://evil.example").status_code == 403
    url = world.base + "/oauth/connections"
    assert browser.session.post(url, data={"client_id": holder.id}, timeout=20).status_code == 403
    assert world.call(tokens["access_token"]).status_code == 200


def test_the_page_is_for_signed_in_users_and_never_framed(world: World) -> None:
    assert shown(Browser(world, None)).status_code == 401
    page = shown(Browser(world, "frank"))
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    answer = requests.delete(world.base + "/oauth/connections", timeout=20)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
