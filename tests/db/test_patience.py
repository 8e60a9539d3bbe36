"""A PostgreSQL that hangs is a store that is away: whoever waits for it is told so, and waits no longer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from flask_apiguard.clients.tables import organization
from flask_apiguard.clients.watch import Watch
from flask_apiguard.clock import Clock
from flask_apiguard.credentials.alone import Insert
from flask_apiguard.db import STATE, Store, postgresql
from flask_apiguard.errors import StoreAway
from tests.servers.between import Between, between
from tests.servers.postgres import Postgres

ALL = sa.select(organization)
PLENTY = 600


@pytest.fixture
def line(ready_postgres_url: str) -> Iterator[Between]:
    with between(ready_postgres_url) as made:
        yield made


@pytest.fixture
def store(line: Between) -> Iterator[Store]:
    """Beyond the line, and opened."""
    made = store_at(line.url())
    made.open()
    yield made
    made.close()


def store_at(url: str, patience: float | None = None) -> Store:
    made = Store(STATE, lambda: url, Clock().now)
    made.patience = made.patience if patience is None else patience
    return made


@contextmanager
def held(url: str) -> Iterator[None]:
    """Somebody else holds the table of organizations inside."""
    with psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:", 1)) as holder:
        holder.execute("LOCK TABLE apiguard_organization IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("steady", [True, False])
def test_a_lock_that_is_held_for_ever_holds_up_nobody_for_ever(ready_postgres_url: str, steady: bool) -> None:
    store = store_at(ready_postgres_url, 0.5)
    with held(ready_postgres_url):
        with pytest.raises(StoreAway) as away, store.read(steady=steady) as conn:
            conn.execute(ALL)
        assert "statement timeout" in str(away.value.__cause__), "the server itself ended it"
        with pytest.raises(StoreAway), store.write() as tx:
            tx.execute(organization.delete())
    store.close()


def test_a_lock_is_waited_for_no_longer_than_others_write_even_by_who_has_patience(
    ready_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "BUSY_SECONDS", 0.3)
    store = store_at(ready_postgres_url, PLENTY)
    with held(ready_postgres_url):
        with pytest.raises(StoreAway) as away, store.read() as conn:
            conn.execute(ALL)
        assert "lock timeout" in str(away.value.__cause__)
    with store.read() as conn:
        assert conn.execute(ALL).all() == [], "and it goes on"
    store.close()


def test_a_statement_whose_answer_gets_lost_is_not_waited_for(store: Store, line: Between) -> None:
    with line.dead():
        with pytest.raises(StoreAway), store.read() as conn:
            conn.execute(ALL)
        with pytest.raises(StoreAway), store.write() as tx:
            tx.execute(organization.delete())
    with store.read() as conn:
        assert conn.execute(ALL).all() == [], "and it goes on"


def test_nobody_waits_for_a_first_connection_either(line: Between) -> None:
    store = store_at(line.url(connect_timeout="2"))
    with line.dead(), pytest.raises(StoreAway), store.read() as conn:
        conn.execute(ALL)
    store.close()


def test_a_commit_whose_answer_gets_lost_is_a_store_that_is_away(store: Store, line: Between) -> None:
    with ExitStack() as dead, pytest.raises(StoreAway), store.write() as tx:
        tx.execute(organization.delete())
        dead.enter_context(line.dead())


def test_a_row_that_is_written_by_itself_is_bounded_as_well(store: Store, line: Between) -> None:
    rows = Insert(organization, *organization.c.keys()).rows(store, {})
    with line.dead(), pytest.raises(StoreAway):
        rows.add(*[None for _ in organization.c])


def test_nobody_looks_at_the_change_log_for_ever(store: Store, line: Between) -> None:
    """All who look wait for the one that does: they hear of it together."""
    watch = Watch(store)
    watch.look()
    heard: list[bool] = []

    def look() -> None:
        while True:
            try:
                watch.look()
            except StoreAway:
                heard.append(True)
                return

    with line.dead():
        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(heard) == 8
    watch.close()


def test_a_connection_whose_answer_was_given_up_is_never_used_again(store: Store, line: Between) -> None:
    """Else the next question would get the answer of this one."""
    with pytest.raises(StoreAway), store.read(steady=False) as conn:
        driver = conn.connection.driver_connection
        with line.dead():
            conn.execute(sa.text("SELECT 'of the first question'"))
    assert isinstance(driver, psycopg.Connection)
    assert driver.closed
    with store.read(steady=False) as conn:
        assert conn.execute(sa.text("SELECT 2")).scalar() == 2


def spans(store: Store) -> tuple[str, str, str, float]:
    """What holds on a connection: of a statement, a lock, an idle transaction; and what the client thinks of it."""
    said = "current_setting('statement_timeout'), current_setting('lock_timeout')"
    with store.read() as conn:
        row = conn.execute(sa.text(f"SELECT {said}, current_setting('idle_in_transaction_session_timeout')")).one()
        driver = conn.connection.driver_connection
        assert isinstance(driver, postgresql.Impatient)
        return (*row, driver.span)


def test_what_nobody_said_is_bounded_by_us(ready_postgres_url: str) -> None:
    store = store_at(ready_postgres_url)
    assert spans(store) == ("10s", "10s", "1min", 10)
    store.close()


def test_what_the_host_said_stands(postgres: Postgres, ready_postgres_url: str) -> None:
    parsed = make_url(ready_postgres_url)
    by_url = parsed.update_query_dict({"options": "-c statement_timeout=90s"}).render_as_string(hide_password=False)
    store = store_at(by_url, PLENTY)
    assert spans(store) == ("90s", "10s", "1min", 90)
    store.close()
    postgres.execute(f"ALTER DATABASE \"{parsed.database}\" SET lock_timeout = '3s'")
    store = store_at(ready_postgres_url)
    assert spans(store) == ("10s", "3s", "1min", 10)
    store.close()
    postgres.execute(f'ALTER DATABASE "{parsed.database}" RESET lock_timeout')


def test_libpq_is_told_what_the_url_does_not_say(line: Between) -> None:
    options = postgresql.options(make_url(line.url(connect_timeout="7")))
    assert set(options) == {"tcp_user_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count"}
