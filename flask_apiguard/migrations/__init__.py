"""Schema versions of the two stores. A new store is made whole and stamped; an older one is upgraded by Alembic.

That a store made whole equals one upgraded from the first revision is held by a test.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..errors import ConfigurationError, StoreAway

if TYPE_CHECKING:
    from ..db import Schema

HERE = Path(__file__).parent
#: Empty stores as SQLite keeps them, by schema, head and number of tables; in memory, so that a fork may have them too.
_PATTERNS: dict[tuple[str, str, int], sqlite3.Connection] = {}
_PATTERNS_LOCK = threading.Lock()
HEADS = {"state": "0001", "events": "0001"}


def prepare(engine: sa.Engine, schema: Schema, path: Path | None) -> None:
    """Bring a SQLite file to the head under a lock; demand of PostgreSQL that it is there already.

    :raises ConfigurationError: PostgreSQL is behind or ahead; the SQLite folder can't be written.
    """
    if path is None:
        if engine.dialect.name == "sqlite" and current(engine, schema) is None:
            create(engine, schema)  # an in-memory store lives as long as its process
        _demand_head(engine, schema)
        return
    writable(path.parent)
    with _locked(path):
        if not path.exists():
            # Ours alone before SQLite sees it: what it keeps beside a store, it keeps as readable as the store was.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        found = current(engine, schema)
        if found is None:
            create(engine, schema)
        elif found != schema.head:
            upgrade(engine, schema)


def current(engine: sa.Engine, schema: Schema) -> str | None:
    """The revision that the store is at; None for an empty one."""
    with engine.connect() as conn:
        if not sa.inspect(conn).has_table(schema.version_table):
            return None
        version = sa.table(schema.version_table, sa.column("version_num", sa.String))
        return conn.execute(sa.select(version.c.version_num)).scalar()


def create(engine: sa.Engine, schema: Schema) -> None:
    """Make every table at once and stamp the head.

    The first store that a process makes on SQLite is kept as the pattern of the next: a test suite makes one per app.
    """
    pattern = (schema.name, schema.head, len(schema.metadata.tables))
    with _PATTERNS_LOCK:
        if engine.dialect.name == "sqlite" and pattern in _PATTERNS:
            with engine.connect() as conn:
                try:
                    _PATTERNS[pattern].backup(_driver(conn))
                except sqlite3.Error as error:
                    raise StoreAway(schema.name) from error
            return
        _create(engine, schema)
        if engine.dialect.name == "sqlite":
            kept = _PATTERNS[pattern] = sqlite3.connect(":memory:", check_same_thread=False)
            with engine.connect() as conn:
                _driver(conn).backup(kept)


def _driver(conn: sa.Connection) -> sqlite3.Connection:
    connection = conn.connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


def _create(engine: sa.Engine, schema: Schema) -> None:
    with engine.connect().execution_options(apiguard_write=True) as conn, conn.begin():
        schema.metadata.create_all(conn)
        version = sa.Table(
            schema.version_table, sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True)
        )
        version.create(conn)
        conn.execute(version.insert().values(version_num=schema.head))


def upgrade(engine: sa.Engine, schema: Schema, revision: str = "head") -> None:
    """Run Alembic's upgrade over our own history, with our own version table.

    :raises ConfigurationError: the store is at a revision that this package doesn't know.
    """
    from alembic import command  # a quarter of a second to import, needed only when something changes
    from alembic.util import CommandError

    with engine.connect().execution_options(apiguard_write=True) as conn, conn.begin():
        try:
            command.upgrade(alembic_config(schema, conn), revision)
        except CommandError as error:
            raise ConfigurationError(
                f"The {schema.name} store can't be upgraded ({error}).",
                "Install the release of Flask-APIGuard that wrote it, or a newer one.",
            ) from None


def alembic_config(schema: Schema, conn: sa.Connection | None = None) -> Any:
    """Alembic's configuration for one schema, without any file of the host's."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE / schema.history))
    config.attributes.update(schema=schema, connection=conn)
    return config


def run() -> None:
    """What Alembic's ``env.py`` of either history does: schema and connection come from whoever called."""
    from alembic import context

    schema = context.config.attributes["schema"]

    def ours(_: Any, name: str | None, kind: str, reflected: bool, __: Any) -> bool:
        return not (kind == "table" and reflected and name not in schema.metadata.tables)

    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=schema.metadata,
        version_table=schema.version_table,
        render_as_batch=True,
        compare_type=True,
        include_object=ours,
    )
    context.run_migrations()


def writable(folder: Path, setting: str = "APIGUARD_DATABASE_URL", mode: int = 0o777) -> None:
    """Refuse a folder that can't be written, naming it, and the setting that names another. Makes it when it can.

    :raises ConfigurationError: always with the path and what to do.
    """
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"{folder} can't be written ({error.strerror}).",
            f"Make it writable for this process, or set {setting}.",
        ) from None


def _demand_head(engine: sa.Engine, schema: Schema) -> None:
    found = current(engine, schema)
    if found != schema.head:
        state = "empty" if found is None else f"at revision {found}, this package wants {schema.head}"
        raise ConfigurationError(f"The {schema.name} store is {state}.", "Run: flask apiguard db upgrade")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
