"""``db``: where the two stores stand, bringing them up to date, and copying them while they work."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from ..db import Store
from ..house import SECRET, House
from ..house.declared import SECRET_FILE
from ..migrations import create, current, upgrade
from .common import REFUSED, Desk, Refused, command
from .init import where


@click.group()
def db() -> None:
    """The stores: state and access events."""


@command(db, "current", acts=False)
def current_(desk: Desk) -> None:
    """Tell which revision each store is at, and which this package wants; 1 when one is behind."""
    found = [_standing(store) for store in stores(desk.house)]
    desk.rows(found, ("schema", "revision", "wanted", "state", "where"))
    if any(row["state"] != "current" for row in found):
        desk.status = REFUSED


@command(db, "upgrade", acts=False)
def upgrade_(desk: Desk) -> None:
    """Create what is not there, and bring both stores to the revision that this package wants."""
    desk.take_time()
    done = []
    for store in stores(desk.house):
        before = _revision(store)
        with store.guarded():
            if store.dialect == "sqlite":
                store.open()
            elif before is None:
                create(store.engine, store.schema)
            elif before != store.schema.head:
                upgrade(store.engine, store.schema)
        done.append({"schema": store.schema.name, "before": before, "now": _revision(store), "where": where(store)})
    desk.rows(done, ("schema", "before", "now", "where"))


def stores(house: House) -> tuple[Store, Store]:
    """Both."""
    return house.store, house.events_store


def _revision(store: Store) -> str | None:
    if store.path is not None and not store.path.exists():
        return None  # to connect would create it
    with store.guarded():
        return current(store.engine, store.schema)


def _standing(store: Store) -> dict[str, Any]:
    found = _revision(store)
    state = "empty" if found is None else "current" if found == store.schema.head else "behind"
    return {
        "schema": store.schema.name, "revision": found, "wanted": store.schema.head, "state": state,
        "where": where(store),
    }  # fmt: skip


@command(db, "backup", acts=False)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace files that are there.")
def backup(desk: Desk, file: Path, force: bool) -> None:
    """Copy both stores while they work: state to FILE, access events beside it with `-events` in the name.

    SQLite only; PostgreSQL has pg_dump. Secret and signed checkpoints are not in the copy: keep them elsewhere, a store
    without its secret opens for nobody.
    """
    house = desk.house
    if house.store.dialect != "sqlite":
        raise Refused(
            "PostgreSQL is copied by its own tools.",
            "pg_dump --format=custom --table='apiguard_*' --file=apiguard.dump DATABASE",
        )
    targets = {house.store: file, house.events_store: file.with_name(f"{file.stem}-events{file.suffix}")}
    taken = [str(target) for target in targets.values() if target.exists()]
    if taken and not force:
        raise Refused(f"{' and '.join(taken)} would be overwritten.", "Give another name, or --force.")
    if not house.recorder.settle(60.0):
        raise Refused("The newest calls could not be stored in time.", "Run it again when the app has less to do.")
    found = [_copy(store, target) for store, target in targets.items()]
    kept = str(house.ledger.file)
    secret = "APIGUARD_SECRET" if house.settings.source(SECRET) != "default" else str(house.folder / SECRET_FILE)
    desk.answer(
        {"files": found, "secret": secret, "checkpoints": kept},
        "\n".join([*(f"{row['file']}  {row['bytes']} bytes, whole" for row in found), f"Keep too: {secret}, {kept}"]),
    )


def _copy(store: Store, target: Path) -> dict[str, Any]:
    store.open()
    path = store.path
    assert path is not None
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(fresh)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a journal beside it
            _demand_whole(copy.execute, target)
        os.replace(fresh, target)
    except sqlite3.Error as error:
        raise Refused(f"{path} can't be copied ({error}).", "Look at the disk, and at the store itself.") from None
    except OSError as error:
        raise Refused(f"{target} can't be written ({error.strerror}).", "Name a file in a folder of yours.") from None
    finally:
        fresh.unlink(missing_ok=True)
    return {"schema": store.schema.name, "file": str(target), "bytes": target.stat().st_size}


def _demand_whole(execute: Callable[[str], Any], target: Path) -> None:
    if execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        raise Refused(f"The copy for {target} is not whole.", "Look at the disk, and at the store itself.")
