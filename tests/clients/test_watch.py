"""What moved is forgotten, what doesn't add up is everything, what can't be seen allows nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.clients import EVERYTHING, Watch, changed
from flask_apiguard.clients.changes import change
from flask_apiguard.clients.tables import organization
from flask_apiguard.clients.watch import ROWS_AT_MOST
from flask_apiguard.clock import Clock
from flask_apiguard.credentials.alone import Insert
from flask_apiguard.db import STATE, Store
from flask_apiguard.errors import StoreAway
from tests.waiting import PATIENCE, wait_for

ROW = Insert(organization, "id")


class Told:
    """A memory that takes down what it is told."""

    def __init__(self, watch: Watch) -> None:
        self.said: list[str] = []
        watch.attach(self.forget, lambda: self.said.append("FLUSH"))

    def forget(self, subjects: Iterable[str]) -> None:
        self.said.extend(subjects)

    def since(self) -> list[str]:
        said, self.said[:] = list(self.said), []
        return said


def watching(store: Store) -> tuple[Watch, Told]:
    watch = Watch(store)
    told = Told(watch)
    watch.look()
    assert "FLUSH" in told.since(), "the first look trusts nothing"
    return watch, told


def move(store: Store, *subjects: str) -> None:
    with store.write() as tx:
        changed(tx, *subjects)


def twin(store: Store) -> Store:
    """The same database as another process has it: connections of its own."""
    url = store.engine.url.render_as_string(hide_password=False)
    return Store(STATE, lambda: url, store.now)


def other_process(act: Callable[[], None]) -> None:
    """Run an act in a child, so that nothing in this process knows of it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")


def test_what_this_process_changed_it_sees_at_the_next_look(any_store: Store) -> None:
    watch, told = watching(any_store)
    for number in range(3):
        move(any_store, f"client:{number}", "plan:gold")
        watch.look()
        assert told.since() == [f"client:{number}", "plan:gold"]
    watch.look()
    assert told.since() == []
    watch.close()


def test_what_another_process_changed_is_seen_when_the_store_s_kind_demands_it(any_store: Store) -> None:
    watch, told = watching(any_store)
    other_process(lambda: move(any_store, "client:1"))
    if any_store.dialect == "postgresql":
        time.sleep(0.06)
    watch.look()
    assert told.since() == ["client:1"]
    watch.close()


def test_one_transaction_tells_a_subject_once_and_a_rolled_back_one_never(any_store: Store) -> None:
    watch, told = watching(any_store)
    with pytest.raises(RuntimeError), any_store.write() as tx:
        changed(tx, "client:1")
        raise RuntimeError
    move(any_store, "client:2", "client:2")
    watch.look()
    if any_store.dialect == "sqlite":
        assert told.since() == ["client:2"]
    else:
        assert told.since() in (["client:2"], ["FLUSH"]), "a sequence keeps the gap of what was rolled back"
    watch.close()


def test_everything_is_everything(any_store: Store) -> None:
    watch, told = watching(any_store)
    move(any_store, "client:1", EVERYTHING)
    watch.look()
    assert told.since() == ["FLUSH"]
    watch.close()


def test_a_gap_flushes(any_store: Store) -> None:
    watch, told = watching(any_store)
    move(any_store, "client:1", "client:2", "client:3")
    with any_store.write() as tx:
        tx.execute(change.delete().where(change.c.subject == "client:2"))
    watch.look()
    assert told.since() == ["FLUSH"]
    move(any_store, "client:4")
    watch.look()
    assert told.since() == ["client:4"], "and after it the place is right again"
    watch.close()


def test_a_log_that_was_cut_while_nobody_looked_flushes(any_store: Store) -> None:
    watch, told = watching(any_store)
    move(any_store, "client:1", "client:2")
    with any_store.write() as tx:
        tx.execute(change.delete().where(change.c.subject == "client:1"))
    watch.look()
    assert told.since() == ["FLUSH"]
    watch.close()


def test_more_than_can_be_read_at_once_flushes(store: Store) -> None:
    watch, told = watching(store)
    move(store, *(f"client:{number}" for number in range(ROWS_AT_MOST + 5)))
    watch.look()
    assert told.since() == ["FLUSH"]
    move(store, "client:1")
    watch.look()
    assert told.since() == ["client:1"]
    watch.close()


def test_another_file_in_its_place_is_noticed_within_two_seconds_and_read_by_everybody(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    move(store, "client:old")
    watch, told = watching(store)
    second = Store(STATE, lambda: f"sqlite:///{tmp_path}/second.db", clock.now)
    move(second, "client:new")
    second.close()
    path = tmp_path / "apiguard.db"
    for name in ("apiguard.db-wal", "apiguard.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    os.replace(tmp_path / "second.db", path)
    time.sleep(1.1)
    watch.look()
    assert told.since() == ["FLUSH"]
    with store.read() as conn:
        assert conn.execute(sa.select(change.c.subject)).scalars().all() == ["client:new"]
    move(twin(store), "client:newer")
    watch.look()
    assert told.since() == ["client:newer"]
    watch.close()


def test_a_deleted_file_is_made_anew_and_nothing_is_trusted(tmp_path: Path, store: Store) -> None:
    move(store, "client:old")
    watch, told = watching(store)
    for name in ("apiguard.db", "apiguard.db-wal", "apiguard.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    time.sleep(1.1)
    watch.look()
    assert "FLUSH" in told.since()
    assert (tmp_path / "apiguard.db").exists()
    move(store, "client:new")
    watch.look()
    assert told.since() == ["client:new"]
    watch.close()


def test_a_child_trusts_nothing_of_its_parent_s_and_the_parent_goes_on(any_store: Store) -> None:
    watch, told = watching(any_store)

    def child() -> None:
        watch.look()
        assert "FLUSH" in told.since()
        move(any_store, "client:1")
        watch.look()
        assert told.since() == ["client:1"]
        watch.close()

    other_process(child)
    time.sleep(0.06)
    watch.look()
    assert told.since() == ["client:1"]
    watch.close()


def test_a_lock_held_at_the_fork_does_not_hang_the_child(store: Store) -> None:
    watch, _ = watching(store)
    with watch._lock:
        other_process(watch.look)
    watch.close()


def test_what_can_not_be_seen_for_a_second_allows_nothing_and_comes_back(any_store: Store) -> None:
    watch, told = watching(any_store)
    with any_store.engine.connect() as conn:
        conn.exec_driver_sql("ALTER TABLE apiguard_change RENAME TO apiguard_gone")
        conn.commit()
    time.sleep(1.1)
    with pytest.raises(StoreAway):
        watch.look()
    with any_store.engine.connect() as conn:
        conn.exec_driver_sql("ALTER TABLE apiguard_gone RENAME TO apiguard_change")
        conn.commit()
    time.sleep(0.06)
    watch.look()
    move(any_store, "client:1")
    watch.look()
    assert told.since() == ["client:1"]
    watch.close()


def test_a_store_that_never_was_there_is_away_at_the_first_look(clock: Clock) -> None:
    watch = Watch(Store(STATE, lambda: "postgresql://nobody@127.0.0.1:1/nowhere", clock.now))
    for _ in range(2):
        with pytest.raises(StoreAway):
            watch.look()


def test_a_look_on_postgresql_is_one_statement_and_brings_what_is_new_along(postgres_store: Store) -> None:
    watch, told = watching(postgres_store)
    move(postgres_store, "client:0")
    watch.look()
    other_process(lambda: move(postgres_store, "client:1"))
    time.sleep(0.06)
    statements: list[str] = []
    sa.event.listen(postgres_store.engine, "before_cursor_execute", lambda *about: statements.append(about[2]))
    watch.look()
    assert told.since() == ["client:0", "client:1"]
    assert len(statements) == 1
    watch.close()


def test_a_thread_waits_for_the_look_of_another_when_its_own_last_one_is_too_old(postgres_store: Store) -> None:
    watch, told = watching(postgres_store)
    looks = [threading.Thread(target=watch.look) for _ in range(2)]
    with postgres_store.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("LOCK TABLE apiguard_change IN ACCESS EXCLUSIVE MODE")
        time.sleep(0.11)
        for look in looks:
            look.start()
        for look in looks:
            look.join(0.1)
        assert all(look.is_alive() for look in looks), (
            "what they remember may have been revoked a tenth of a second ago"
        )
    for look in looks:
        look.join(PATIENCE)
    assert not any(look.is_alive() for look in looks)
    assert told.since() == []
    watch.close()


def test_a_thread_goes_on_while_another_looks_and_the_last_look_is_young(
    postgres_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, _ = watching(postgres_store)
    # Between one interval and two, for longer than this test can last.
    monkeypatch.setattr("flask_apiguard.clients.watch.STALE_AFTER", 1e9)
    watch._interval = 1e6
    watch._looked -= 1.5e6
    looks = [threading.Thread(target=watch.look) for _ in range(2)]
    with postgres_store.engine.connect() as conn, conn.begin():
        conn.exec_driver_sql("LOCK TABLE apiguard_change IN ACCESS EXCLUSIVE MODE")
        looks[0].start()
        wait_for(watch._lock.locked)
        looks[1].start()
        looks[1].join(PATIENCE)
        assert looks[0].is_alive()
        assert not looks[1].is_alive()
    looks[0].join(PATIENCE)
    watch.close()


def test_a_look_on_sqlite_is_one_statement_on_a_kept_connection(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, _ = watching(store)
    monkeypatch.setattr("flask_apiguard.clients.watch.INODE_EVERY", float("inf"))
    monkeypatch.setattr(sqlite3, "connect", None)
    monkeypatch.setattr(store, "open", None)
    statements: list[str] = []
    assert watch._raw is not None
    watch._raw.set_trace_callback(statements.append)
    for _ in range(3):
        watch.look()
    assert statements == ["SELECT max(seq) FROM apiguard_change"] * 3, "no engine, no transaction"
    watch.close()


def quietly(store: Store, *ids: str) -> None:
    """Rows that no memory has to hear of."""
    for one in ids:
        ROW.rows(store, {"name": "Acme", "created_at": store.now(), "version": 1}).add(one)


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Watch, Told, list[str]]]:
    """A watch with a mapped index, what it told, and what it asks the store when nothing but a commit makes it ask."""
    monkeypatch.setattr("flask_apiguard.clients.watch.INODE_EVERY", float("inf"))
    watch = Watch(store, mapped=True)
    told, statements = Told(watch), []
    watch.look()
    watch.look()
    told.since()
    assert watch._raw is not None
    watch._raw.set_trace_callback(statements.append)
    yield watch, told, statements
    watch.close()


@pytest.mark.sqlite
def test_what_we_commit_quietly_is_no_reason_to_ask(store: Store, asked: tuple[Watch, Told, list[str]]) -> None:
    watch, told, statements = asked
    for number in range(5):
        quietly(store, f"org_{number}")
        watch.look()
    quietly(store, "org_a", "org_b", "org_c")
    watch.look()
    assert (statements, told.since()) == ([], [])


@pytest.mark.sqlite
@pytest.mark.parametrize("quiet", [0, 1, 3])
def test_what_others_commit_between_our_quiet_commits_is_heard_at_once(
    store: Store, asked: tuple[Watch, Told, list[str]], quiet: int
) -> None:
    watch, told, statements = asked
    other = twin(store)
    for number in range(4):
        quietly(store, *(f"org_{number}_{each}" for each in range(quiet)))
        move(store if number % 2 else other, f"client:{number}")
        quietly(store, *(f"org_{number}_after_{each}" for each in range(quiet)))
        watch.look()
        assert told.since() == [f"client:{number}"]
    statements.clear()
    quietly(other, "org_of_others")
    watch.look()
    assert len(statements) == 1, "what others write quietly can't be told from what they don't"
    other.close()


@pytest.mark.sqlite
def test_a_quiet_commit_that_others_are_still_at_hides_nothing(
    store: Store, asked: tuple[Watch, Told, list[str]]
) -> None:
    watch, told, _ = asked
    store.quiet.begin()  # another thread, which has committed, and not come to count it yet
    quietly(store, "org_a")
    watch.look()
    move(store, "client:a")
    store.quiet.end()
    watch.look()
    assert told.since() == ["client:a"]


@pytest.mark.sqlite
def test_a_quiet_commit_that_failed_hides_nothing_and_costs_nothing_later(
    store: Store, asked: tuple[Watch, Told, list[str]]
) -> None:
    watch, told, statements = asked
    quietly(store, "org_a")
    with pytest.raises(sqlite3.IntegrityError):
        quietly(store, "org_a")
    move(store, "client:a")
    watch.look()
    assert told.since() == ["client:a"]
    statements.clear()
    quietly(store, "org_b")
    watch.look()
    assert statements == []
