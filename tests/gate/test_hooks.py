"""What the host hooked into the time before its views runs, whenever and wherever it was hooked in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask

from flask_apiguard import APIGuard, require
from flask_apiguard.testing import client_in

Hook = Callable[[Flask, list[str]], Any]


def on_the_app(app: Flask, ran: list[str]) -> None:
    app.before_request(lambda: ran.append("x"))


def by_hand(app: Flask, ran: list[str]) -> None:
    app.before_request_funcs.setdefault(None, []).append(lambda: ran.append("x"))


def of_urls(app: Flask, ran: list[str]) -> None:
    app.url_value_preprocessor(lambda endpoint, values: ran.append("x"))


def on_the_instance(app: Flask, ran: list[str]) -> None:
    before = app.preprocess_request

    def preprocess_request(*args: Any) -> Any:
        ran.append("x")
        return before(*args)

    app.preprocess_request = preprocess_request  # type: ignore[method-assign]


class Instrumented(Flask):
    ran: list[str]

    def preprocess_request(self, *args: Any) -> Any:
        self.ran.append("x")
        return super().preprocess_request(*args)


def made(tmp_path: Path, kind: type[Flask] = Flask) -> Flask:
    app = kind("hooked", instance_path=str(tmp_path))
    app.config["TESTING"] = True
    return app


def guard(app: Flask) -> Flask:
    APIGuard(app, paths=["/api"], scopes={"orders:read": "See orders"})
    app.get("/api/orders")(require("orders:read")(lambda: "fine"))
    return app


def call(app: Flask) -> None:
    answer = client_in(app, "production", scopes=["orders:read"]).get("/api/orders")
    assert (answer.status_code, answer.text) == (200, "fine")


@pytest.mark.parametrize("hook", [on_the_app, by_hand, of_urls, on_the_instance])
def test_what_is_hooked_in_runs_though_it_came_before_or_after_us(tmp_path: Path, hook: Hook) -> None:
    ran: list[str] = []
    earlier = made(tmp_path / "earlier")
    hook(earlier, ran)
    call(guard(earlier))
    assert ran == ["x"]
    later = guard(made(tmp_path / "later"))
    hook(later, ran)
    call(later)
    assert ran == ["x", "x"]


@pytest.mark.parametrize("hook", [by_hand, of_urls])
def test_what_is_hooked_in_while_the_app_serves_runs_with_the_next_call(tmp_path: Path, hook: Hook) -> None:
    ran: list[str] = []
    app = guard(made(tmp_path))
    client = client_in(app, "production", scopes=["orders:read"])
    assert client.get("/api/orders").status_code == 200
    app._got_first_request = False
    hook(app, ran)
    assert client.get("/api/orders").status_code == 200
    assert ran == ["x"]


def test_what_a_blueprint_hooked_in_runs_for_its_routes(tmp_path: Path) -> None:
    ran: list[str] = []
    app = guard(made(tmp_path))
    blueprint = Blueprint("more", __name__)
    blueprint.before_request(lambda: ran.append("before"))
    blueprint.url_value_preprocessor(lambda endpoint, values: ran.append("values"))
    blueprint.get("/api/more")(require("orders:read")(lambda: "fine"))
    app.register_blueprint(blueprint)
    assert client_in(app, "production", scopes=["orders:read"]).get("/api/more").status_code == 200
    assert ran == ["values", "before"]


def test_whoever_counts_on_being_called_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = guard(made(tmp_path / "own", Instrumented))
    app.ran = []  # type: ignore[attr-defined]
    call(app)
    assert app.ran == ["x"]  # type: ignore[attr-defined]
    plain, ran, flasks = guard(made(tmp_path / "plain")), [], Flask.preprocess_request
    monkeypatch.setattr(Flask, "preprocess_request", lambda self, *args: ran.append("x") or flasks(self, *args))
    call(plain)
    assert ran == ["x"], "exchanged in Flask itself, after the app was guarded"
