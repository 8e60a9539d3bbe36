"""What a host's own tools must know of us, without importing any of our rooms."""

from __future__ import annotations

from typing import Any


def alembic_include_object(obj: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Keep a host's own migrations off our tables: ``Migrate(app, db, include_object=alembic_include_object)``."""
    table = name if kind == "table" else getattr(getattr(obj, "table", None), "name", None)
    return not (isinstance(table, str) and table.startswith("apiguard_"))
