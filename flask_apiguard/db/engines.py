"""Engines with our manners, for the two kinds of store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url

from ..errors import ConfigurationError

#: How long anybody waits for what somebody else is writing.
BUSY_SECONDS = 10


def normal_url(url: str) -> URL:
    """The URL with the driver we use; ``postgres://`` and ``postgresql://`` mean psycopg 3."""
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigurationError(
            "APIGUARD_DATABASE_URL can't be read.", "Write sqlite:///FILE or postgresql://..."
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"{parsed.drivername} is not a store we know.", "Use SQLite or PostgreSQL.")
    return parsed


def make_engine(url: str, patience: float = BUSY_SECONDS) -> Engine:
    """An engine with our manners. What a statement was given stays out of its error, and so out of the host's log.

    ``patience`` is how long PostgreSQL may take for a statement, in seconds.
    """
    parsed = normal_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            parsed, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
        )
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    try:
        from .postgresql import bounded, options
    except ModuleNotFoundError:
        raise ConfigurationError("PostgreSQL needs psycopg.", "pip install 'Flask-APIGuard[postgres]'") from None
    engine = sa.create_engine(
        parsed, hide_parameters=True, pool_pre_ping=True, pool_timeout=BUSY_SECONDS, connect_args=options(parsed)
    )
    bounded(engine, patience)
    return engine


def _sqlite_connect(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: sqlite3's own comes too late to be IMMEDIATE
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # A deferred transaction that has read first fails at once when it wants to write, whatever the timeout.
    write = connection.get_execution_options().get("apiguard_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
