"""When a store is away: 503 with the time to wait, on record, and never an open door; what is public goes on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url

from flask_apiguard.testing import advance, client_in, decisions
from tests.gate.attacked import PROTECTED, make
from tests.servers.postgres import Postgres
from tests.waiting import wait_for

Started = Callable[..., tuple[Flask, FlaskClient]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    """`start(**config)`: an app whose stores are files in `tmp_path`, and a client that was let in before."""
    made: list[Flask] = []

    def started(**config: Any) -> tuple[Flask, FlaskClient]:
        app = make(str(tmp_path), TESTING=True, LOUD=True, **config)
        made.append(app)
        client = client_in(app, scopes=["secret:read"])
        assert client.get("/api/v1/secret").text == PROTECTED
        return app, client

    yield started
    for app in made:
        app.extensions["apiguard"].close()


def refused(answer: Any, code: str = "gate:store:away") -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.get_json(force=True)["code"] == code
    assert "sqlite" not in answer.text.lower()
    assert "/" not in answer.get_json(force=True)["detail"]


def lose(app: Flask, path: Path, how: str) -> None:
    """Take a file away from under a running app, in one of the ways that happens."""
    app.extensions["apiguard"].store.close()
    for file in path.parent.glob(path.name + "*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    if how == "a folder in its place":
        path.mkdir()
    elif how == "rubbish in its place":
        path.write_bytes(b"rubbish" * 1000)


@pytest.mark.sqlite
@pytest.mark.parametrize("how", ["a folder in its place", "rubbish in its place"])
def test_without_its_state_nobody_new_is_let_in(start: Started, tmp_path: Path, how: str) -> None:
    app, known = start()
    fresh = client_in(app, scopes=["secret:read"])
    lose(app, tmp_path / "apiguard.db", how)
    advance(app, seconds=2)
    refused(fresh.get("/api/v1/secret"))
    answer = known.get("/api/v1/secret")
    if answer.status_code != 200:
        refused(answer)
    assert app.test_client().get("/api/v1/health").status_code == 200, "what is public touches no store"
    assert app.test_client().get("/").status_code == 200
    assert app.test_client().get("/api/v1/secret").status_code == 401, "nothing presented, nothing to look up"


@pytest.mark.sqlite
def test_a_cached_answer_outlives_the_state_by_a_second_at_most(start: Started, tmp_path: Path) -> None:
    app, known = start()
    lose(app, tmp_path / "apiguard.db", "a folder in its place")
    advance(app, seconds=2)
    time.sleep(1.2)
    assert known.get("/api/v1/secret").status_code in (401, 503)


@pytest.mark.sqlite
def test_a_removed_state_file_opens_nothing(start: Started, tmp_path: Path) -> None:
    app, known = start()
    lose(app, tmp_path / "apiguard.db", "nothing in its place")
    advance(app, seconds=2)
    time.sleep(1.2)
    assert known.get("/api/v1/secret").status_code in (401, 503)


@pytest.mark.sqlite
def test_a_state_that_can_never_be_opened_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    app = make(str(tmp_path / "file"), TESTING=True, LOUD=True, APIGUARD_SPOOL=str(tmp_path / "spool"))
    key = "attacked_production_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbb_cccccc"
    answer = app.test_client().get("/api/v1/secret", headers={"X-API-Key": key})
    assert answer.status_code in (401, 503)
    assert app.test_client().get("/").status_code == 200


def test_a_postgresql_that_is_gone_opens_nothing_and_is_used_again_when_it_is_back(
    postgres: Postgres, ready_postgres_url: str, start: Started
) -> None:
    name = make_url(ready_postgres_url).database
    app, known = start(APIGUARD_DATABASE_URL=ready_postgres_url, APIGUARD_SECRET="s" * 48)
    fresh = client_in(app, scopes=["secret:read"])
    postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    refused(fresh.get("/api/v1/secret"))
    time.sleep(1.2)
    refused(known.get("/api/v1/secret"))
    assert app.test_client().get("/api/v1/health").status_code == 200, "what is public asks no store"
    postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    wait_for(lambda: known.get("/api/v1/secret").status_code != 503)
    assert known.get("/api/v1/secret").text == PROTECTED
    reasons = [event["reason"] for event in decisions(app)]
    assert reasons.count("gate:store:away") >= 2, "what was refused meanwhile is on record"


@pytest.mark.parametrize("setting", ["closed", "open"])
def test_without_counters_the_setting_decides(start: Started, tmp_path: Path, setting: str) -> None:
    counters = tmp_path / "counters"
    app, client = start(APIGUARD_COUNTERS_URL=f"apiguard-file://{counters}/c", APIGUARD_COUNTERS_AWAY=setting)
    counters.write_text("no folder") if not counters.exists() else None
    if counters.is_dir():
        shutil.rmtree(counters)
        counters.write_text("no folder")
    answer = client.get("/api/v1/limited")
    if setting == "closed":
        refused(answer)
        assert decisions(app)[-1]["reason"] == "gate:store:away"
    else:
        assert answer.status_code == 200
        assert "not counted" in decisions(app)[-1]["outcome"]


def test_counters_on_a_server_that_is_gone_are_away(start: Started) -> None:
    _, client = start(APIGUARD_COUNTERS_URL="redis://127.0.0.1:1/0")
    refused(client.get("/api/v1/limited"))
    assert client.get("/api/v1/secret").status_code == 200, "a route without limits asks no counter"


@pytest.mark.parametrize("setting", ["closed", "open"])
def test_without_a_place_for_its_record_the_setting_decides(start: Started, tmp_path: Path, setting: str) -> None:
    (tmp_path / "spool").write_text("no folder")
    app = make(
        str(tmp_path), TESTING=True, LOUD=True, APIGUARD_EVENTS_AWAY=setting,
        APIGUARD_SPOOL=str(tmp_path / "spool" / "x"),
    )  # fmt: skip
    client = client_in(app, scopes=["secret:read"])
    answer = client.get("/api/v1/secret")
    if setting == "closed":
        refused(answer)
        assert PROTECTED not in answer.text
    else:
        assert answer.text == PROTECTED
    assert app.test_client().get("/").status_code == 200


def test_the_hosts_exception_passes_untouched_without_a_place_for_its_record(start: Started, tmp_path: Path) -> None:
    app = make(str(tmp_path), TESTING=True, LOUD=True, APIGUARD_SPOOL=str(tmp_path / "spool"))
    app.config["PROPAGATE_EXCEPTIONS"] = True
    assert app.test_client().get("/").status_code == 200
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").write_text("no folder")
    with pytest.raises(LookupError, match="the host's own"):
        client_in(app, scopes=["secret:read"]).get("/api/v1/raises")
