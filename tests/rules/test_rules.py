"""Rules: attached in any order, on views of any kind; what contradicts itself is said before the first answer."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View
from marshmallow import Schema, fields

from flask_apiguard import APIGuard, accepts, current_caller, limit, public, require, returns
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.testing import client_in


class In(Schema):
    item = fields.String(required=True)


class Page(Schema):
    page = fields.Integer(load_default=1)


class Out(Schema):
    item = fields.String(required=True)


@pytest.fixture
def guarded(tmp_path: Path) -> tuple[Flask, APIGuard]:
    app = Flask("rules", instance_path=str(tmp_path))
    app.config["TESTING"] = True
    return app, APIGuard(app, paths=["/api"], brand="acme")


@pytest.fixture
def app(guarded: tuple[Flask, APIGuard]) -> Flask:
    return guarded[0]


def said(app: Flask) -> str:
    with pytest.raises(ConfigurationError) as caught:
        app.test_client().get("/api")
    return str(caught.value)


DECORATORS = [
    require("a:write"), accepts(In, into="sent"), accepts(Page, location="query", into="paging"), returns(Out),
]  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_among_themselves_is_the_same(app: Flask, order: tuple[int, ...]) -> None:
    def view(sent: dict[str, Any], paging: dict[str, Any]) -> dict[str, Any]:
        return {"item": f"{sent['item']}{paging['page']}", "secret": 1}

    for place in order:
        view = DECORATORS[place](view)
    app.add_url_rule("/api/x", "x", view, methods=["POST"])
    client = client_in(app, scopes=["a:write"])
    assert client.post("/api/x?page=2", json={"item": "a"}).json == {"item": "a2"}
    assert client.post("/api/x", json={}).status_code == 422
    assert client_in(app).post("/api/x", json={"item": "a"}).status_code == 403
    assert app.test_client().post("/api/x", json={"item": "a"}).status_code == 401


def test_above_the_route_is_an_error_that_names_view_and_line(app: Flask) -> None:
    @require("a:read")
    @app.get("/api/x")
    def misplaced() -> str:
        return "x"

    line = misplaced.__wrapped__.__code__.co_firstlineno
    message = said(app)
    assert "misplaced" in message
    assert f"{Path(__file__).name}:{line}" in message
    assert "Move them below it." in message


def test_public_beside_another_rule_is_an_error(app: Flask) -> None:
    @app.get("/api/x")
    @public("open")
    @require("a:read")
    def both() -> str:
        return "x"

    assert "GET /api/x (both) is public and has another rule (require)" in said(app)


def test_public_by_target_beside_a_decorator_is_an_error(guarded: tuple[Flask, APIGuard]) -> None:
    app, guard = guarded
    guard.public("/api", "open")
    app.add_url_rule("/api/x", "x", require("a:read")(lambda: "x"))
    assert "is public and has another rule" in said(app)


def test_one_of_several_targets_that_contradict_each_other_is_named(guarded: tuple[Flask, APIGuard]) -> None:
    app, guard = guarded
    guard.public("x", "open")
    guard.protect("/api", "a:read")
    app.add_url_rule("/api/x", "x", lambda: "x")
    assert "GET /api/x (x)" in said(app) or "HEAD /api/x (x)" in said(app)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: require("a b"), "not a scope"),
        (lambda: require(""), "not a scope"),
        (lambda: require('a"b'), "not a scope"),
        (lambda: require(7), "not a scope"),  # type: ignore[arg-type]
        (lambda: require("a", environment="staging"), "not an environment"),
        (lambda: public(""), "says why"),
        (lambda: public("  "), "says why"),
        (lambda: public(lambda: None), "says why"),  # type: ignore[arg-type]
        (lambda: accepts(In, location="body"), "not a location"),
        (lambda: limit("often"), "20/second"),
        (lambda: limit("20/second", cost=0), "can't cost"),
        (lambda: limit("20/second", cost=True), "can't cost"),
    ],
)
def test_a_wrong_word_is_an_error_where_it_stands(wrong: Callable[[], Any], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        wrong()


@pytest.mark.parametrize(
    "decorators",
    [
        [limit("20/second", cost=21)],
        [require(policy="nobody-registered-it")],
        [accepts(object())],
        [returns(object())],
        [accepts(In, into="one"), accepts(Page, location="query", into="one")],
        [accepts(In), accepts(In, location="form")],
        [returns(Out), returns(Out)],
        [require("a", environment="sandbox"), require("b", environment="production")],
    ],
)
def test_a_rule_that_can_not_hold_is_said_at_start(app: Flask, decorators: list[Any]) -> None:
    def view(**_: Any) -> str:
        return "x"

    for decorator in [require("a:read"), *decorators]:
        view = decorator(view)
    app.add_url_rule("/api/x", "x", view, methods=["POST"])
    assert said(app)


def takes_nothing() -> str:
    return "x"


def takes_by_place(sent: Any, /) -> str:
    return "x"


def takes_it(*, sent: Any) -> str:
    return "x"


def takes_anything(**values: Any) -> str:
    return "x"


def handing_on(view: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(view)(lambda *args, **kwargs: view(*args, **kwargs))


@functools.wraps(takes_nothing)
def takes_it_away(sent: Any) -> str:
    return takes_nothing()


@pytest.mark.parametrize("view", [takes_nothing, takes_by_place, handing_on(takes_nothing), handing_on(takes_by_place)])
@pytest.mark.parametrize("decorated", [True, False])
def test_a_value_that_the_view_can_not_take_is_an_error_where_it_is_written(
    view: Callable[..., Any], decorated: bool
) -> None:
    fresh = handing_on(view)
    if decorated:
        fresh = require("a:read")(fresh)
    with pytest.raises(ConfigurationError, match=r"takes no argument 'sent'.*Write def takes_\w+\(\.\.\., sent\)"):
        accepts(In, into="sent")(fresh)


@pytest.mark.parametrize("view", [takes_it, takes_anything, takes_it_away, handing_on(takes_it)])
def test_a_value_that_the_view_takes_however_it_does_is_none(view: Callable[..., Any]) -> None:
    assert accepts(In, into="sent")(handing_on(view))


def test_a_decorated_class_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="is a class"):

        @require("a:read")
        class Things(MethodView):
            pass


@pytest.mark.parametrize("target", ["", None, 7, b"x", ["x"]])
def test_what_is_no_target_can_not_be_protected(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="can't be protected"):
        APIGuard().protect(target, "a:read")


def test_an_unknown_mode_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no mode"):
        APIGuard().protect("x", mode="watch")


def test_init_app_twice_is_an_error(app: Flask) -> None:
    with pytest.raises(ConfigurationError, match="guarded already"):
        APIGuard(app)


# -- views of every kind -------------------------------------------------------------------------------------------


class Things(MethodView):
    @require("a:read")
    def get(self) -> str:
        return "get"

    @require("a:write")
    async def post(self) -> str:
        await asyncio.sleep(0)
        return "post"

    def delete(self) -> str:
        return "nobody spoke for me"


class Whole(View):
    @require("a:read")
    def dispatch_request(self) -> str:
        return "whole"


class Listed(MethodView):
    decorators = [require("a:read")]

    def get(self) -> str:
        return "listed"

    @require("a:write")
    def post(self) -> str:
        return "both are needed"


def test_each_method_of_a_class_has_its_own_rule(app: Flask) -> None:
    app.add_url_rule("/api/x", view_func=Things.as_view("x"))
    reader, writer = client_in(app, scopes=["a:read"]), client_in(app, scopes=["a:write"])
    assert [reader.open("/api/x", method=method).status_code for method in ("GET", "HEAD", "POST", "DELETE")] == [
        200, 200, 403, 403,
    ]  # fmt: skip
    assert [writer.open("/api/x", method=method).status_code for method in ("GET", "HEAD", "POST")] == [403, 403, 200]


def test_a_rule_on_dispatch_request_holds_for_every_method(app: Flask) -> None:
    app.add_url_rule("/api/x", view_func=Whole.as_view("x"), methods=["GET", "POST"])
    assert client_in(app, scopes=["a:read"]).post("/api/x").text == "whole"
    assert client_in(app).post("/api/x").status_code == 403


def test_listed_decorators_and_those_of_the_method_are_both_needed(app: Flask) -> None:
    app.add_url_rule("/api/x", view_func=Listed.as_view("x"))
    assert client_in(app, scopes=["a:read"]).get("/api/x").text == "listed"
    assert client_in(app, scopes=["a:read"]).post("/api/x").status_code == 403
    assert client_in(app, scopes=["a:write"]).post("/api/x").status_code == 403
    assert client_in(app, scopes=["a:read", "a:write"]).post("/api/x").text == "both are needed"


def test_a_coroutine_and_a_generator_are_views_too(app: Flask) -> None:
    @app.post("/api/async")
    @require("a:read")
    @accepts(In, into="sent")
    @returns(Out)
    async def asynchronous(sent: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        assert current_caller.may("a:read")
        return {"item": sent["item"], "secret": 1}

    @app.get("/api/generator")
    @require("a:read")
    def generator() -> Iterator[str]:
        yield "one"
        yield "two"

    client = client_in(app, scopes=["a:read"])
    assert client.post("/api/async", json={"item": "a"}).json == {"item": "a"}
    assert client.get("/api/generator").text == "onetwo"
    assert app.test_client().get("/api/generator").status_code == 401


@pytest.mark.parametrize("target", ["x", "*", "/api", "/api/x", "function", "class", "blueprint"])
def test_what_nobody_can_decorate_is_protected_by_any_name(guarded: tuple[Flask, APIGuard], target: str) -> None:
    app, guard = guarded

    class Kind(MethodView):
        def get(self) -> str:
            return "x"

    def view() -> str:
        return "x"

    blueprint = Blueprint("rooms", __name__)
    if target == "blueprint":
        blueprint.add_url_rule("/api/x", view_func=view)
        app.register_blueprint(blueprint)
    else:
        app.add_url_rule("/api/x", "x", Kind.as_view("x") if target == "class" else view)
    guard.protect({"function": view, "class": Kind, "blueprint": blueprint}.get(target, target), "a:read")
    assert client_in(app, scopes=["a:read"]).get("/api/x").text == "x"
    assert client_in(app).get("/api/x").status_code == 403


def test_a_prefix_is_whole_segments(guarded: tuple[Flask, APIGuard]) -> None:
    app, guard = guarded
    guard.protect("/api/x", "a:read")
    guard.public("/api/xy", "another")
    app.add_url_rule("/api/x", "x", lambda: "x")
    app.add_url_rule("/api/xy", "xy", lambda: "xy")
    assert app.test_client().get("/api/x").status_code == 401
    assert app.test_client().get("/api/xy").text == "xy"


def test_a_target_that_only_bounds_or_observes_opens_nothing(guarded: tuple[Flask, APIGuard]) -> None:
    app, guard = guarded
    guard.protect("x", max_body=10)
    app.add_url_rule("/api/x", "x", lambda: "x", methods=["POST"])
    assert client_in(app).post("/api/x").status_code == 403
    assert app.test_client().post("/api/x").status_code == 401


def test_without_paths_everything_is_closed(tmp_path: Path) -> None:
    app = Flask("closed", instance_path=str(tmp_path))
    app.config["TESTING"] = True
    APIGuard(app)
    app.add_url_rule("/", "home", lambda: "home")
    for path in ("/", "/nowhere", "/static/x.css"):
        assert app.test_client().get(path).status_code == 401


def test_decorated_and_never_guarded_is_closed() -> None:
    app = Flask("forgotten")
    app.add_url_rule("/x", "x", require("a:read")(lambda: "x"))
    assert app.test_client().get("/x").status_code == 403


def test_a_copied_environ_admits_nobody(app: Flask) -> None:
    view = require("a:read")(lambda: "x")
    app.add_url_rule("/api/x", "x", view)
    client = client_in(app, scopes=["a:read"])

    @app.get("/inner")
    def inner() -> Any:
        from flask import request

        with app.test_request_context(environ_overrides=dict(request.environ), path="/api/x"):
            return {"inner": view()}

    assert client.get("/api/x").text == "x"
    assert client.get("/inner").status_code == 403
