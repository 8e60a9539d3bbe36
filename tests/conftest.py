"""What every room's tests share: the servers, and how hypothesis behaves."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from flask_apiguard import migrations
from flask_apiguard.db import EVENTS, STATE, make_engine
from tests.servers.postgres import Postgres

pytest_plugins = ["tests.servers.fixtures"]

# No deadline: a busy machine is not a failing property. In CI the examples are the same each time.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


#: Set to ``postgresql``, every app of the suite that names no store of its own lives on a database of its own there.
STORE = os.environ.get("APIGUARD_TEST_STORE", "sqlite")


@pytest.fixture(scope="session")
def store_template(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a database with both schemas, to make others from."""
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create("template0")
    engine = make_engine(postgres.url(name))
    for schema in (STATE, EVENTS):
        migrations.upgrade(engine, schema)
    engine.dispose()
    yield name
    postgres.drop(name)


@pytest.fixture(autouse=True)
def store_of_the_run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On PostgreSQL: a fresh database for each test. On SQLite there is nothing to do: every app makes its own."""
    if STORE != "postgresql" or request.node.get_closest_marker("sqlite") is not None:
        yield
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.database(request.getfixturevalue("store_template")) as url:
        monkeypatch.setenv("APIGUARD_DATABASE_URL", url)
        monkeypatch.setenv("APIGUARD_SECRET", "a secret that only tests would use, forty bytes")
        yield
