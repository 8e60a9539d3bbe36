"""``doctor``: each finding is seen to be found, and a healthy house has no error."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apiguard.cli.common import operator
from flask_apiguard.cli.doctor import findings
from flask_apiguard.cli.findings import Look, Severity
from flask_apiguard.events.spool import SUFFIX
from flask_apiguard.ledger import enter
from flask_apiguard.values import Happening

from .conftest import Run
from .shop import make

SECRET = "tVq3-9sXo0_kfPz7LwJ2mYbN6aRcE1uHgD4iT8eW5nS"


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Callable[..., dict[str, Severity]]]:
    """What the doctor finds in an app with these settings: name and severity."""
    apps: list[Flask] = []

    def finds(change: Callable[[Flask], object] = lambda app: None, deploy: bool = False, **config: Any) -> Any:
        given = {"INSTANCE_PATH": str(tmp_path), "APIGUARD_SECRET": SECRET, **config}
        app = make(**given)
        apps.append(app)
        change(app)
        house = app.extensions["apiguard"]
        house.store.open()
        house.events_store.open()
        return {one.name: one.severity for one in findings(Look(house, deploy))}

    yield finds
    for app in apps:
        app.extensions["apiguard"].close()


def test_a_fresh_app_has_no_error_and_says_what_comes_next(run: Run) -> None:
    answer = run("doctor")
    assert answer.status == 0, answer.out
    assert "1. " in answer.out
    assert "fix   flask apiguard init" in answer.out


def test_what_is_about_to_serve_is_judged_by_what_the_environment_says(program: Run) -> None:
    deploy = program("doctor", "--deploy", "--json", FLASK_DEBUG="1", APIGUARD_MODE="observe")
    assert deploy.status == 1
    assert deploy.json["findings"][0]["severity"] == "error"
    assert [one["number"] for one in deploy.json["findings"]] == list(range(1, len(deploy.json["findings"]) + 1))


def test_every_finding_says_what_why_fix_and_where(run: Run) -> None:
    for one in run("doctor", "--deploy", "--json").json["findings"]:
        assert all(one[name] for name in ("what", "why", "fix", "source")), one


@pytest.mark.parametrize(
    ("name", "severity", "config"),
    [
        ("secret-weak", "error", {"APIGUARD_SECRET": "abc" * 20}),
        ("secret-shared", "warning", {"SECRET_KEY": SECRET}),
        ("secret-self-made", "note", {"APIGUARD_SECRET": None}),
        ("secret-key-weak", "warning", {"SECRET_KEY": "dev"}),
        ("secret-key-missing", "note", {"SECRET_KEY": None}),
        ("base-url-missing", "note", {}),
        ("https-missing", "warning", {"APIGUARD_BASE_URL": "http://api.example.org"}),
        ("mode-observe", "warning", {"APIGUARD_MODE": "observe"}),
        ("counters-memory", "warning", {"APIGUARD_COUNTERS_URL": "memory://"}),
        ("key-lifetime", "warning", {"APIGUARD_KEY_LIFETIME": "900d"}),
        ("mail-missing", "error", {"APIGUARD_ONBOARDING": "open"}),
        ("plan-missing", "note", {}),
        ("proxyfix-missing", "warning", {"APIGUARD_TRUSTED_PROXIES": ["10.0.0.2"]}),
        ("trap-http-exceptions", "warning", {"TRAP_HTTP_EXCEPTIONS": True}),
        ("drill-missing", "note", {}),
        ("administrator-missing", "note", {}),
    ],
)
def test_what_is_configured_badly_is_found(found: Any, name: str, severity: str, config: dict[str, Any]) -> None:
    assert found(**config)[name] == severity


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("https-missing", {"APIGUARD_BASE_URL": "http://api.example.org"}),
        ("mode-observe", {"APIGUARD_MODE": "observe"}),
        ("counters-memory", {"APIGUARD_COUNTERS_URL": "memory://"}),
        ("secret-key-weak", {"SECRET_KEY": "dev"}),
        ("drill-missing", {}),
    ],
)
def test_what_is_fine_at_a_desk_is_an_error_where_it_serves(found: Any, name: str, config: dict[str, Any]) -> None:
    assert found(deploy=True, **config)[name] == "error"


def test_what_is_configured_well_is_not_found(found: Any) -> None:
    names = set(
        found(
            lambda app: setattr(app, "wsgi_app", ProxyFix(app.wsgi_app)),
            APIGUARD_BASE_URL="https://api.example.org", APIGUARD_TRUSTED_PROXIES=["10.0.0.2"],
            APIGUARD_MAIL_URL="smtp://localhost", APIGUARD_MAIL_FROM="api@example.org", APIGUARD_DEFAULT_PLAN="free",
        )
    )  # fmt: skip
    assert names <= {"drill-missing", "administrator-missing", "plan-unknown"}
    assert "plan-unknown" in names, "a default plan that nobody wrote down refuses everybody"


def test_an_observing_gate_that_ends_by_itself_may_be_deployed(found: Any) -> None:
    assert found(deploy=True, APIGUARD_MODE="observe", APIGUARD_OBSERVE_UNTIL="2999-01-01")["mode-observe"] == "warning"


def test_memory_counters_beside_many_workers_are_an_error(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert found(APIGUARD_COUNTERS_URL="memory://")["counters-memory"] == "error"


def test_proxies_that_are_believed_too_much_are_found(found: Any) -> None:
    def once(app: Flask) -> None:
        app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]

    def twice(app: Flask) -> None:
        once(app)
        once(app)

    assert found(once)["proxyfix-believes-all"] == "warning"
    assert found(twice)["proxyfix-twice"] == "error"


def test_csrf_protection_before_guarded_routes_is_found_until_they_are_exempt(found: Any) -> None:
    def protect(app: Flask) -> None:
        CSRFProtect(app)

    def exempt(app: Flask) -> None:
        CSRFProtect(app).exempt(app.view_functions["create"])

    assert found(protect)["csrf"] == "warning"
    assert "csrf" not in found(exempt)
    assert "csrf" not in found(protect, WTF_CSRF_ENABLED=False)


def test_flask_migrate_over_our_tables_is_an_error_unless_it_leaves_them_alone(found: Any, tmp_path: Path) -> None:
    from flask_apiguard import alembic_include_object

    url = f"sqlite:///{tmp_path / 'shared.db'}"

    def careless(app: Flask) -> None:
        Migrate(app, SQLAlchemy(app))

    def careful(app: Flask) -> None:
        Migrate(app, SQLAlchemy(app), include_object=alembic_include_object)

    shared = {"SQLALCHEMY_DATABASE_URI": url, "APIGUARD_DATABASE_URL": url}
    assert found(careless, **shared)["migrate-drops"] == "error"
    assert "migrate-drops" not in found(careful, **shared)
    assert "migrate-drops" not in found(careless, SQLALCHEMY_DATABASE_URI=url)


def test_a_bypass_and_an_undeclared_route_are_found(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOLE", "1")

    def wrap(app: Flask) -> None:
        inner = app.wsgi_app
        app.wsgi_app = lambda environ, start: inner(environ, start)  # type: ignore[method-assign]

    names = found(wrap)
    assert (names["middleware-bypass"], names["routes-undeclared"]) == ("warning", "warning")


def test_a_touched_ledger_a_failed_drill_and_a_clock_set_back_are_found(found: Any) -> None:
    def spoil(app: Flask) -> None:
        house = app.extensions["apiguard"]
        house.clock.advance(3600)
        with house.store.write() as tx:
            enter(tx, operator(), Happening.MONITOR_DRILL_RUN, "application:x", after={"passed": False})
        house.clock.advance(-3600)
        with house.store.write() as tx:
            tx.execute(sa.text("UPDATE apiguard_ledger SET leaf = 'other'"))

    names = found(spoil)
    assert (names["clock-back"], names["ledger-touched"], names["drill-failed"]) == ("error", "error", "warning")


def test_a_secret_that_others_read_and_events_that_wait_are_found(found: Any, tmp_path: Path) -> None:
    def leave(app: Flask) -> None:
        house = app.extensions["apiguard"]
        house.secrets.key("any")
        (tmp_path / "apiguard.secret").chmod(0o644)
        spool = tmp_path / "apiguard-spool"
        spool.mkdir()
        waiting = spool / f"1-abc{SUFFIX}"
        waiting.write_text("an event\n")
        old = time.time() - 3600
        os.utime(waiting, (old, old))

    names = found(leave, APIGUARD_SECRET=None)
    assert (names["secret-readable"], names["spool-waits"]) == ("error", "warning")


def test_a_store_that_is_away_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    app = make(
        APIGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", APIGUARD_SECRET=SECRET,
        INSTANCE_PATH=str(tmp_path),
    )  # fmt: skip
    answer = app.test_cli_runner().invoke(args=["apiguard", "doctor"])
    assert answer.exit_code == 1, answer.exception
    assert "store-away" in answer.stdout
