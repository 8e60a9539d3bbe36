"""Many at once, in several processes, on both stores: whatever is good for one time is good for one time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from flask_apiguard.db import EVENTS, STATE, kept, make_engine
from flask_apiguard.migrations import create
from flask_apiguard.oauth import consents_of, prune
from flask_apiguard.oauth.tables import oauth_code, oauth_pushed, oauth_request
from tests.oauth.browser import CALLBACK, Browser, redeem, refresh, wanted
from tests.oauth.devices import Screen, field, question, send
from tests.oauth.world import Holder, World, make_app, running
from tests.servers.gunicorn import Gunicorn
from tests.servers.postgres import Postgres
from tests.waiting import PATIENCE

ISSUER = "https://api.example.com"


@pytest.fixture(params=["sqlite", "postgresql"])
def crowd(
    tmp_path: Path, gunicorn_server: Callable[..., Gunicorn], request: pytest.FixtureRequest
) -> Iterator[World]:  # fmt: skip
    """Two workers with threads on one store; `app` is a third process on it."""
    url = f"sqlite:///{tmp_path}/apiguard.db"
    if request.param == "postgresql":
        url = prepared(request.getfixturevalue("postgres_url"))
    counters = f"apiguard-file://{tmp_path}/counters"
    environment = {"APIGUARD_ISSUER": ISSUER, "APIGUARD_DATABASE_URL": url, "APIGUARD_COUNTERS_URL": counters}
    server = gunicorn_server("tests.oauth.world:from_environment()", workers=2, threads=8, env=environment)
    world = World(make_app(ISSUER, url), server.url)
    try:
        yield world
        assert "Traceback" not in server.log, server.log[-6000:]
    finally:
        world.house.close()


def prepared(url: str) -> str:
    engine = make_engine(url)
    create(engine, STATE)
    create(engine, EVENTS)
    engine.dispose()
    return url


def test_codes_and_refresh_tokens_are_spent_once_across_processes(crowd: World) -> None:
    holder, browser = crowd.holder(redirect_uris=(CALLBACK,)), Browser(crowd)
    with ThreadPoolExecutor(32) as pool:
        for _ in range(3):
            code = browser.code(holder, prompt="consent")
            answers = list(pool.map(lambda _, code=code: redeem(crowd, holder, code).status_code, range(32)))
            assert sorted(answers) == [200] + [400] * 31
        for _ in range(3):
            text = browser.tokens(holder)["refresh_token"]
            found = list(pool.map(lambda _, text=text: refresh(crowd, holder, text), range(32)))
            assert len({answer.json().get("refresh_token") for answer in found}) == 1
            assert {answer.status_code for answer in found} == {200}


def test_device_codes_are_spent_once_and_guesses_counted_across_processes(crowd: World) -> None:
    screen, browser = Screen(crowd, crowd.holder(device=True)), Browser(crowd)
    with ThreadPoolExecutor(32) as pool:
        for _ in range(3):
            started = screen.start()
            asked = [question(browser, started), question(browser, started)] * 4
            said = list(pool.map(lambda page: send(browser, page, answer="allow").status_code, asked))
            assert set(said) == {200}
            answers = list(pool.map(lambda _, it=started: screen.poll(it).status_code, range(32)))
            assert sorted(answers) == [200] + [400] * 31
        guesser = Browser(crowd, "guesser")
        page = field(guesser)
        found = pool.map(lambda _: send(guesser, page, user_code="BBBB-BBBB").status_code, range(32))
        assert sorted(found) == [400] * 20 + [429] * 12


def test_a_user_who_says_yes_on_many_pages_at_once_has_one_consent(any_world: World) -> None:
    holder, browser = any_world.holder(redirect_uris=(CALLBACK,)), Browser(any_world, "grace")
    scopes = ["orders:read", "orders:write"] * 8
    pages = [browser.ask(wanted(holder, scope=scope, prompt="consent")) for scope in scopes]
    with ThreadPoolExecutor(16) as pool:
        assert {answer.status_code for answer in pool.map(browser.answer, pages)} == {303}
    with any_world.house.store.read() as conn:
        (consent,) = consents_of(conn, "grace")
    assert consent.scopes == {"orders:read", "orders:write"}


def test_a_store_that_is_away_is_said_with_503_and_nothing_is_answered_meanwhile(postgres: Postgres) -> None:
    name = postgres.create()
    url = prepared(postgres.url(name))
    with running(lambda base: make_app(base, url)) as world:
        holder = world.holder(redirect_uris=(CALLBACK,))
        world.token(holder)
        postgres.drop(name)
        answer = world.post("token", {"grant_type": "client_credentials"}, holder)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert Browser(world).ask(wanted(holder)).status_code == 503


def test_more_at_once_than_there_are_connections_is_said_with_503(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    asked, token = wanted(holder), any_world.token(holder)
    pool: Any = any_world.house.store.engine.pool
    monkeypatch.setattr(pool, "_timeout", 0.1)
    held: list[Any] = []
    writing = kept(any_world.house.store.engine)
    try:
        while writing is not None and writing._free:
            held.append(writing._free.pop())
        while True:
            try:
                held.append(any_world.house.store.engine.connect())
            except sa.exc.TimeoutError:
                break
        answers = [Browser(any_world).ask(asked), any_world.call(token)]
        answers += [any_world.post("token", {"grant_type": "client_credentials"}, holder), push(any_world, holder)]
        assert [answer.status_code for answer in answers] == [503] * 4
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    finally:
        for connection in held:
            connection.close()
    assert Browser(any_world).ask(asked).status_code == 200
    assert any_world.call(token).status_code == 200


def test_nobody_waits_for_what_somebody_else_clears_away(postgres_server: World) -> None:
    store, holder = postgres_server.house.store, postgres_server.holder(redirect_uris=(CALLBACK,))
    with store.write() as tx:
        prune(tx, tx.now)
        ended = tx.now - dt.timedelta(seconds=1)
        rows = [{"digest": f"old{n}", "client_id": holder.id, "query": "", "expires_at": ended} for n in range(5)]
        tx.execute(oauth_pushed.insert(), rows)
    with ThreadPoolExecutor(1) as pool, store.write() as tx:
        assert prune(tx, tx.now, most=3) == 3
        assert pool.submit(push, postgres_server, holder).result(PATIENCE).status_code == 201
    with store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).where(oauth_pushed.c.digest.like("old%"))).scalar() == 0


def push(world: World, holder: Holder) -> requests.Response:
    return world.post("par", wanted(holder), holder)


def test_what_nobody_can_show_any_more_is_cleared_away(world: World) -> None:
    holder, browser = world.holder(redirect_uris=(CALLBACK,)), Browser(world, "henry")
    code = browser.code(holder)
    assert redeem(world, holder, code).status_code == 200
    with world.house.store.write() as tx:
        prune(tx, tx.now + dt.timedelta(days=29))
    assert redeem(world, holder, code).status_code == 400
    with world.house.store.write() as tx:
        assert prune(tx, tx.now + dt.timedelta(days=31)) > 0
        for table in (oauth_code, oauth_request):
            left = sa.select(sa.func.count()).where(table.c.client_id == holder.id)
            assert tx.execute(left).scalar() == 0
