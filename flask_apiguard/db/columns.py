"""What every room declares its tables with: metadata, types of columns, indexes, inserts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

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
