"""A store made whole equals one upgraded from the first revision, on both kinds of database."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import flask_apiguard
from flask_apiguard import migrations
from flask_apiguard.clock import Clock
from flask_apiguard.db import EVENTS, STATE, Schema, Store, make_engine
from flask_apiguard.errors import ConfigurationError

for module in pkgutil.walk_packages(flask_apiguard.__path__, "flask_apiguard."):
    if ".migrations." not in module.name:
        importlib.import_module(module.name)  # every room declares its tables when it is imported

SCHEMAS = pytest.mark.parametrize("schema", [STATE, EVENTS], ids=lambda schema: schema.name)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: Any, tmp_path: Path) -> Any:
    url = f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = make_engine(url)
    yield made
    made.dispose()


def differences(engine: sa.Engine, schema: Schema) -> list[Any]:
    def ours(obj: Any, name: str | None, kind: str, reflected: bool, _: Any) -> bool:
        return not (kind == "table" and reflected and name not in schema.metadata.tables)

    with engine.connect() as conn:
        options = {"compare_type": True, "include_object": ours, "version_table": schema.version_table}
        return compare_metadata(MigrationContext.configure(conn, opts=options), schema.metadata)


@SCHEMAS
def test_the_head_is_the_newest_revision(schema: Schema) -> None:
    assert ScriptDirectory.from_config(migrations.alembic_config(schema)).get_heads() == [schema.head]


@SCHEMAS
def test_an_upgrade_from_nothing_ends_where_the_tables_say(engine: sa.Engine, schema: Schema) -> None:
    migrations.upgrade(engine, schema)
    assert migrations.current(engine, schema) == schema.head
    assert differences(engine, schema) == []


@SCHEMAS
def test_a_store_made_whole_is_at_the_head(engine: sa.Engine, schema: Schema) -> None:
    migrations.create(engine, schema)
    assert migrations.current(engine, schema) == schema.head
    assert differences(engine, schema) == []
    migrations.upgrade(engine, schema)
    assert differences(engine, schema) == []


@SCHEMAS
def test_both_stores_live_in_one_postgresql_database(postgres_url: str, schema: Schema) -> None:
    engine = make_engine(postgres_url)
    for each in (STATE, EVENTS):
        migrations.upgrade(engine, each)
    assert differences(engine, schema) == []
    engine.dispose()


@SCHEMAS
def test_postgresql_is_never_changed_by_itself(postgres_url: str, schema: Schema) -> None:
    store = Store(schema, lambda: postgres_url, Clock().now)
    with pytest.raises(ConfigurationError, match="flask apiguard db upgrade"):
        store.open()
    with store.engine.connect() as conn:
        assert sa.inspect(conn).get_table_names() == []
    store.close()


@SCHEMAS
def test_a_folder_that_can_not_be_written_is_named_with_the_fix(tmp_path: Path, schema: Schema) -> None:
    (tmp_path / "file").write_text("no folder")
    store = Store(schema, lambda: f"sqlite:///{tmp_path}/file/apiguard.db", Clock().now)
    with pytest.raises(ConfigurationError, match="file can't be written") as refused:
        store.open()
    assert "APIGUARD_DATABASE_URL" in refused.value.fix


@SCHEMAS
def test_whoever_guards_an_app_has_every_table(schema: Schema) -> None:
    """A store is made whole from the tables that a process knows: none may wait for a part switched on later."""
    code = (
        "import flask, flask_apiguard; flask_apiguard.APIGuard(flask.Flask('a'));"
        "import flask_apiguard.db as db; print(*getattr(db, {!r}).metadata.tables)"
    )
    command = [sys.executable, "-c", code.format(schema.name.upper())]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(found) == sorted(schema.metadata.tables)
