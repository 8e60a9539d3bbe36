"""Many writers leave one chain without a gap, and a writer that is killed leaves a ledger that verifies."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.crypto import Secrets
from flask_apiguard.db import STATE, Store
from flask_apiguard.ledger import Ledger
from flask_apiguard.ledger.tables import ledger
from tests.waiting import PATIENCE

from . import writer
from .conftest import SECRET

ROOT = Path(__file__).parents[2]
WRITERS = 4
EACH = 10


@contextmanager
def running_writer(url: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.ledger.writer", url, "w", "100000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def fork_writers(url: str) -> None:
    """Four forked processes: each opens the store anew, none pays for starting Python."""
    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=writer.main, args=(url, f"w{name}", EACH), daemon=True) for name in range(WRITERS)]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE)
    assert [process.exitcode for process in started] == [0] * WRITERS


def demand_one_chain(store: Store) -> None:
    found = Ledger(store, Secrets(SECRET), Clock()).verify()
    assert (found.ok, found.count) == (True, WRITERS * EACH * 2)
    with store.read() as conn:
        subjects = list(conn.execute(sa.select(ledger.c.subject).order_by(ledger.c.seq)).scalars())
    assert all(subjects[place] == subjects[place + 1] for place in range(0, len(subjects), 2))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_four_processes_write_one_chain_on_sqlite(store: Store, tmp_path: Path) -> None:
    store.open()
    fork_writers(f"sqlite:///{tmp_path}/apiguard.db")
    demand_one_chain(store)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_four_processes_write_one_chain_on_postgresql(ready_postgres_url: str) -> None:
    store = Store(STATE, lambda: ready_postgres_url, Clock().now)
    fork_writers(ready_postgres_url)
    demand_one_chain(store)
    store.close()


@pytest.mark.parametrize("line", range(3))
def test_a_writer_killed_in_the_middle_leaves_a_store_that_opens_and_verifies(tmp_path: Path, line: int) -> None:
    url = f"sqlite:///{tmp_path}/apiguard.db"
    with running_writer(url) as process:
        assert process.stdout is not None
        for _ in range(3 + 7 * line):
            process.stdout.readline()
        process.kill()
        told = 3 + 7 * line + len(process.stdout.read().splitlines())
    store = Store(STATE, lambda: url, Clock().now)
    found = Ledger(store, Secrets(SECRET), Clock()).verify()
    assert found.ok
    assert found.count >= 2 * told
    with store.write() as tx:
        Ledger(store, Secrets(SECRET), Clock()).checkpoint(tx)
    assert Ledger(store, Secrets(SECRET), Clock()).verify().ok
    store.close()
