"""What a view answers passes as Flask would send it, and nothing of a call stays behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request, Response, request

from flask_apiguard import APIGuard, current_caller, public, require
from flask_apiguard.testing import admit, client_in

DOCUMENTS: dict[str, Callable[[], Any]] = {
    "object": lambda: {"b": 1, "a": ["é", None, 1.5]},
    "list": lambda: [1, {"x": True}],
    "with status": lambda: ({"made": True}, 201, {"X-Made": "yes"}),
    "text": lambda: "plain",
    "unwritable": lambda: {"x": object()},
    "view's own failure": lambda: 1 / 0,
}


def fresh(make: Callable[[], Any]) -> Callable[[], Any]:
    """Another view each time: a rule stays with the function that it was said of."""

    def view() -> Any:
        return make()

    return view


class Shouting(Flask):
    """A host that makes responses in its own way."""

    def make_response(self, rv: Any) -> Response:
        made = super().make_response({"shouted": True} if isinstance(rv, dict) else rv)
        made.headers["X-Shouted"] = type(rv).__name__
        return made


def host(app: Flask, guarded: bool, tmp_path: Path) -> Flask:
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False)
    app.instance_path = str(tmp_path)
    if guarded:
        APIGuard(app, paths=["/api"], scopes={"things:read": "See things"})
    for name, make in DOCUMENTS.items():
        view = fresh(make)
        rule = require("things:read")(view) if guarded else view
        app.add_url_rule(f"/api/{name.replace(' ', '-')}", endpoint=name, view_func=rule)

    @app.errorhandler(TypeError)
    def of_types(error: TypeError) -> tuple[str, int]:
        return f"types: {error}", 418

    @app.errorhandler(ZeroDivisionError)
    def of_zeros(error: ZeroDivisionError) -> tuple[str, int]:
        return "zeros", 419

    return app


def answer(app: Flask, name: str) -> tuple[int, bytes, dict[str, str]]:
    got = app.test_client().get(f"/api/{name.replace(' ', '-')}")
    headers = {name: value for name, value in got.headers.items() if name != "X-Request-Id"}
    return got.status_code, got.data, headers


@pytest.mark.parametrize("kind", [Flask, Shouting])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_what_flask_would_answer_without_us(name: str, kind: type[Flask], tmp_path: Path) -> None:
    bare, guarded = host(kind("bare"), False, tmp_path), host(kind("guarded"), True, tmp_path)
    with admit(guarded):
        assert answer(guarded, name) == answer(bare, name)


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = Flask("kept", instance_path=str(tmp_path))
    app.testing = True
    APIGuard(app, paths=["/api"], scopes={"things:read": "See things"})
    seen: list[weakref.ref[Request]] = app.extensions.setdefault("seen", [])

    def take() -> Any:
        seen.append(weakref.ref(request._get_current_object()))  # type: ignore[attr-defined]
        return {"got": request.get_json(silent=True)}

    app.post("/api/things", endpoint="guarded")(require("things:read")(fresh(take)))
    app.post("/api/open", endpoint="open")(public("for the test")(fresh(take)))
    app.post("/outside", endpoint="outside")(take)
    return app


@pytest.mark.parametrize("path", ["/api/things", "/api/open", "/outside"])
def test_request_and_body_go_with_the_answer_and_wait_for_no_collector(app: Flask, path: str) -> None:
    client = app.test_client()
    gc.collect()
    gc.disable()
    try:
        with admit(app):
            assert client.post(path, json={"a": 1}).status_code == 200
        seen: list[weakref.ref[Request]] = app.extensions["seen"]
        assert [one() for one in seen] == [None]
    finally:
        gc.enable()


def test_a_refused_request_goes_as_well(app: Flask) -> None:
    made: list[weakref.ref[Request]] = []

    class Noted(Request):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(weakref.ref(self))

    app.request_class = Noted
    client = app.test_client()
    assert client.post("/api/things", json={}).status_code == 401
    gc.collect()
    del made[:]
    gc.disable()
    try:
        assert client.post("/api/things", json={"a": 1}).status_code == 401
        assert made
        assert not any(one() for one in made)
    finally:
        gc.enable()


def test_a_context_that_is_kept_open_still_knows_its_caller(app: Flask) -> None:
    with admit(app), app.test_client() as client:
        assert client.post("/api/things", json={}).status_code == 200
        assert current_caller.is_first_party


def test_a_caller_of_endless_methods_is_kept_cleared_for_few(app: Flask) -> None:
    client = client_in(app, scopes=["things:read"])
    house = app.extensions["apiguard"]
    for number in range(300):
        client.open("/api/nowhere", method=f"M{number}")
    [caller] = {id(one[0]): one[0] for one in house.verifier._memory._values.values()}.values()
    assert 0 < len(caller.kept.cleared) <= 128
