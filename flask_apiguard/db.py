"""The store: our own engine, our own metadata, transactions that know what to do last.

Two schemas live here side by side, ``state`` and ``events``; each has its own migration history. On SQLite each
is a file of its own, created and upgraded under a lock at first use. On PostgreSQL both live in one database, and
only ``flask apiguard db upgrade`` changes it. Nothing is opened before first use, everything is reopened after a fork.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import TypeDecorator

from .errors import ConfigurationError, StoreAway
from .migrations import HEADS, prepare

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
#: Tables of the state store; every room declares its own on it.
metadata = sa.MetaData(naming_convention=_NAMING)
#: Tables of the event store.
events_metadata = sa.MetaData(naming_convention=_NAMING)
BUSY_SECONDS = 10
#: Engines of a parent process: closing them in a child would speak on the parent's sockets.
_LEFT_TO_THE_PARENT: list[Engine] = []


class Instant(TypeDecorator[dt.datetime]):
    """An aware UTC datetime; SQLite keeps it naive and it comes back aware."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a naive datetime never enters the store")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class JsonDocument(TypeDecorator[Any]):
    """JSON; on PostgreSQL JSONB, whose dialect is imported only where it is spoken: it would slow every start."""

    impl = sa.JSON
    cache_ok = True

    def __init__(self, none_as_null: bool = False) -> None:
        super().__init__(none_as_null=none_as_null)
        self.none_as_null = none_as_null

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(sa.JSON(none_as_null=self.none_as_null))
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=self.none_as_null))


Json = JsonDocument()
#: JSON whose absence is SQL's NULL: "nothing said" is not an empty list.
OptionalJson = JsonDocument(none_as_null=True)


@dataclass(frozen=True)
class Schema:
    """One set of tables and its migration history."""

    name: str
    metadata: sa.MetaData
    history: str
    head: str
    version_table: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version_table", f"apiguard_{self.name}_version")


class Transaction:
    """A write in progress. What must come last registers itself: the change log first, then the ledger."""

    def __init__(self, conn: Connection, store: Store, now: dt.datetime) -> None:
        self.conn = conn
        self.store = store
        #: One moment for everything that this transaction writes.
        self.now = now
        self._before: list[tuple[int, Callable[[], None]]] = []
        self._after: list[Callable[[], None]] = []
        self._ended: list[Callable[[], None]] = []
        self.notes: dict[str, Any] = {}

    def execute(self, statement: Any, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run one statement inside the transaction."""
        return self.conn.execute(statement, parameters)

    def before_commit(self, order: int, act: Callable[[], None]) -> None:
        """Run ``act`` inside the transaction just before it commits; lower orders first."""
        self._before.append((order, act))

    def after_commit(self, act: Callable[[], None]) -> None:
        """Run ``act`` once the transaction is durable; what it raises is the caller's."""
        self._after.append(act)

    def afterwards(self, act: Callable[[], None]) -> None:
        """Run ``act`` once the transaction has ended, however it ended: what must be on record although it failed."""
        self._ended.append(act)


def index_where(
    name: str, *columns: str | sa.Column[Any], where: sa.ColumnElement[bool], unique: bool = False
) -> sa.Index:
    """An index over the rows for which ``where`` holds.

    A dialect learns the condition when the index is made there: as an argument of ``Index`` it would have the
    dialects of both stores imported at every start.
    """
    index = sa.Index(name, *columns, unique=unique)

    def tell(_: sa.Index, conn: Connection, **__: Any) -> None:
        index.dialect_options[conn.dialect.name]["where"] = where

    event.listen(index, "before_create", tell)
    return index


def insert_into(table: sa.Table, dialect: str) -> Any:
    """An INSERT that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``, in the store's own dialect."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    return insert(table)


class Store:
    """One database. ``locate`` is asked for the URL at first use, so that ``TESTING`` may be set late."""

    def __init__(self, schema: Schema, locate: Callable[[], str], now: Callable[[], dt.datetime]) -> None:
        self.schema = schema
        self.now = now
        self._locate = locate
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._pid = 0
        self._ready = False
        #: Told of every transaction of this process once it is durable.
        self.committed: list[Callable[[Transaction], None]] = []

    def __repr__(self) -> str:
        return f"<Store {self.schema.name}>"

    @property
    def engine(self) -> Engine:
        """This process's engine, made at first use and made anew after a fork."""
        if self._engine is None or self._pid != os.getpid():
            with self._lock:
                if self._engine is None or self._pid != os.getpid():
                    if self._engine is not None:
                        _LEFT_TO_THE_PARENT.append(self._engine)
                        self._ready = False
                    self._engine, self._pid = make_engine(self._locate()), os.getpid()
        return self._engine

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @property
    def path(self) -> Path | None:
        """The SQLite file; None elsewhere."""
        database = self.engine.url.database
        return Path(database) if self.dialect == "sqlite" and database else None

    def open(self) -> None:
        """Make sure that the schema is there and current, once per process.

        :raises ConfigurationError: PostgreSQL is behind, or the folder can't be written.
        """
        if self._ready:
            return
        prepare(self.engine, self.schema, self.path)
        self._ready = True

    @contextmanager
    def read(self, *, steady: bool = True) -> Iterator[Connection]:
        """A connection for reading; sees one state of the store throughout.

        With ``steady=False`` PostgreSQL begins no transaction: each statement sees the newest state, and costs one
        round trip.

        :raises StoreAway: the store does not answer.
        """
        with self._guarded():
            self.open()  # first: to connect needs the folder that this makes
            options = {} if steady or self.dialect == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
            with self.engine.connect().execution_options(**options) as conn:
                yield conn

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction (BEGIN IMMEDIATE on SQLite); commits at the end, rolls back on any error.

        :raises StoreAway: the store does not answer.
        """
        ended: list[Callable[[], None]] = []
        try:
            with self._guarded():
                self.open()
                with self.engine.connect().execution_options(apiguard_write=True) as conn, conn.begin():
                    transaction = Transaction(conn, self, self.now())
                    ended = transaction._ended
                    yield transaction
                    for _, act in sorted(transaction._before, key=lambda pair: pair[0]):
                        act()
        finally:
            for act_ended in ended:
                act_ended()
        for act_after in transaction._after:
            act_after()
        for listener in self.committed:
            listener(transaction)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise StoreAway(self.schema.name) from error
        except DBAPIError as error:
            # On SQLite nothing more precise than this class says that the file is no database, or a damaged one.
            if error.connection_invalidated or type(error) is DatabaseError:
                raise StoreAway(self.schema.name) from error
            raise

    def close(self) -> None:
        """Let go of every connection of this process."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()
        self._engine, self._ready = None, False


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


def make_engine(url: str) -> Engine:
    """An engine with our manners. What a statement was given stays out of its error, and so out of the host's log."""
    parsed = normal_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            parsed, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
        )
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    try:
        return sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": 3})
    except ModuleNotFoundError:
        raise ConfigurationError("PostgreSQL needs psycopg.", "pip install 'Flask-APIGuard[postgres]'") from None


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


STATE = Schema("state", metadata, "state", HEADS["state"])
EVENTS = Schema("events", events_metadata, "events", HEADS["events"])
