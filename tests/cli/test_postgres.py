"""The same commands on PostgreSQL, where nothing is created or upgraded unless somebody says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from .conftest import Answer
from .shop import make

SECRET = "tVq3-9sXo0_kfPz7LwJ2mYbN6aRcE1uHgD4iT8eW5nS"


@pytest.fixture
def there(postgres_url: str, tmp_path: Path) -> Iterator[Callable[..., Answer]]:
    app = make(APIGUARD_DATABASE_URL=postgres_url, APIGUARD_SECRET=SECRET, INSTANCE_PATH=str(tmp_path))

    def runs(*words: str) -> Answer:
        result = app.test_cli_runner().invoke(args=["apiguard", *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    yield runs
    app.extensions["apiguard"].close()


def test_nothing_is_made_unasked_and_what_to_do_is_said(there: Any) -> None:
    assert json.loads(there("db", "current", "--json").out)[0]["state"] == "empty"
    answer = there("keys", "list")
    assert answer.status == 1
    assert "flask apiguard db upgrade" in answer.err


def test_init_fills_an_empty_database_and_leaves_an_old_one_to_upgrade(there: Any, postgres_url: str) -> None:
    answer = there("init")
    assert answer.status == 0, answer.err
    assert "APIGUARD_SECRET (config)" in answer.out
    assert there("db", "current").status == 0
    engine = sa.create_engine(postgres_url)
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE apiguard_state_version SET version_num = '0000'"))
    engine.dispose()
    behind = there("db", "current", "--json")
    assert (behind.status, behind.json[0]["state"]) == (1, "behind")
    doctor = there("doctor", "--json")
    assert doctor.status == 1
    assert "store-behind" in {one["name"] for one in doctor.json["findings"]}


def test_a_house_runs_from_its_command_line(there: Any, tmp_path: Path) -> None:
    assert there("db", "upgrade").status == 0
    made = there("keys", "create", "Acme", "--scope", "orders:read", "--reason", "signed and agreed", "--json")
    assert made.status == 0, made.err
    assert there("drill", "--rounds", "1").status == 0
    for words in ("tick", "tick", "audit verify", "doctor", f"audit report {tmp_path / 'report'}"):
        answer = there(*words.split())
        assert answer.status == 0, (words, answer.err, answer.out)
    assert "pg_dump" in there("db", "backup", str(tmp_path / "copy.db")).err


@pytest.mark.parametrize("words", ["db current", "db upgrade", "init", "tick", "audit verify", "keys list"])
def test_a_server_that_is_gone_is_said_in_one_sentence(
    there: Any, postgres: Any, postgres_url: str, words: str
) -> None:
    assert there("db", "upgrade").status == 0
    name = sa.engine.make_url(postgres_url).database
    postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    answer = there(*words.split())
    assert (answer.status, answer.err.count("Error:")) == (1, 1), answer.err
    assert "does not answer" in answer.err


def test_what_goes_through_everything_may_take_its_time(postgres_url: str, tmp_path: Path) -> None:
    app = make(APIGUARD_DATABASE_URL=postgres_url, APIGUARD_SECRET=SECRET, INSTANCE_PATH=str(tmp_path))
    store, spans = app.extensions["apiguard"].store, {}
    for words in ("db upgrade", "keys list", "audit verify", "tick"):
        store.patience = 10
        store.close()
        assert app.test_cli_runner().invoke(args=["apiguard", *words.split()]).exit_code == 0
        with store.read() as conn:
            spans[words] = conn.execute(sa.text("SELECT current_setting('statement_timeout')")).scalar()
    assert spans == {"db upgrade": "15min", "keys list": "10s", "audit verify": "15min", "tick": "15min"}
    app.extensions["apiguard"].close()
