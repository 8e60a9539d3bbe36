"""The servers as fixtures, for the whole suite (tests/conftest.py names this file)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from .gunicorn import Gunicorn
from .http import serve
from .nginx import Nginx, find_nginx
from .postgres import Postgres, Prepared, running_postgres
from .process import Unavailable, skip_or_fail
from .valkey import Valkey, running_valkey


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of this worker: `.database()`, `.create(template)`, `.drop(name)`, `.url(name)`."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except Unavailable as error:
            skip_or_fail("postgres", str(error))
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty database, for one test."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="module")
def postgres_module_url(postgres: Postgres) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty database that the tests of one file share."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def prepared_postgres(postgres: Postgres) -> Iterator[Prepared]:
    """Databases of this worker with both schemas: `.database()`, or `.lend()` and `.take_back(name)`."""
    prepared = Prepared(postgres)
    yield prepared
    prepared.drop()


@pytest.fixture
def ready_postgres_url(prepared_postgres: Prepared) -> Iterator[str]:
    """The SQLAlchemy URL of a database with both schemas and nothing in them, for one test."""
    with prepared_postgres.database() as url:
        yield url


@pytest.fixture(scope="module")
def ready_postgres_module_url(prepared_postgres: Prepared) -> Iterator[str]:
    """The SQLAlchemy URL of a database with both schemas and nothing in them, that the tests of one file share."""
    with prepared_postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def valkey(request: pytest.FixtureRequest) -> Iterator[Valkey]:
    """The Valkey server of this worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_valkey(int(worker)))
        except Unavailable as error:
            skip_or_fail("valkey", str(error))
        yield server


@pytest.fixture
def valkey_url(valkey: Valkey) -> str:
    """`redis://...` of an empty database, for one test."""
    valkey.flush()
    return valkey.url


@pytest.fixture(scope="session")
def nginx() -> Iterator[Callable[[str], Nginx]]:
    """`nginx(config)` starts one with what stands inside `http { }`; `@PORT@` and `@DIR@` are filled in.

    `@PORT@` is where it must listen (on 127.0.0.1), `@DIR@` its own folder. It runs until `.stop()`, or to the end.
    """
    try:
        program = find_nginx()
    except Unavailable as error:
        skip_or_fail("nginx", str(error))
    with ExitStack() as stack:

        def start(config: str) -> Nginx:
            server = Nginx(program, stack.enter_context(_folder("nginx")), config)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def live_server() -> Iterator[Callable[[Any], str]]:
    """`live_server(app)` serves a WSGI app on a real socket, in this process, with threads; returns its base URL."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serve(app))


@pytest.fixture
def gunicorn_server() -> Iterator[Callable[..., Gunicorn]]:
    """`gunicorn_server("module:factory()", workers=N, threads=M, env={...}, arguments=[...])`, ended with the test.

    The target is gunicorn's: `module:app`, or `module:factory()` for a factory. The project's root is importable.
    """
    with ExitStack() as stack:

        def start(target: str, **options: Any) -> Gunicorn:
            server = Gunicorn(target, stack.enter_context(_folder("gunicorn")), **options)
            stack.callback(server.stop)
            return server

        yield start


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A short path: Unix sockets in it have a hundred characters at most."""
    folder = Path(tempfile.mkdtemp(prefix=f"apiguard-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
