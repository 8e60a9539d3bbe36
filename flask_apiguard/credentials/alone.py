"""One row by itself: an insert past SQLAlchemy's transaction, which costs several times the insert.

For what is written at every turn and turns no decision: neither change log nor ledger hear of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ..db import Store
from ..errors import StoreAway


class Insert:
    """The insert of one table, compiled once per dialect, with what turns its values into the driver's."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._compiled: dict[str, tuple[str, bool, tuple[tuple[str, Any], ...]]] = {}

    def run(self, store: Store, row: Mapping[str, Any]) -> None:
        """Write a row that names every column; it is durable when this returns.

        :raises StoreAway: the store does not answer.
        """
        store.open()
        engine = store.engine
        text, positional, columns = self._compiled.get(engine.dialect.name) or self._compile(engine)
        values = {name: row[name] if act is None else act(row[name]) for name, act in columns}
        driver = engine.dialect.loaded_dbapi
        try:
            connection = engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(text, tuple(values.values()) if positional else values)
                cursor.close()
                connection.commit()
            finally:
                connection.close()
        except (driver.OperationalError, driver.InterfaceError, sa.exc.OperationalError, sa.exc.TimeoutError) as error:
            raise StoreAway(store.schema.name) from error

    def _compile(self, engine: Engine) -> tuple[str, bool, tuple[tuple[str, Any], ...]]:
        dialect = engine.dialect
        compiled: Any = self._table.insert().compile(dialect=dialect)
        names = compiled.positiontup or self._table.c.keys()
        columns = tuple(
            (name, self._table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names
        )  # fmt: skip
        made = self._compiled[dialect.name] = (str(compiled), bool(compiled.positiontup), columns)
        return made
