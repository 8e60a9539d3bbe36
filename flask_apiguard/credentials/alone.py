"""One row by itself: an insert past SQLAlchemy's transaction, which costs several times the insert.

For what is written at every turn and turns no decision: neither change log nor ledger hear of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ..db import Instant, Kept, Store, kept
from ..errors import StoreAway

#: Characters of an instant without its offset.
_NAIVE = len("2026-11-21 20:54:49.123456")


class Insert:
    """The insert of one table, compiled once per dialect. In the columns ``varying`` each row has its own."""

    def __init__(self, table: sa.Table, *varying: str) -> None:
        self._table = table
        self._varying = varying
        self._written: dict[str, _Written] = {}

    def rows(self, store: Store, shared: Mapping[str, Any]) -> Rows:
        """Rows of a store that have in common what ``shared`` says, which is all but the varying columns.

        :raises KeyError: it says more or less than that.
        """
        dialect = store.engine.dialect
        written = self._written.get(dialect.name)
        if written is None:
            written = self._written[dialect.name] = _Written(self._table, self._varying, dialect)
        return Rows(store, written, shared)


class Rows:
    """Rows that are alike but for the varying columns: what they share is turned into the driver's values once."""

    __slots__ = ("_shared", "_store", "_written")

    def __init__(self, store: Store, written: _Written, shared: Mapping[str, Any]) -> None:
        self._store = store
        self._written = written
        self._shared = written.shared(shared)

    def add(self, *varying: Any) -> None:
        """Write the row with these values in the varying columns; it is durable when this returns.

        :raises StoreAway: the store does not answer.
        """
        store, written = self._store, self._written
        row = written.row(varying, self._shared)
        store.open()
        engine = store.engine
        try:
            connections = kept(engine)
            if connections is None:
                _run(engine, written.text, row)
            else:
                _run_quietly(store, connections, written.text, row)
        except _away(engine) as error:
            raise StoreAway(store.schema.name) from error


def _away(engine: Engine) -> tuple[type[Exception], ...]:
    """What is raised when there is no answer. Python asks for this only once something is raised."""
    driver = engine.dialect.loaded_dbapi
    return driver.OperationalError, driver.InterfaceError, sa.exc.OperationalError, sa.exc.TimeoutError


class _Written:
    """The statement in one dialect, and what puts a row's values together: the varying first, then those it shares."""

    def __init__(self, table: sa.Table, varying: tuple[str, ...], dialect: sa.Dialect) -> None:
        compiled: Any = table.insert().compile(dialect=dialect)
        self.text = str(compiled)
        acts = {column.name: _act(column.type, dialect) for column in table.c}
        self._others = {name: act for name, act in acts.items() if name not in varying}
        self._acts = tuple((place, act) for place, name in enumerate(varying) if (act := acts[name]) is not None)
        names = (*varying, *self._others)
        self._arranged: Callable[[Sequence[Any]], Any] = lambda values: dict(zip(names, values, strict=True))
        if compiled.positiontup:
            self._arranged = itemgetter(*map(names.index, compiled.positiontup))

    def shared(self, row: Mapping[str, Any]) -> list[Any]:
        """What rows share, as the driver takes it.

        :raises KeyError: something is missing, or too much.
        """
        if wrong := row.keys() ^ self._others.keys():
            raise KeyError(*sorted(wrong))
        values = [(row[name], act) for name, act in self._others.items()]
        return [value if act is None else act(value) for value, act in values]

    def row(self, varying: Sequence[Any], shared: list[Any]) -> Any:
        """A whole row as the driver takes it."""
        values = list(varying)
        for place, act in self._acts:
            values[place] = act(values[place])
        return self._arranged(values + shared)


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
