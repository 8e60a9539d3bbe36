"""How rows are read: page by page in the order of their ids, and as values of their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa


def page(table: sa.Table, after: str, limit: int) -> sa.Select[Any]:
    """A page of a table in the order of its ids, which is that of their making; ``after`` is the last id seen."""
    return sa.select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)


def typed(values: Mapping[Any, Any], names: Iterable[str], enums: Mapping[str, Any]) -> dict[str, Any]:
    """The named columns of a row: enumerations by their class, JSON lists as tuples."""
    read = {name: enums[name](values[name]) if name in enums else values[name] for name in names}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}
