"""Where the host names no users, people sign in with accounts of ours, and every flow that asks a user is theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from flask_apiguard import HostUser
from flask_apiguard.crypto import random_text
from flask_apiguard.errors import StoreAway
from flask_apiguard.extension import house_of
from flask_apiguard.oauth import consents_of, pages
from flask_apiguard.people import Person
from flask_apiguard.people.throttle import WINDOW
from flask_apiguard.values import SYSTEM
from tests.oauth.accounts import (
    COOKIE,
    GOOD,
    MAILS,
    forgiven,
    get,
    hostless,
    live,
    mailed,
    member,
    plain,
    sent,
    stranger,
)
from tests.oauth.accounts import signed_in as in_front
from tests.oauth.browser import CALLBACK, Browser, answered, redeem, refresh, wanted
from tests.oauth.devices import Screen, send
from tests.oauth.world import World, make_app
from tests.servers.http import serve

WRONG = "Nobody signs in with this address and this password."


@pytest.fixture(scope="module")
def sqlite_hostless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """On SQLite, with a way out for mails."""
    with hostless(f"sqlite:///{tmp_path_factory.mktemp('oauth')}/apiguard.db", **MAILS) as world:
        yield world


@pytest.fixture(scope="module")
def postgres_hostless(ready_postgres_module_url: str) -> Iterator[World]:
    """The same on PostgreSQL."""
    with hostless(ready_postgres_module_url, **MAILS) as world:
        yield world


@pytest.fixture
def world(sqlite_hostless: World) -> World:
    return forgiven(sqlite_hostless)


@pytest.fixture(params=["sqlite", "postgres"])
def any_world(request: pytest.FixtureRequest) -> World:
    return forgiven(request.getfixturevalue(f"{request.param}_hostless"))


def disable(world: World, person: Person) -> None:
    with world.house.store.write() as tx:
        world.house.people.disable(tx, SYSTEM, person.id)


def kept(browser: Browser) -> str:
    return str(browser.session.cookies.get(COOKIE))


def is_in(browser: Browser) -> bool:
    return "Connected applications" in get(browser, "/oauth/connections").text


# -- the flows that ask a user -----------------------------------------------------------------------------------------


def test_whoever_signs_in_on_the_way_to_a_question_is_asked_it_and_is_the_user_of_the_token(any_world: World) -> None:
    ann, browser = member(any_world, "code@example.com"), stranger(any_world)
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    page = browser.ask(wanted(holder))
    assert (page.status_code, "<h1>Sign in</h1>" in page.text) == (200, True)
    back = sent(browser, page, email="Code@Example.com", password=GOOD, by="password")
    assert (back.status_code, back.headers["Location"]) == (303, page.url.removeprefix(any_world.base))
    question = get(browser, back.headers["Location"])
    assert "signed in as <strong>Code</strong>" in question.text
    tokens = redeem(any_world, holder, answered(browser.answer(question))["code"]).json()
    assert any_world.call(tokens["access_token"]).json()["user"] == f"person:{ann.id}"
    assert "code" in answered(browser.ask(wanted(holder)))  # and what was allowed is remembered


def test_a_device_is_connected_by_whoever_signs_in_on_the_way(any_world: World) -> None:
    ann, browser = member(any_world, "device@example.com"), stranger(any_world)
    screen = Screen(any_world, any_world.holder(device=True))
    started = screen.start()
    page = get(browser, started["verification_uri_complete"].removeprefix(any_world.base))
    back = sent(browser, page, email="device@example.com", password=GOOD)
    field = get(browser, back.headers["Location"])
    assert started["user_code"] in field.text
    done = send(browser, send(browser, field, user_code=started["user_code"]), answer="allow")
    assert "is connected" in done.text
    assert any_world.call(screen.poll(started).json()["access_token"]).json()["user"] == f"person:{ann.id}"


def test_a_person_sees_what_is_connected_ends_it_and_signs_out(any_world: World) -> None:
    ann = member(any_world, "leaving@example.com")
    browser, holder = in_front(any_world, "leaving@example.com"), any_world.holder(redirect_uris=(CALLBACK,))
    tokens, before = browser.tokens(holder), kept(browser)
    page = get(browser, "/oauth/connections")
    assert "See your orders" in page.text
    assert sent(browser, page, "connections", client_id=holder.id).status_code == 303
    assert any_world.call(tokens["access_token"]).status_code == 401
    assert get(browser, "/oauth/sign-out").headers["Location"] == "/oauth/connections"
    assert len(live(any_world, ann)) == 1  # nothing ends by following a link
    left = sent(browser, page, "sign-out")
    assert (left.status_code, left.headers["Location"]) == (303, "/oauth/sign-in")
    assert live(any_world, ann) == []
    assert COOKIE not in browser.session.cookies
    browser.session.cookies.set(COOKIE, before)
    assert not is_in(browser)


def test_a_link_by_mail_signs_in_once_pasted_as_a_whole_or_not(world: World) -> None:
    member(world, "link@example.com", None)
    browser, holder = stranger(world), world.holder(redirect_uris=(CALLBACK,))
    page = browser.ask(wanted(holder))
    asked = sent(browser, page, email="link@example.com", password="", by="link")
    link = re.search(r"http\S+#\S+", mailed(world, "link@example.com"))
    assert link is not None
    landed = get(browser, link[0].partition("#")[0].removeprefix(world.base))
    assert (landed.status_code, "copy the address of" in landed.text) == (200, True)
    again = sent(stranger(world), asked, code=link[0], by="code", proof=None)
    assert again.status_code == 403  # and nothing was used up
    back = sent(browser, asked, code=f" {link[0]} ", by="code")
    assert back.headers["Location"] == page.url.removeprefix(world.base)
    other = stranger(world)
    spent = sent(other, get(other, "/oauth/sign-in?link="), code=link[0].partition("#")[2], by="code")
    assert (spent.status_code, "This link was used already" in spent.text) == (400, True)


# -- who is not let in -------------------------------------------------------------------------------------------------


def test_known_and_unknown_addresses_are_told_alike_and_throttled_alike(world: World) -> None:
    member(world, "known@example.com")
    told_to = {}
    for email in ("known@example.com", "nobody@example.com"):
        browser = stranger(world)
        page = get(browser, "/oauth/sign-in")
        told = [sent(browser, page, email=email, password="not the one at all") for _ in range(11)]
        assert [one.status_code for one in told] == [401] * 10 + [429]
        assert 0 < int(told[-1].headers["Retry-After"]) <= 2 * WINDOW
        assert sent(browser, page, email=email, password=GOOD).status_code == 429
        link = sent(browser, page, email=email, by="link")
        told_to[email] = [plain(one).replace(email, "") for one in (told[0], told[-1], link)]
        assert WRONG in told[0].text
    assert told_to["known@example.com"] == told_to["nobody@example.com"]


def test_while_nobody_can_tell_how_often_it_was_tried_nobody_signs_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StoreAway("counter")

    member(world, "ann@example.com")
    browser = stranger(world)
    page = get(browser, "/oauth/sign-in")
    monkeypatch.setattr(world.house.throttle._tries._counter(), "take", away)
    for by in ("password", "link"):
        answer = sent(browser, page, email="ann@example.com", password=GOOD, by=by)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert "Set-Cookie" not in answer.headers, "nobody is signed in"


def test_who_is_disabled_is_out_at_once_and_so_is_whatever_acts_for_them(any_world: World) -> None:
    ann = member(any_world, "disabled@example.com")
    browser, holder = in_front(any_world, "disabled@example.com"), any_world.holder(redirect_uris=(CALLBACK,))
    tokens, waiting = browser.tokens(holder), browser.code(holder)
    question = browser.ask(wanted(holder, scope="orders:read orders:write"))
    disable(any_world, ann)
    assert not is_in(browser)
    assert browser.answer(question).status_code == 401
    assert any_world.call(tokens["access_token"]).status_code == 401
    assert refresh(any_world, holder, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert redeem(any_world, holder, waiting).json()["error"] == "invalid_grant"
    refused = sent(browser, get(browser, "/oauth/sign-in"), email="disabled@example.com", password=GOOD)
    assert (refused.status_code, WRONG in refused.text) == (401, True)


def test_who_is_disabled_while_answering_allows_nothing(any_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    email = f"{random_text(12)}@example.com"
    ann, holder, house = member(any_world, email), any_world.holder(redirect_uris=(CALLBACK,)), any_world.house
    browser = in_front(any_world, email)
    page, answer = browser.ask(wanted(holder)), house.oauth.asked_of_users.answer

    def late(*given: Any) -> Any:
        disable(any_world, ann)
        return answer(*given)

    monkeypatch.setattr(house.oauth.asked_of_users, "answer", late)
    assert browser.answer(page).status_code == 400
    with house.store.read() as conn:
        assert consents_of(conn, f"person:{ann.id}") == []


def test_a_session_ends_by_command_and_by_its_time_and_is_no_other_secret(world: World) -> None:
    ann = member(world, "sessions@example.com")
    browser, house = in_front(world, "sessions@example.com"), world.house
    with house.store.write() as tx:
        house.people.revoke_token(tx, SYSTEM, live(world, ann)[0])
    assert not is_in(browser)
    browser = in_front(world, "sessions@example.com")
    house.clock.offset += 12 * 3600 - 60
    assert is_in(browser)
    house.clock.offset += 61
    assert not is_in(browser)
    with house.store.write() as tx:
        token = house.people.create_token(tx, SYSTEM, ann.id, "laptop")
    browser.session.cookies.set(COOKIE, token.secret)
    assert not is_in(browser)


def test_a_client_that_wants_no_page_is_told_and_one_that_wants_a_new_sign_in_gets_it(world: World) -> None:
    ann, holder = member(world, "prompt@example.com"), world.holder(redirect_uris=(CALLBACK,))
    assert answered(stranger(world).ask(wanted(holder, prompt="none")))["error"] == "login_required"
    browser = in_front(world, "prompt@example.com")
    assert answered(browser.ask(wanted(holder, prompt="none")))["error"] == "consent_required"
    world.house.clock.offset += 300
    page, old = browser.ask(wanted(holder, prompt="login")), live(world, ann)
    back = sent(browser, page, email="prompt@example.com", password=GOOD)
    assert "asks for access" in get(browser, back.headers["Location"]).text
    assert len(live(world, ann)) == 1
    assert live(world, ann) != old


# -- what other sites and other browsers can't do ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ({"Origin": "https://evil.example"}, {}), ({"Origin": "null"}, {}), ({"Sec-Fetch-Site": "cross-site"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}), ({}, {"proof": None}), ({}, {"proof": "0" * 64}),
    ],
    ids=str,
)  # fmt: skip
def test_a_forged_form_signs_nobody_in(world: World, headers: dict[str, str], more: dict[str, str | None]) -> None:
    browser, email = stranger(world), f"{random_text(12)}@example.com"
    ann = member(world, email)
    page = get(browser, "/oauth/sign-in")
    assert sent(browser, page, headers=headers, email=email, password=GOOD, **more).status_code == 403
    assert live(world, ann) == []
    assert not is_in(browser)


def test_a_forged_form_signs_nobody_out(world: World) -> None:
    member(world, "stays@example.com")
    browser = in_front(world, "stays@example.com")
    page = get(browser, "/oauth/connections")
    assert sent(browser, page, "sign-out", {"Origin": "https://evil.example"}).status_code == 403
    for proof in ("0" * 64, " "):
        assert sent(browser, page, "sign-out", proof=proof).status_code == 403
    assert is_in(browser)


def test_a_page_shown_to_one_browser_signs_in_no_other(world: World) -> None:
    member(world, "tied@example.com")
    mallory, victim = stranger(world), stranger(world)
    page = get(mallory, "/oauth/sign-in")
    assert sent(victim, page, email="tied@example.com", password=GOOD).status_code == 403  # no cookie at all
    get(victim, "/oauth/sign-in")
    told = sent(victim, page, email="tied@example.com", password=GOOD)
    assert (told.status_code, "Try again." in told.text) == (403, True)
    assert sent(victim, told, email="tied@example.com", password=GOOD).status_code == 303
    assert sent(victim, page, email="tied@example.com", password=GOOD).headers["Location"] == "/oauth/connections"


@pytest.mark.parametrize("live_one", [True, False])
def test_a_cookie_that_was_there_before_is_worth_nothing_after_a_sign_in(world: World, live_one: bool) -> None:
    mallory, ann = member(world, f"mallory{live_one}@example.com"), member(world, f"fixed{live_one}@example.com")
    planted = kept(in_front(world, f"mallory{live_one}@example.com")) if live_one else "planted"
    browser = stranger(world)
    browser.session.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/")
    holder = world.holder(redirect_uris=(CALLBACK,))
    page = browser.ask(wanted(holder, prompt="login"))
    if live_one:
        world.house.clock.offset += 300
        page = browser.ask(wanted(holder, prompt="login"))
    sent(browser, page, email=f"fixed{live_one}@example.com", password=GOOD)
    assert kept(browser) != planted
    assert len(live(world, ann)) == 1
    assert live(world, mallory) == []
    attacker = stranger(world)
    attacker.session.cookies.set(COOKIE, planted)
    assert not is_in(attacker)


@pytest.mark.parametrize(
    "named",
    [
        "https://evil.example/", "//evil.example/oauth/device", "/\\evil.example", "/oauth/token?x=1", "/api/orders",
        "/oauth/device@evil.example", "/oauth/device#x", "/oauth/authorize/../../x", "/oauth/device?a=b#c", None,
        "/oauth/device?\u00fc",
    ],
)  # fmt: skip
def test_signing_in_leads_to_pages_of_ours_alone(world: World, named: str | None) -> None:
    member(world, email := f"{random_text(12)}@example.com")
    browser = stranger(world)
    back = sent(browser, get(browser, "/oauth/sign-in"), email=email, password=GOOD, next=named)
    assert back.headers["Location"] == "/oauth/connections"


# -- the page and its cookie -------------------------------------------------------------------------------------------


def test_the_page_has_no_script_is_never_framed_or_kept_and_leads_on_to_the_client_alone(world: World) -> None:
    holder, browser = world.holder(redirect_uris=(CALLBACK,)), stranger(world)
    page = browser.ask(wanted(holder))
    wrong = sent(browser, page, email="nobody@example.com", password="not the one at all")
    policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    for one in (page, wrong):
        assert one.headers["Content-Security-Policy"] == policy + " https://app.example"
        assert one.headers["Cache-Control"] == "no-store"
        assert "<script" not in one.text
    assert get(browser, "/oauth/sign-in").headers["Content-Security-Policy"] == policy
    assert "not the one at all" not in wrong.text
    assert 'value="nobody@example.com"' in wrong.text
    marked = sent(browser, page, email='"><script>x@example.com', password="not the one at all")
    assert "<script" not in marked.text
    answer = browser.session.put(world.base + "/oauth/sign-in", timeout=20)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def test_on_https_the_cookie_is_this_hosts_alone_and_named_after_the_prefix(tmp_path: Path) -> None:
    with hostless(f"sqlite:///{tmp_path}/apiguard.db", APIGUARD_ISSUER="https://shop.example/auth") as world:
        member(world, "ann@example.com")
        browser = stranger(world)
        page = get(browser, "/auth/oauth/sign-in")
        name, _, value = page.headers["Set-Cookie"].partition(";")[0].partition("=")
        assert name == "__Host-acme_session.auth"
        known = {"Cookie": f"{name}={value}", "Origin": "https://shop.example"}
        back = sent(browser, page, headers=known, email="ann@example.com", password=GOOD)
        said = back.headers["Set-Cookie"].split("; ")
    assert said[0].startswith(f"{name}=acme_session_")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(said)
    assert any(one.startswith("Max-Age=4") for one in said)
    assert not any(one.startswith("Domain") for one in said)


def test_under_a_prefix_the_way_back_and_the_cookie_are_below_it(tmp_path: Path) -> None:
    behind: list[Any] = []
    with serve(lambda environ, start: behind[0](environ, start)) as origin:
        app = make_app(origin + "/shop", f"sqlite:///{tmp_path}/apiguard.db", APPLICATION_ROOT="/shop")
        house_of(app).options.host_user = None
        behind.append(DispatcherMiddleware(NotFound(), {"/shop": app}))
        member(World(app, origin), "ann@example.com")
        browser = stranger(World(app, origin))
        page = get(browser, "/shop/oauth/device?user_code=WDJB-MJHT")
        assert "Path=/shop;" in page.headers["Set-Cookie"] + ";"
        back = sent(browser, page, email="ann@example.com", password=GOOD)
        assert back.headers["Location"] == "/shop/oauth/device?user_code=WDJB-MJHT"
        assert "signed in as <strong>Ann</strong>" in get(browser, back.headers["Location"]).text
        house_of(app).close()


def test_where_no_mail_leaves_no_link_is_offered_or_sent(tmp_path: Path) -> None:
    with hostless(f"sqlite:///{tmp_path}/apiguard.db") as world:
        member(world, "ann@example.com")
        browser = stranger(world)
        page = get(browser, "/oauth/sign-in")
        assert "Mail me a link" not in page.text
        assert sent(browser, page, email="ann@example.com", by="link").status_code == 400


def test_the_hosts_words_take_the_place_of_ours_and_the_form_stays(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "apiguard" / "oauth"
    folder.mkdir(parents=True)
    ours = Path(pages.__file__).parent / "templates" / "apiguard" / "oauth"
    for name in ("sign_in", "sign_in_link"):
        own = (ours / f"{name}.html").read_text()
        theirs = re.sub(r"(block lead %}).*?({% endblock)", r"\1Welcome to {{ back }}\2", own, flags=re.DOTALL)
        (folder / f"{name}.html").write_text(theirs)
    with hostless(f"sqlite:///{tmp_path}/apiguard.db", **MAILS) as world:
        world.app.template_folder = str(tmp_path / "templates")
        member(world, "ann@example.com")
        browser = stranger(world)
        page = get(browser, "/oauth/device?user_code=%22%3E")
        assert "Welcome to /oauth/device?user_code=%22%3E" in page.text
        assert "Welcome to" in sent(browser, page, email="ann@example.com", by="link").text
        assert sent(browser, page, email="ann@example.com", password=GOOD).status_code == 303


# -- the host's own users ----------------------------------------------------------------------------------------------


def test_a_host_that_names_its_users_takes_nobody_else_for_one(tmp_path: Path) -> None:
    with hostless(f"sqlite:///{tmp_path}/apiguard.db", **MAILS) as world:
        ann = member(world, "ann@example.com")
        browser, holder = in_front(world, "ann@example.com"), world.holder(redirect_uris=(CALLBACK,))
        page, tokens = get(browser, "/oauth/connections"), browser.tokens(holder)
        named: list[str | None] = [None]
        world.house.options.host_user = lambda: None if named[0] is None else HostUser(named[0])
        assert get(browser, "/oauth/connections").status_code == 401  # the session of ours means nothing any more
        assert get(browser, "/oauth/sign-in").status_code == 404
        assert sent(browser, page, "sign-out").status_code == 401
        for user, seen in ((ann.id, 200), (f"person:{ann.id}", 401), ("ann@example.com", 200)):
            named[0] = user
            page = get(browser, "/oauth/connections")
            assert (page.status_code, "See your orders" in page.text) == (seen, False)
            assert "Sign out" not in page.text
        assert world.call(tokens["access_token"]).json()["user"] == f"person:{ann.id}"
