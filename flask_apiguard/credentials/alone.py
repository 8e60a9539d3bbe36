"""One row by itself: an insert past SQLAlchemy's transaction, which costs several times the insert.

For what is written at every turn and turns no decision: neither change log nor ledger hear of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ..db import Instant, Kept, Store, kept
from ..errors import StoreAway

#: Tuples whose text is remembered, for a column of JSON: the scopes of one client are nearly always the same.
TEXTS_AT_MOST = 1024
#: Characters of an instant without its offset.
_NAIVE = len("2026-11-21 20:54:49.123456")


class Insert:
    """The insert of one table, compiled once per dialect, with what turns its values into the driver's."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._written: dict[str, _Written] = {}

    def run(self, store: Store, row: Mapping[str, Any]) -> None:
        """Write a row that names every column; it is durable when this returns.

        :raises StoreAway: the store does not answer.
        """
        store.open()
        engine = store.engine
        written = self._written.get(engine.dialect.name) or self._write(engine)
        values, driver = written.values(row), engine.dialect.loaded_dbapi
        try:
            connections = kept(engine)
            if connections is not None:
                _run_quietly(store, connections, written.text, values)
            else:
                _run(engine, written.text, values)
        except (driver.OperationalError, driver.InterfaceError, sa.exc.OperationalError, sa.exc.TimeoutError) as error:
            raise StoreAway(store.schema.name) from error

    def _write(self, engine: Engine) -> _Written:
        made = self._written[engine.dialect.name] = _Written(self._table, engine.dialect)
        return made


class _Written:
    """The statement in one dialect."""

    def __init__(self, table: sa.Table, dialect: sa.Dialect) -> None:
        compiled: Any = table.insert().compile(dialect=dialect)
        self.text = str(compiled)
        self._names = tuple(compiled.positiontup or table.c.keys())
        self._is_positional = bool(compiled.positiontup)
        self._of = itemgetter(*self._names)
        acts = [(place, _act(table.c[name].type, dialect)) for place, name in enumerate(self._names)]
        #: What turns the values of some columns into the driver's; and whether None is nothing to it, as nearly always.
        self._acts = tuple((place, act) for place, act in acts if act is not None)
        self._spares_none = all(act(None) is None for place, act in self._acts if table.c[self._names[place]].nullable)

    def values(self, row: Mapping[str, Any]) -> Any:
        """A row's values as the driver takes them."""
        values, spares_none = list(self._of(row)), self._spares_none
        for place, act in self._acts:
            value = values[place]
            if value is not None or not spares_none:
                values[place] = act(value)
        return values if self._is_positional else dict(zip(self._names, values, strict=True))


def _act(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    """What turns a value of a type into the driver's, or None when nothing has to."""
    if isinstance(type_, Instant) and dialect.name == "sqlite":
        return _instant
    act = type_.dialect_impl(dialect).bind_processor(dialect)
    if act is None or not isinstance(getattr(type_, "impl", type_), sa.JSON):
        return act
    remembered = lru_cache(TEXTS_AT_MOST)(act)
    return lambda value: remembered(value) if type(value) is tuple else act(value)


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
