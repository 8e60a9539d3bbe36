"""A user lets a client act for them: asked once, in words, on our page; and the code that comes of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests
import sqlalchemy as sa
from authlib.integrations.requests_client import OAuth2Session

from flask_apiguard.ledger.tables import ledger
from flask_apiguard.oauth import consents_of, withdraw
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import CALLBACK, VERIFIER, Browser, answered, challenge, redeem, refresh, wanted
from tests.oauth.world import Holder, World, make_app, running

LOOPBACK = "http://127.0.0.1/cb"


@pytest.fixture
def holder(world: World) -> Holder:
    return world.holder(redirect_uris=(CALLBACK, "https://app.example/other?x=1", LOOPBACK))


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# -- the whole way -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_authlibs_own_client_is_let_in_by_a_user_calls_and_refreshes(any_world: World, method: str) -> None:
    world, public = any_world, method == "none"
    holder = world.holder(redirect_uris=(CALLBACK,), public=public)
    told = requests.get(world.base + "/.well-known/oauth-authorization-server", timeout=20).json()
    session = OAuth2Session(
        holder.id, None if public else holder.secret, token_endpoint_auth_method=method, redirect_uri=CALLBACK,
        scope="orders:read", code_challenge_method="S256", token_endpoint=told["token_endpoint"],
    )  # fmt: skip
    url, state = session.create_authorization_url(told["authorization_endpoint"], code_verifier=VERIFIER)
    browser = Browser(world)
    back = browser.answer(browser.session.get(url, timeout=20))
    assert back.status_code == 303
    assert answered(back)["iss"] == told["issuer"]
    assert answered(back)["state"] == state
    token = session.fetch_token(
        told["token_endpoint"], authorization_response=back.headers["Location"], code_verifier=VERIFIER
    )
    assert session.get(world.base + "/api/orders").json() == {
        "client": holder.id, "scopes": ["orders:read"], "user": "alice",
    }  # fmt: skip
    fresh = session.refresh_token(told["token_endpoint"])
    assert fresh["refresh_token"] != token["refresh_token"]
    assert session.get(world.base + "/api/orders").status_code == 200


# -- what the user sees --------------------------------------------------------------------------------------------


def test_the_page_says_who_asks_for_what_in_words_and_escapes_what_others_wrote(
    browser: Browser, holder: Holder
) -> None:
    page = browser.ask(wanted(holder, scope="orders:read orders:write"))
    assert page.status_code == 200
    for text in ("See your orders", "Change your orders", "Pay &lt;b&gt;", "Alice", "app.example"):
        assert text in page.text
    assert "<b>" not in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text


def test_the_page_can_not_be_framed_cached_or_scripted(browser: Browser, holder: Holder) -> None:
    headers = browser.ask(wanted(holder)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example" in policy
    assert "unsafe" not in policy
    assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("DENY", "no-store")
    style = requests.get(browser.world.base + "/oauth/style.css", timeout=20)
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


def test_a_no_goes_back_as_access_denied_and_grants_nothing(world: World, browser: Browser, holder: Holder) -> None:
    back = browser.answer(browser.ask(wanted(holder)), "deny")
    assert answered(back) == {"error": "access_denied", "state": "s1", "iss": world.base}
    with world.house.store.read() as conn:
        assert holder.id not in {consent.client_id for consent in consents_of(conn, "alice")}


def test_a_yes_is_remembered_for_a_client_that_can_prove_itself_and_what_is_new_is_marked(
    browser: Browser, holder: Holder
) -> None:
    browser.code(holder)
    assert "code" in answered(browser.ask(wanted(holder)))
    more = browser.ask(wanted(holder, scope="orders:read orders:write"))
    assert more.status_code == 200
    assert more.text.count("new</em>") == 1
    assert browser.ask(wanted(holder, prompt="consent")).status_code == 200


def test_a_public_client_is_asked_for_every_time(world: World, browser: Browser) -> None:
    public = world.holder(redirect_uris=(CALLBACK,), public=True)
    browser.code(public)
    assert browser.ask(wanted(public)).status_code == 200


def test_prompt_none_never_shows_a_page(world: World, browser: Browser, holder: Holder) -> None:
    assert answered(browser.ask(wanted(holder, prompt="none")))["error"] == "consent_required"
    assert answered(Browser(world, None).ask(wanted(holder, prompt="none")))["error"] == "login_required"
    browser.code(holder)
    assert "code" in answered(browser.ask(wanted(holder, prompt="none")))


def test_nobody_who_is_not_signed_in_is_asked(world: World, holder: Holder) -> None:
    page = Browser(world, None).ask(wanted(holder))
    assert page.status_code == 401
    assert "Location" not in page.headers


# -- forged answers ------------------------------------------------------------------------------------------------


def test_a_question_is_answered_once_and_by_the_user_it_was_shown_to(
    world: World, browser: Browser, holder: Holder
) -> None:
    page = browser.ask(wanted(holder))
    assert Browser(world, "mallory").answer(page).status_code == 400
    assert Browser(world, None).answer(page).status_code == 401
    assert browser.answer(page).status_code == 303
    assert browser.answer(page).status_code == 400


def test_an_answer_from_another_page_counts_for_nothing(browser: Browser, holder: Holder) -> None:
    page = browser.ask(wanted(holder))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert browser.answer(page, **headers).status_code == 403
    assert browser.answer(page, "perhaps").status_code == 403
    assert browser.answer(page, **{"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_forged_form_without_the_pages_own_text_counts_for_nothing(
    world: World, browser: Browser, holder: Holder
) -> None:
    browser.ask(wanted(holder))
    for data in ({"answer": "allow"}, {"answer": "allow", "request": "guess"}, {"request": "x"}, {}):
        url = world.base + "/oauth/consent"
        assert browser.session.post(url, data=data, allow_redirects=False, timeout=20).status_code == 400
    assert browser.session.get(world.base + "/oauth/consent", timeout=20).status_code == 405


def test_a_question_that_waited_too_long_grants_nothing(world: World, browser: Browser, holder: Holder) -> None:
    page = browser.ask(wanted(holder))
    world.house.clock.advance(601)
    assert browser.answer(page).status_code == 400


def test_thirty_two_answers_at_once_make_one_code(browser: Browser, holder: Holder) -> None:
    page = browser.ask(wanted(holder))
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda _: browser.answer(page).status_code, range(32)))
    assert sorted(found) == [303] + [400] * 31


# -- where answers go ----------------------------------------------------------------------------------------------

TRICKS = [
    "https://app.example/cb/", "https://app.example/cb.evil", "https://app.example/cb/../x", "https://app.example/%63b",
    "https://app.example/cb/%2e%2e/x", "https://app.example/..;/cb", "https://a@app.example/cb",
    "https://app.example@evil.example/cb", "https://app.example\\@evil.example/cb", "https://app.example/cb#f",
    "https://APP.example/cb", "HTTPS://app.example/cb", "https://app.example/cb?x=1", "https://app.example:443/cb",
    "https://app.example./cb", "https://xn--app-.example/cb", "JAVASCRIPT:alert(1)", "javascript://app.example/cb",
    "data:text/html,x", "//app.example/cb", "/cb", "http://app.example/cb", "https://app.example/other?x=2",
    "http://localhost/cb", "http://localhost.evil/cb", "http://127.0.0.1@evil/cb", "http://127.0.0.1.evil/cb",
    "http://127.0.0.1:1/other", "http://127.0.0.1:x/cb", "http://[::1]/cb", "https://127.0.0.1/cb", "",
    "http://127.0.0.1:99999/cb", "http://127.1/cb",
]  # fmt: skip


def test_nobody_is_sent_to_an_address_that_is_not_registered_exactly(browser: Browser, holder: Holder) -> None:
    wrong: tuple[dict[str, str | None], ...] = ({}, {"response_type": "token"}, {"scope": "nobodys"})
    for uri in TRICKS:
        for more in wrong:
            page = browser.ask(wanted(holder, redirect_uri=uri, **more))
            assert (page.status_code, page.headers.get("Location")) == (400, None), uri


@pytest.mark.parametrize("port", ["", ":1", ":5000", ":65535"])
def test_on_loopback_any_port_is_the_registered_address(browser: Browser, holder: Holder, port: str) -> None:
    uri = f"http://127.0.0.1{port}/cb"
    back = browser.answer(browser.ask(wanted(holder, redirect_uri=uri)))
    assert back.headers["Location"].startswith(uri + "?")


def test_a_registered_query_is_kept(browser: Browser, holder: Holder) -> None:
    uri = "https://app.example/other?x=1"
    back = browser.answer(browser.ask(wanted(holder, redirect_uri=uri)))
    assert back.headers["Location"].startswith(uri + "&code=")


@pytest.mark.parametrize("name", ["redirect_uri", "client_id", "scope", "state", "code_challenge", "x"])
def test_a_parameter_that_comes_twice_shows_a_page_and_redirects_nobody(
    browser: Browser, holder: Holder, name: str
) -> None:
    page = browser.ask([*wanted(holder).items(), (name, CALLBACK), (name, CALLBACK)])
    assert page.status_code == 400
    assert "Location" not in page.headers


@pytest.mark.parametrize("client_id", ["cli_nobody", "", "é", "x" * 3000, "'--"])
def test_an_unknown_client_redirects_nobody(browser: Browser, holder: Holder, client_id: str) -> None:
    page = browser.ask(wanted(holder, client_id=client_id))
    assert page.status_code == 400
    assert "Location" not in page.headers


def test_a_suspended_client_looks_like_one_that_nobody_knows(world: World, browser: Browser, holder: Holder) -> None:
    from flask_apiguard.clients import registry

    unknown = browser.ask(wanted(holder, client_id="cli_nobody")).text
    with world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, holder.id, "odd")
    assert browser.ask(wanted(holder)).text == unknown


# -- what is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "a" * 42}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "="}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "reports:read"}, "invalid_scope"),
        ({"scope": "orders:read  x"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://evil.example"}, "request_uri_not_supported"),
        ({"prompt": "none consent"}, "invalid_request"),
    ],
)
def test_what_is_wrong_goes_back_to_the_client_with_state_and_issuer(
    world: World, browser: Browser, holder: Holder, more: dict[str, str | None], expected: str
) -> None:
    back = browser.ask(wanted(holder, **more))
    assert back.status_code == 302
    assert back.headers["Location"].startswith(CALLBACK + "?")
    said = answered(back)
    assert (said["error"], said["state"], said["iss"]) == (expected, "s1", world.base)


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE", "OPTIONS"])
def test_the_authorization_endpoint_is_for_get_alone(world: World, browser: Browser, method: str) -> None:
    answer = browser.session.request(method, world.base + "/oauth/authorize", timeout=20)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert not any(name.startswith("Access-Control") for name in answer.headers)


# -- codes ---------------------------------------------------------------------------------------------------------


def test_a_code_shown_again_ends_everything_that_came_of_it(any_world: World) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    code = Browser(any_world).code(holder)
    tokens = redeem(any_world, holder, code).json()
    assert any_world.call(tokens["access_token"]).status_code == 200
    assert error(redeem(any_world, holder, code)) == (400, "invalid_grant")
    assert any_world.call(tokens["access_token"]).status_code == 401
    assert error(refresh(any_world, holder, tokens["refresh_token"])) == (400, "invalid_grant")
    with any_world.house.store.read() as conn:
        (entry,) = conn.execute(sa.select(ledger.c.entry).where(ledger.c.actor_id == holder.id)).scalars()
    assert "An authorization code was used twice." in entry


@pytest.mark.parametrize("late", [61, 86400])
def test_it_does_so_whenever_it_comes_again(any_world: World, late: int) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    code = Browser(any_world).code(holder)
    text = redeem(any_world, holder, code).json()["refresh_token"]
    any_world.house.clock.advance(late)
    assert error(redeem(any_world, holder, code, code_verifier="w" * 43)) == (400, "invalid_grant")
    text = refresh(any_world, holder, text).json()["refresh_token"]
    assert error(redeem(any_world, holder, code)) == (400, "invalid_grant")
    assert error(refresh(any_world, holder, text)) == (400, "invalid_grant")
    with any_world.house.store.read() as conn:
        (entry,) = conn.execute(sa.select(ledger.c.entry).where(ledger.c.actor_id == holder.id)).scalars()
    assert "An authorization code was used twice." in entry


def test_a_stranger_with_a_used_code_ends_nothing(world: World, browser: Browser, holder: Holder) -> None:
    other = world.holder(redirect_uris=(CALLBACK,))
    code = browser.code(holder)
    token = redeem(world, holder, code).json()["access_token"]
    assert error(redeem(world, other, code)) == (400, "invalid_grant")
    assert error(redeem(world, holder, code, code_verifier="w" * 43)) == (400, "invalid_grant")
    assert world.call(token).status_code == 200


def test_thirty_two_redemptions_of_one_code_at_once_give_one_answer(any_world: World) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    code = Browser(any_world).code(holder)
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda _: redeem(any_world, holder, code).status_code, range(32)))
    assert sorted(found) == [200] + [400] * 31


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"redirect_uri": "https://app.example/other?x=1"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "v" * 42}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": challenge()}, "invalid_grant"),
        ({"code_verifier": "é" * 43}, "invalid_grant"),
        ({"code": "guess"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"resource": "https://other.example"}, "invalid_target"),
    ],
)
def test_a_code_is_good_only_with_all_that_belongs_to_it(
    world: World, browser: Browser, holder: Holder, more: dict[str, str | None], expected: str
) -> None:
    code = browser.code(holder)
    assert error(redeem(world, holder, code, **more)) == (400, expected)
    assert redeem(world, holder, code).status_code == 200


def test_a_code_is_good_for_a_minute(world: World, browser: Browser, holder: Holder) -> None:
    code = browser.code(holder)
    world.house.clock.advance(61)
    assert error(redeem(world, holder, code)) == (400, "invalid_grant")


def test_a_code_of_a_consent_that_was_withdrawn_is_worth_nothing(
    world: World, browser: Browser, holder: Holder
) -> None:
    code = browser.code(holder)
    with world.house.store.write() as tx:
        assert withdraw(tx, SYSTEM, "alice", holder.id)
    assert error(redeem(world, holder, code)) == (400, "invalid_grant")


def test_a_client_that_has_a_secret_must_use_it(world: World, browser: Browser, holder: Holder) -> None:
    assert error(redeem(world, holder, browser.code(holder), public=True)) == (401, "invalid_client")


def test_a_public_client_needs_no_secret_and_gets_nothing_for_itself(world: World, browser: Browser) -> None:
    public = world.holder(redirect_uris=(CALLBACK,), public=True)
    assert redeem(world, public, browser.code(public), public=True).status_code == 200
    data = {"grant_type": "client_credentials", "client_id": public.id}
    assert error(world.post("token", data)) == (400, "unauthorized_client")
    assert world.post("introspect", {"token": "x", "client_id": public.id}).status_code == 401


def test_an_app_on_a_device_is_returned_to_by_its_own_scheme_and_a_server_is_not(
    world: World, browser: Browser
) -> None:
    own = "com.acme.app:/cb"
    public = world.holder(redirect_uris=(own,), public=True)
    page = browser.ask(wanted(public, redirect_uri=own))
    assert "<strong>com.acme.app</strong>" in page.text
    assert page.headers["Content-Security-Policy"].endswith("form-action 'self' com.acme.app:")
    back = browser.answer(page)
    assert back.headers["Location"].startswith(own + "?")
    code = answered(back)["code"]
    assert redeem(world, public, code, public=True, redirect_uri=own).status_code == 200
    for other in ("com.acme.app:/cb/", "com.acme.app2:/cb", "com.acme.app://cb"):
        assert browser.ask(wanted(public, redirect_uri=other)).status_code == 400
    confidential = world.holder(redirect_uris=(own,))
    refused = browser.ask(wanted(confidential, redirect_uri=own))
    assert (refused.status_code, refused.headers.get("Location")) == (400, None)


def test_a_withdrawn_consent_ends_every_token_of_that_user_and_of_no_other(
    world: World, browser: Browser, holder: Holder
) -> None:
    mine, others = browser.tokens(holder), Browser(world, "bob").tokens(holder)
    assert {world.call(one["access_token"]).status_code for one in (mine, others)} == {200}
    with world.house.store.write() as tx:
        withdraw(tx, SYSTEM, "alice", holder.id)
    assert world.call(mine["access_token"]).status_code == 401
    assert error(refresh(world, holder, mine["refresh_token"])) == (400, "invalid_grant")
    assert world.call(others["access_token"]).status_code == 200


# -- signing in ---------------------------------------------------------------------------------------------------


def test_a_host_that_says_where_it_signs_in_gets_its_user_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base, url, APIGUARD_SIGN_IN="/login?from=oauth")) as world:
        asked = wanted(world.holder(redirect_uris=(CALLBACK,)), state="a&b=c#d")
        back = Browser(world, None).ask(asked)
        assert back.status_code == 302
        place, _, following = back.headers["Location"].partition("&next=")
        assert place == "/login?from=oauth"
        page = Browser(world).session.get(world.base + unquote(following), allow_redirects=False, timeout=20)
        assert page.status_code == 200
        assert answered(Browser(world).answer(Browser(world).ask(asked)))["state"] == "a&b=c#d"
