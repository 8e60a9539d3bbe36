"""What every room's tests share: the servers, and how hypothesis behaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.round import Round, on_postgres

pytest_plugins = ["tests.servers.fixtures"]

# No deadline: a busy machine is not a failing property. In CI the examples are the same each time.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


#: Set to ``postgresql``, the apps of the suite find their stores there: tests/servers/round.py.
STORE = os.environ.get("APIGUARD_TEST_STORE", "sqlite")
#: Who asks for one of these meets PostgreSQL in every run, so that nothing new is learned when everybody does.
THERE_ANYWAY = {"any_world", "postgres", "prepared_postgres"}
#: Who asks for one of these has an app in another process, which finds the store that it names.
ELSEWHERE = {"gunicorn_server", "program"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the round on PostgreSQL, leave out what is about SQLite, and what names its store by itself."""
    if STORE != "postgresql":
        return
    config.hook.pytest_deselected(items=[item for item in items if _means_nothing_there(item)])
    items[:] = [item for item in items if not _means_nothing_there(item)]


def _means_nothing_there(item: pytest.Item) -> bool:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    by_both = any(value in ("sqlite", "postgresql") for value in parameters if isinstance(value, str))
    asks = (THERE_ANYWAY | ELSEWHERE) & set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("sqlite") is not None or by_both or bool(asks)


@pytest.fixture(scope="session")
def the_round(request: pytest.FixtureRequest) -> Iterator[Round | None]:
    """None in a run on SQLite."""
    if STORE != "postgresql":
        yield None
        return
    with on_postgres(request.getfixturevalue("prepared_postgres")) as round_:
        yield round_


@pytest.fixture(scope="module", autouse=True)
def houses_of_the_file(the_round: Round | None) -> Iterator[None]:
    with the_round.owner() if the_round is not None else nullcontext():
        yield


@pytest.fixture(autouse=True)
def houses_of_the_test(the_round: Round | None, houses_of_the_file: None) -> Iterator[None]:
    with the_round.owner() if the_round is not None else nullcontext():
        yield
