"""Fixtures of the shop's tests.

`adopt` is what the factory is given; a test run against an app with one more extension overrides that fixture alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from shop import create_app
from shop.extensions import db
from shop.seed import PARTNER_KEY, PASSWORD, seed

Adopt = Callable[[Flask], object]


@pytest.fixture
def adopt() -> Adopt | None:
    """Nothing is added: the shop as it is."""
    return None


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """A test overrides this, or parametrises it, for other settings."""
    return {
        "TESTING": True,
        "SECRET_KEY": "test",
        "INSTANCE_PATH": str(tmp_path / "instance"),
        "SQLALCHEMY_DATABASE_URI": "sqlite:///:memory:",
        "PASSWORD_METHOD": "pbkdf2:sha256:1",
        "WTF_CSRF_ENABLED": False,
        "RATELIMIT_ENABLED": False,
        "SSE_INTERVAL": 0.01,
    }


@pytest.fixture
def make_app(adopt: Adopt | None, settings: dict[str, Any]) -> Iterator[Callable[..., Flask]]:
    """A function that makes a seeded app, with settings of its own."""
    made: list[Flask] = []

    def make(**more: Any) -> Flask:
        app = create_app({**settings, **more}, adopt)
        with app.app_context():
            db.create_all()
            seed()
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


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
