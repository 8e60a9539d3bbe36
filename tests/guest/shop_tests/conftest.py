"""Fixtures of the shop's tests.

One app serves all tests of a session; its data are put back before each. `make_app` makes more, with other settings.
`adoption` is the only fixture that a run against an app with one more extension overrides or parametrises.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from adoption import adopt
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from shop import create_app
from shop.extensions import db, limiter
from shop.seed import PARTNER_KEY, PASSWORD, seed

from flask_apiguard.testing import admit


class Adoption(NamedTuple):
    """adopt: given to `create_app`. around: entered with every app for the length of each test that uses it."""

    adopt: Callable[[Flask], object] | None
    around: Callable[[Flask], AbstractContextManager[object]]


@pytest.fixture(scope="session", params=["as it is", "adopted"])
def adoption(request: pytest.FixtureRequest) -> Adoption:
    """The shop as it is, and with the extension: every test runs in both, and not one of them knows."""
    return Adoption(adopt, admit) if request.param == "adopted" else Adoption(None, nullcontext)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {
        "TESTING": True,
        "SECRET_KEY": "test",
        "INSTANCE_PATH": str(tmp_path_factory.mktemp("shop") / "instance"),
        "SQLALCHEMY_DATABASE_URI": "sqlite:///:memory:",
        "PASSWORD_METHOD": "pbkdf2:sha256:1",
        "WTF_CSRF_ENABLED": False,
        "RATELIMIT_ENABLED": False,
        "SSE_INTERVAL": 0.01,
    }


def filled(app: Flask) -> Flask:
    with app.app_context():
        db.create_all()
        seed()
    return app


def close(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def shared_app(adoption: Adoption, settings: dict[str, Any]) -> Iterator[Flask]:
    app = filled(create_app(settings, adoption.adopt))
    yield app
    close(app)


@pytest.fixture(scope="session")
def first_data(shared_app: Flask) -> Iterator[sqlite3.Connection]:
    """A copy of the seeded database."""
    copy = sqlite3.connect(":memory:")
    with shared_app.app_context():
        db.engine.raw_connection().driver_connection.backup(copy)
    yield copy
    copy.close()


@pytest.fixture
def app(shared_app: Flask, first_data: sqlite3.Connection, adoption: Adoption) -> Iterator[Flask]:
    with shared_app.app_context():
        db.session.remove()
        first_data.backup(db.engine.raw_connection().driver_connection)
    shutil.rmtree(Path(shared_app.instance_path, "documents"), ignore_errors=True)
    with adoption.around(shared_app):
        yield shared_app


@pytest.fixture
def make_app(adoption: Adoption, settings: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """A function that makes a seeded app of one's own, with other settings."""
    with ExitStack() as stack:

        def make(**more: Any) -> Flask:
            own = {**settings, "INSTANCE_PATH": str(tmp_path / "instance"), **more}
            app = filled(create_app(own, adoption.adopt))
            stack.callback(close, app)
            stack.enter_context(adoption.around(app))
            return app

        yield make
    limiter.enabled = False  # the limiter is one for all apps, and remembers the settings of the last


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


def sign_in(client: FlaskClient, email: str) -> FlaskClient:
    assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 302
    return client


@pytest.fixture
def logged_in_client(app: Flask) -> FlaskClient:
    return sign_in(app.test_client(), "alice@north.example")


@pytest.fixture
def other_tenants_client(app: Flask) -> FlaskClient:
    return sign_in(app.test_client(), "bob@south.example")


@pytest.fixture
def admin_client(app: Flask) -> FlaskClient:
    return sign_in(app.test_client(), "root@north.example")


@pytest.fixture
def partner() -> dict[str, str]:
    """The headers of a partner's call."""
    return {"X-Shop-Key": PARTNER_KEY}
