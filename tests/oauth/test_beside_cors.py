"""Beside the host's CORS, with cookies and for everybody: who may read our answers is what we said, no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask, Response, request
from flask_cors import CORS

from tests.oauth.browser import CALLBACK, Browser, wanted
from tests.oauth.world import FORM, World, make_app, running
from tests.waiting import PATIENCE

EVIL = "https://evil.example"
ASKED = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
OPEN = ["/oauth/token", "/oauth/revoke", "/oauth/jwks", "/.well-known/oauth-authorization-server"]
OWN = ["authorize", "consent", "connections", "device", "introspect", "par", "device_authorization"]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An app with Flask-CORS."""
    folder: Path = tmp_path_factory.mktemp("cors")

    def make(base: str) -> Flask:
        app = make_app(base, f"sqlite:///{folder}/a.db")
        shared(app)
        return app

    with running(make) as world:
        yield world


def shared(app: Flask) -> None:
    CORS(app, supports_credentials=True)
    app.add_url_rule("/own", "own", lambda: "the host's own")


def told(response: requests.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("Access-Control-")}


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("name", OWN)
def test_what_is_for_no_other_origin_says_so_to_none(beside: World, name: str, method: str) -> None:
    headers = ASKED if method == "OPTIONS" else {"Origin": EVIL}
    url = f"{beside.base}/oauth/{name}"
    answer = requests.request(
        method, url, headers=headers | {"Content-Type": FORM}, cookies={"user": "alice"}, timeout=PATIENCE,
        allow_redirects=False,
    )  # fmt: skip
    assert told(answer) == {}


def test_a_question_to_a_user_is_read_by_nobody_else(beside: World) -> None:
    browser = Browser(beside)
    browser.session.headers["Origin"] = EVIL
    page = browser.ask(wanted(beside.holder(redirect_uris=(CALLBACK,))))
    assert page.status_code == 200
    assert told(page) == {}


@pytest.mark.parametrize("path", OPEN)
def test_what_is_for_every_origin_is_so_without_cookies(beside: World, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = requests.request(
            method, beside.base + path, headers={"Content-Type": FORM, **ASKED}, timeout=PATIENCE
        )  # fmt: skip
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_host_that_answers_preflights_itself_opens_none_of_our_endpoints(tmp_path: Path) -> None:
    def answering(base: str) -> Flask:
        app = make_app(base, f"sqlite:///{tmp_path}/a.db")

        @app.before_request
        def allow() -> Response | None:
            if request.method != "OPTIONS":
                return None
            return Response(headers={"Access-Control-Allow-Origin": EVIL, "Access-Control-Allow-Credentials": "true"})

        return app

    with running(answering) as world:
        answers = [requests.options(f"{world.base}{path}", headers=ASKED, timeout=PATIENCE) for path in OPEN]
        own = requests.options(world.base + "/own", headers=ASKED, timeout=PATIENCE)
    assert [told(answer) for answer in answers] == [{}] * len(OPEN)
    assert told(own)["Access-Control-Allow-Credentials"] == "true"


def test_the_hosts_own_pages_are_shared_as_the_host_said(beside: World) -> None:
    answer = requests.get(beside.base + "/own", headers={"Origin": EVIL}, timeout=PATIENCE)
    assert told(answer)["Access-Control-Allow-Origin"] == EVIL
    assert told(answer)["Access-Control-Allow-Credentials"] == "true"
