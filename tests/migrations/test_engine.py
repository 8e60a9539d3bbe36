"""What an error of the store tells: the statement, never what it was given."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.db import make_engine


def refused(url: str) -> str:
    engine = make_engine(url)
    try:
        with engine.connect() as conn, pytest.raises(sa.exc.DBAPIError) as caught:
            conn.execute(sa.text("INSERT INTO nowhere VALUES (:address)"), {"address": "ann@example.com"})
        return str(caught.value)
    finally:
        engine.dispose()


def test_an_error_on_sqlite_names_no_values(tmp_path: Path) -> None:
    told = refused(f"sqlite:///{tmp_path}/apiguard.db")
    assert "INSERT INTO nowhere" in told
    assert "ann@example.com" not in told


def test_an_error_on_postgresql_names_no_values(postgres_url: str) -> None:
    told = refused(postgres_url)
    assert "INSERT INTO nowhere" in told
    assert "ann@example.com" not in told
