"""The host's hooks see what our answers say of caches, and can make it stricter, never laxer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response, request
from werkzeug.datastructures import Headers

from flask_apiguard import APIGuard
from tests.oauth.browser import CALLBACK, Browser, wanted
from tests.oauth.world import SCOPES, SECRET, World, make_app, running
from tests.waiting import PATIENCE

ASK = {"grant_type": "client_credentials"}
LAX = "public, max-age=600"
WAYS: dict[str, Callable[[Headers], object]] = {
    "set": lambda headers: headers.set("Cache-Control", LAX),
    "added": lambda headers: headers.add("cache-control", LAX),
    "where it is missing": lambda headers: headers.setdefault("Cache-Control", LAX),
}


@contextmanager
def hooked(folder: Path, hook: Callable[[Headers], object]) -> Iterator[World]:
    """An app whose own hook does this to the headers of every answer."""

    def make(base: str) -> Flask:
        app = make_app(base, f"sqlite:///{folder}/a.db")
        app.add_url_rule("/own", "own", lambda: "the host's own")

        @app.after_request
        def change(response: Response) -> Response:
            hook(response.headers)
            response.headers["X-Host"] = "here"
            return response

        return app

    with running(make) as world:
        yield world


@pytest.mark.parametrize("way", WAYS)
def test_no_cache_keeps_a_token_whatever_the_host_says(tmp_path: Path, way: str) -> None:
    with hooked(tmp_path, WAYS[way]) as world:
        given = [world.post("token", ASK, world.holder()), world.post("token", ASK)]
        own = requests.get(world.base + "/own", timeout=PATIENCE)
    assert [answer.status_code for answer in given] == [200, 401]
    for answer in given:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"
        assert answer.headers["X-Host"] == "here"
    assert own.headers["Cache-Control"] == LAX


def test_no_cache_keeps_a_page_or_a_code_and_nobody_frames_them(tmp_path: Path) -> None:
    def lax(headers: Headers) -> None:
        headers["Cache-Control"] = LAX
        headers["X-Frame-Options"] = "ALLOWALL"
        headers["Content-Security-Policy"] = "default-src *"

    with hooked(tmp_path, lax) as world:
        browser, holder = Browser(world), world.holder(redirect_uris=(CALLBACK,))
        page = browser.ask(wanted(holder))
        given = browser.answer(page)
    assert (page.status_code, given.status_code) == (200, 303)
    assert "code=" in given.headers["Location"]
    for answer in (page, given):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_hooks_see_what_no_cache_may_keep(tmp_path: Path) -> None:
    seen: list[str | None] = []
    with hooked(tmp_path, lambda headers: seen.append(headers.get("Cache-Control"))) as world:
        world.post("token", ASK, world.holder())
        requests.get(world.base + "/oauth/jwks", timeout=PATIENCE)
    assert seen == ["no-store", "public, max-age=300"]


def test_a_host_may_be_stricter_than_our_documents_are(tmp_path: Path) -> None:
    def strict(headers: Headers) -> None:
        headers["Cache-Control"] = "private, no-store"
        headers["Set-Cookie"] = "visitor=7"

    with hooked(tmp_path, strict) as world:
        paths = ("/oauth/jwks", "/.well-known/oauth-authorization-server")
        answers = [requests.get(world.base + path, timeout=PATIENCE) for path in paths]
    assert [answer.headers["Cache-Control"] for answer in answers] == ["private, no-store"] * 2
    assert [answer.headers["Access-Control-Allow-Origin"] for answer in answers] == ["*"] * 2


def test_an_answer_that_no_server_asked_for_says_it_too(tmp_path: Path) -> None:
    with hooked(tmp_path, lambda _: None) as world:
        asked = world.app.test_request_context("/oauth/token", method="POST", data=ASK, headers=world.holder().basic)
        with asked:
            answer = world.app.full_dispatch_request()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_page_that_a_hook_asks_for_meanwhile_takes_nothing_from_a_token(tmp_path: Path) -> None:
    def make(base: str) -> Flask:
        app = make_app(base, f"sqlite:///{tmp_path}/a.db")
        app.add_url_rule("/own", "own", lambda: "the host's own")

        @app.after_request
        def ask(response: Response) -> Response:
            if request.path == "/oauth/token":
                with app.request_context({**request.environ, "PATH_INFO": "/own", "REQUEST_METHOD": "GET"}):
                    app.full_dispatch_request()
                response.headers["Cache-Control"] = LAX
                response.headers["Access-Control-Allow-Credentials"] = "true"
            return response

        return app

    with running(make) as world:
        answer = world.post("token", ASK, world.holder(), {"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("sent", ["header", "body"])
def test_a_token_whose_length_nobody_knows_arrives_all_the_same(tmp_path: Path, sent: str) -> None:
    with hooked(tmp_path, lambda headers: headers.pop("Content-Length", None)) as world:
        holder = world.holder()
        by_body = {"client_id": holder.id, "client_secret": holder.secret}
        answer = world.post("token", ASK, holder) if sent == "header" else world.post("token", {**ASK, **by_body})
        assert answer.status_code == 200
        assert world.call(answer.json()["access_token"]).status_code == 200


@pytest.mark.parametrize(("first", "then"), [("/oauth/jwks", "/mine"), ("/mine", "/oauth/token")])
def test_of_two_requests_in_one_environ_each_answers_for_itself(tmp_path: Path, first: str, then: str) -> None:
    def asking_twice(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def asked(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            copied = {**environ, "PATH_INFO": first, "REQUEST_METHOD": "GET"}
            list(app(copied, lambda *_: lambda _: None))
            return app(environ, start_response)

        return asked

    app = Flask("twice")
    app.config.update(
        TESTING=True, APIGUARD_SECRET=SECRET, APIGUARD_DATABASE_URL=f"sqlite:///{tmp_path}/a.db",
        APIGUARD_ISSUER="http://localhost", APIGUARD_COUNTERS_URL="memory://",
    )  # fmt: skip
    app.wsgi_app = asking_twice(app.wsgi_app)  # type: ignore[method-assign, assignment]
    APIGuard(app, paths=["/api"], scopes=SCOPES, brand="acme")
    app.add_url_rule("/mine", "mine", lambda: Response("12 EUR", headers={"Cache-Control": "private"}))
    client = app.test_client()
    if then == "/mine":
        answer = client.get("/mine")
        assert answer.headers.getlist("Cache-Control") == ["private"]
        assert "Access-Control-Allow-Origin" not in answer.headers
    else:
        answer = client.post(then, data=ASK, headers=World(app, "").holder().basic)
        assert answer.headers.getlist("Cache-Control") == ["no-store"]
    assert answer.status_code == 200
