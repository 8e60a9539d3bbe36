"""One row by itself: an insert past SQLAlchemy's transaction, which costs several times the insert.

For what is written at every turn and turns no decision: neither change log nor ledger hear of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ..db import Instant, Kept, Store, kept
from ..errors import StoreAway

#: Characters of an instant without its offset.
_NAIVE = len("2026-11-21 20:54:49.123456")


class Insert:
    """The insert of one table, compiled once per dialect. ``own`` are the columns that no two rows have in common."""

    def __init__(self, table: sa.Table, *own: str) -> None:
        self._table = table
        self._own = own
        self._written: dict[str, _Written] = {}

    def rows(self, store: Store, shared: Mapping[str, Any]) -> Rows:
        """Rows of a store that have the columns ``shared`` in common.

        :raises StoreAway: the store does not answer.
        """
        dialect = store.engine.dialect
        written = self._written.get(dialect.name)
        if written is None:
            written = self._written[dialect.name] = _Written(self._table, self._own, dialect)
        return Rows(store, written, shared)


class Rows:
    """Rows that are alike but for their own columns: what they share is turned into the driver's values once."""

    __slots__ = ("_own", "_shared", "_store", "_text")

    def __init__(self, store: Store, written: _Written, shared: Mapping[str, Any]) -> None:
        self._store = store
        self._text, self._own = written.text, written.own
        self._shared = written.values(shared)

    def add(self, *own: Any) -> None:
        """Write the row with these values in its own columns; it is durable when this returns.

        :raises StoreAway: the store does not answer.
        """
        store, row = self._store, self._shared.copy()
        for (place, act), value in zip(self._own, own, strict=True):
            row[place] = value if act is None else act(value)
        store.open()
        engine = store.engine
        try:
            connections = kept(engine)
            if connections is None:
                _run(engine, self._text, row)
            else:
                _run_quietly(store, connections, self._text, row)
        except _away(engine) as error:
            raise StoreAway(store.schema.name) from error


def _away(engine: Engine) -> tuple[type[Exception], ...]:
    """What is raised when there is no answer. Python asks for this only once something is raised."""
    driver = engine.dialect.loaded_dbapi
    return driver.OperationalError, driver.InterfaceError, sa.exc.OperationalError, sa.exc.TimeoutError


class _Written:
    """The statement in one dialect, and at which place of its values the own columns stand, with what writes them."""

    def __init__(self, table: sa.Table, own: tuple[str, ...], dialect: sa.Dialect) -> None:
        compiled: Any = table.insert().compile(dialect=dialect)
        self.text = str(compiled)
        self._is_positional = bool(compiled.positiontup)
        self._acts = {name: _act(table.c[name].type, dialect) for name in compiled.positiontup or table.c.keys()}
        names = list(self._acts)
        self.own = tuple((names.index(name) if self._is_positional else name, self._acts[name]) for name in own)

    def values(self, row: Mapping[str, Any]) -> Any:
        """A row's values as the driver takes them, to be completed in its own columns."""
        values = dict.fromkeys(self._acts)
        for name, value in row.items():
            act = self._acts[name]
            values[name] = value if act is None else act(value)
        return list(values.values()) if self._is_positional else values


def _act(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    """What turns a value of a type into the driver's, or None when nothing has to."""
    if isinstance(type_, Instant) and dialect.name == "sqlite":
        return _instant
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _instant(value: dt.datetime | None) -> str | None:
    """As SQLite keeps it: naive, in UTC; written by one call where SQLAlchemy makes seven numbers of it."""
    if value is None:
        return None
    if value.tzinfo is dt.UTC:
        return value.isoformat(" ", "microseconds")[:_NAIVE]
    if value.tzinfo is None:
        raise TypeError("a naive datetime never enters the store")
    return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _run_quietly(store: Store, connections: Kept, text: str, values: Any) -> None:
    quiet = store.quiet
    quiet.begin()
    try:
        connections.run(text, values)
    except BaseException:
        quiet.fail()
        raise
    quiet.end()


def _run(engine: Engine, text: str, values: Any) -> None:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(text, values)
        cursor.close()
        connection.commit()
    finally:
        connection.close()
