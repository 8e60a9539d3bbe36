"""One database: connections for reading, and transactions that know what to do last."""

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
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..errors import StoreAway
from ..migrations import HEADS, prepare
from .columns import events_metadata, metadata
from .engines import BUSY_SECONDS, make_engine
from .quiet import Quiet

#: How PostgreSQL reads. SQLite's transactions see one state anyway, and cost no round trip.
_STEADY: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_UNSTEADY: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
#: Engines of a parent process: closing them in a child would speak on the parent's sockets.
_LEFT_TO_THE_PARENT: list[Engine] = []


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


class Store:
    """One database. ``locate`` is asked for the URL at first use, so that ``TESTING`` may be set late."""

    #: How long PostgreSQL may take for one statement, in seconds, unless it was told itself. Said before first use.
    patience: float = BUSY_SECONDS

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
        self.quiet = Quiet()

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
                    self._engine, self._pid = make_engine(self._locate(), self.patience), os.getpid()
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
        """A connection for reading, and for nothing else; sees one state of the store throughout.

        With ``steady=False`` PostgreSQL begins no transaction: each statement sees the newest state, and costs one
        round trip instead of three. For a single statement that is the same, and cheaper.

        :raises StoreAway: the store does not answer.
        """
        with self.guarded():
            self.open()  # first: to connect needs the folder that this makes
            options = {} if self.dialect == "sqlite" else _STEADY if steady else _UNSTEADY
            with self.engine.connect().execution_options(**options) as conn:
                yield conn

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction (BEGIN IMMEDIATE on SQLite); commits at the end, rolls back on any error.

        :raises StoreAway: the store does not answer.
        """
        ended: list[Callable[[], None]] = []
        try:
            with self.guarded():
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

    def take_time(self, patience: float) -> None:
        """Let PostgreSQL take so many seconds for a statement, from the next connection on."""
        self.patience = patience
        if self._engine is not None and self.dialect != "sqlite":
            self.close()

    def impatient(self, patience: float) -> Connection:
        """A connection of one's own to a PostgreSQL store, without transactions. No statement takes longer than this.

        Whoever has it closes it, invalidated: nobody else is to be as impatient.

        :raises sqlalchemy.exc.DBAPIError: the store does not answer.
        """
        from .postgresql import hasten

        self.open()
        conn = self.engine.connect().execution_options(**_UNSTEADY)
        try:
            hasten(conn, patience)
        except BaseException:
            conn.invalidate()
            conn.close()
            raise
        return conn

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """What the driver raises inside is one error of ours.

        :raises StoreAway: the store does not answer.
        """
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


STATE = Schema("state", metadata, "state", HEADS["state"])
EVENTS = Schema("events", events_metadata, "events", HEADS["events"])
