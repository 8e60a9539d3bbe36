"""A target of ``protect`` or ``public`` that meets no route guards nothing, so it is an error at start."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView

from flask_apiguard import APIGuard
from flask_apiguard.errors import ConfigurationError

Say = Callable[[APIGuard], None]


def make(folder: Path, guard: APIGuard | None = None, *, office: bool = True, name: str = "shop") -> Flask:
    """An app with two routes of its own, and perhaps those of an office."""
    app = Flask(name, instance_path=str(folder), static_folder=None)
    app.testing = True
    (guard or APIGuard(paths=["/api"])).init_app(app)
    app.add_url_rule("/", "home", lambda: "home")
    app.add_url_rule("/api/orders", "orders", lambda: "orders")
    if office:
        app.register_blueprint(admin())
    return app


def admin() -> Blueprint:
    made = Blueprint("admin", __name__, url_prefix="/admin")
    made.add_url_rule("/", "index", lambda: "everything")
    return made


def started(app: Flask) -> None:
    app.extensions["apiguard"].open()


class Nowhere(MethodView):
    def get(self) -> str:
        return "nowhere"


@pytest.mark.parametrize(
    ("say", "told", "fix"),
    [
        (lambda guard: guard.protect("admn.*", "office"), 'guard.protect("admn.*")', 'Did you mean "admin.*"?'),
        (lambda guard: guard.protect("order", "office"), 'guard.protect("order")', 'Did you mean "orders"?'),
        (lambda guard: guard.protect("/amdin", "office"), 'guard.protect("/amdin")', 'Did you mean "/admin"?'),
        (lambda guard: guard.protect("/admin", mode="observe"), "", ""),
        (lambda guard: guard.public("hom", "everybody's"), 'guard.public("hom")', 'Did you mean "home"?'),
        (lambda guard: guard.protect(Nowhere, "office"), "guard.protect(Nowhere)", "flask apiguard coverage"),
        (lambda guard: guard.protect(started, "office"), "guard.protect(started)", "flask apiguard coverage"),
        (lambda guard: guard.protect(Blueprint("admn", __name__), "office"), "blueprint admn", '"admin.*"?'),
        (lambda guard: guard.protect("apiguard_api.*", "office"), "apiguard_api.*", "missing_ok=True"),
        (lambda guard: guard.protect("/apiguard", "office"), "/apiguard", "missing_ok=True"),
    ],
)
def test_a_target_that_meets_no_route_is_named_at_start_with_what_was_meant(
    tmp_path: Path, say: Say, told: str, fix: str
) -> None:
    guard = APIGuard(paths=["/api"])
    app = make(tmp_path, guard)
    say(guard)
    if not told:
        started(app)
        return
    with pytest.raises(ConfigurationError) as error:
        started(app)
    assert f"{told}" in str(error.value)
    assert "meets no route of shop" in str(error.value)
    assert fix in error.value.fix


def test_a_target_may_be_said_before_its_routes_are_registered(tmp_path: Path) -> None:
    guard = APIGuard(paths=["/api"])
    guard.protect("admin.*", "office")
    app = make(tmp_path, guard, office=False)
    guard.protect("/admin", "office")
    app.register_blueprint(admin())
    started(app)
    assert app.test_client().get("/admin/").status_code == 401


def test_what_may_be_missing_is_no_error_and_guards_when_it_is_there(tmp_path: Path) -> None:
    for office, status in ((False, 404), (True, 401)):
        guard = APIGuard(paths=["/api"])
        app = make(tmp_path, guard, office=office)
        guard.protect("admin.*", "office", missing_ok=True)
        guard.public("status", "a health check", missing_ok=True)
        assert app.test_client().get("/admin/").status_code == status


def test_what_is_said_for_one_app_is_asked_of_that_app_alone(tmp_path: Path) -> None:
    guard = APIGuard(paths=["/api"])
    large = make(tmp_path / "large", guard, name="large")
    guard.protect("admin.*", "office")
    started(make(tmp_path / "small", guard, office=False, name="small"))
    wrong = make(tmp_path / "wrong", guard, office=False, name="wrong")
    guard.protect("/admin", "office")
    started(large)  # that this one has such a route helps the other nothing
    with pytest.raises(ConfigurationError, match="meets no route of wrong"):
        started(wrong)


def test_what_is_said_for_all_apps_meets_a_route_of_one_that_stands_or_stood(tmp_path: Path) -> None:
    guard = APIGuard(paths=["/api"])
    guard.protect("admin.*", "office")
    small = make(tmp_path / "small", guard, office=False, name="small")
    with pytest.raises(ConfigurationError, match="meets no route of small"):
        started(small)
    large = make(tmp_path / "large", guard, name="large")
    started(small)
    del large
    gc.collect()
    started(make(tmp_path / "again", guard, office=False, name="again"))


def test_it_shuts_what_is_guarded_and_is_no_matter_of_the_hosts_own_pages(tmp_path: Path) -> None:
    guard = APIGuard(paths=["/api"])
    app = make(tmp_path, guard)
    app.testing = False
    guard.protect("admn.*", "office")
    client = app.test_client()
    assert client.get("/").text == "home"
    assert client.get("/api/orders").status_code == 500


def test_coverage_finds_it_beside_all_the_rest(tmp_path: Path) -> None:
    guard = APIGuard(paths=["/api"])
    app = make(tmp_path, guard)
    guard.protect("orders", "orders:read")

    def coverage(*more: str) -> Any:
        return app.test_cli_runner().invoke(args=["apiguard", "coverage", "--path", str(tmp_path / "lock"), *more])

    assert coverage().exit_code == 0
    app.extensions["apiguard"].is_open = False
    guard.protect("admn.*", "office")
    guard.protect("/reprots", "office")
    answer = coverage("--json")
    assert answer.exit_code == 1
    found = json.loads(answer.stdout)
    assert [one["title"] for one in found["lost"]] == ['guard.protect("admn.*")', 'guard.protect("/reprots")']
    assert {"/", "/admin/", "/api/orders"} <= {row["route"] for row in found["routes"]}
    assert 'guard.protect("admn.*") meets no route, and guards nothing.' in coverage().stdout
