"""What a house can't stand on is said with the first request, with the fix, and shuts what is guarded until mended."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_apiguard import APIGuard, public, require
from flask_apiguard.db import EVENTS, STATE
from flask_apiguard.extension import house_of
from flask_apiguard.house.house import LOOK_AGAIN
from flask_apiguard.migrations import create

ROOT = Path(__file__).parents[2]
KEY = "acme_production_aaaaaaaaaaaa_" + "b" * 43 + "_cccccc"
Make = Callable[..., Flask]


def make_app(instance: str, **config: Any) -> Flask:
    app = Flask("footing", instance_path=instance)
    app.config.update(config)
    APIGuard(app, paths=["/api"], brand="acme")
    app.add_url_rule("/", "page", lambda: "page")
    app.add_url_rule("/api/orders", "orders", require("orders:read")(lambda: "orders"))
    app.add_url_rule("/api/health", "health", public("asked every second", record=False)(lambda: "up"))
    return app


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Flask] = []

    def makes(instance: Path = tmp_path / "instance", **config: Any) -> Flask:
        made.append(make_app(str(instance), **config))
        return made[-1]

    yield makes
    for app in made:
        house_of(app).close()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]


def shut(app: Flask) -> None:
    for headers in ({}, {"Authorization": f"Bearer {KEY}"}):
        answer = app.test_client().get("/api/orders", headers=headers)
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        assert "instance" not in answer.text, "where it is, is nobody's business"
    answer = app.test_client().get("/apiguard/api/v1/me")
    assert answer.status_code == 503
    assert app.test_client().get("/").text == "page"
    assert app.test_client().get("/api/health").text == "up"


def later(app: Flask) -> None:
    house_of(app).clock.advance(LOOK_AGAIN + 1)


@pytest.mark.sqlite
def test_a_folder_that_can_t_be_written_is_said_at_the_first_request_and_mending_it_is_enough(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder, whoever one is")
    instance = tmp_path / "file" / "instance"
    app = make(instance)
    assert not caplog.records, "nothing is opened before the first request"
    assert app.test_client().get("/").text == "page"
    (critical,) = said(caplog)
    assert f"{instance} can't be written (Not a directory)" in critical
    assert "Make it writable for this process, or set APIGUARD_DATABASE_URL." in critical
    shut(app)
    shut(app)
    assert len(said(caplog)) == 1, "said once"
    (tmp_path / "file").unlink()
    later(app)
    assert app.test_client().get("/api/orders").status_code == 401
    assert (instance / "apiguard.db").exists()


def test_what_a_test_gets_for_itself_is_not_looked_at(make: Make) -> None:
    app = make(TESTING=True)
    assert app.test_client().get("/").text == "page"
    assert list(house_of(app).folder.iterdir()) == []


@pytest.mark.parametrize("away", ["closed", "open"])
def test_a_spool_that_can_t_be_written_shuts_only_where_records_are_demanded(
    make: Make, tmp_path: Path, away: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    app = make(APIGUARD_SPOOL=str(tmp_path / "file"), APIGUARD_EVENTS_AWAY=away)
    assert app.test_client().get("/").text == "page"
    told = [one.getMessage() for one in caplog.records]
    assert any(f"{tmp_path / 'file'} can't be written" in one and "APIGUARD_SPOOL" in one for one in told)
    if away == "closed":
        shut(app)
    else:
        assert app.test_client().get("/api/orders").status_code == 401


def test_a_counter_that_can_t_be_opened_is_said_and_left_to_the_calls_that_are_counted(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other").write_text("somebody else's")
    app = make(APIGUARD_COUNTERS_URL=f"apiguard-file://{tmp_path}/other")
    assert app.test_client().get("/api/orders").status_code == 401
    assert [one.getMessage() for one in caplog.records if "is not a counter file. Move it away" in one.getMessage()]
    assert (tmp_path / "other").read_text() == "somebody else's"


def test_a_counter_url_that_can_t_be_read_is_said_without_its_password(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    app = make(APIGUARD_COUNTERS_URL="redis://:hush@localhost:no-port/0")
    assert app.test_client().get("/").text == "page"
    assert "APIGUARD_COUNTERS_URL can't be read. Write redis://" in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.sqlite
def test_a_file_that_is_no_store_is_said_with_its_place(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    (instance / "apiguard.db").write_bytes(b"rubbish" * 1000)
    app = make(instance)
    assert app.test_client().get("/").text == "page"
    (critical,) = said(caplog)
    assert f"A file in {instance} can't be used (file is not a database)" in critical
    shut(app)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_store_of_another_release_is_said_with_what_mends_it(
    make: Make, kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    config = {}
    if kind == "postgresql":
        config = {"APIGUARD_DATABASE_URL": request.getfixturevalue("ready_postgres_url"), "APIGUARD_SECRET": "s" * 48}
    first = make(**config)
    with house_of(first).store.write() as tx:
        tx.execute(sa.text(f"UPDATE {STATE.version_table} SET version_num = '9999'"))
    app = make(**config)
    assert app.test_client().get("/").text == "page"
    (critical,) = said(caplog)
    assert "9999" in critical
    assert ("Run: flask apiguard db upgrade" if kind == "postgresql" else "Install the release") in critical
    shut(app)
    with house_of(first).store.write() as tx:
        tx.execute(sa.text(f"UPDATE {STATE.version_table} SET version_num = '{STATE.head}'"))
    later(app)
    assert app.test_client().get("/api/orders").status_code == 401


def test_an_empty_postgresql_is_told_once_for_both_stores_and_serves_when_it_is_filled(
    make: Make, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make(APIGUARD_DATABASE_URL=postgres_url, APIGUARD_SECRET="s" * 48)
    assert app.test_client().get("/").text == "page"
    (critical,) = said(caplog)
    assert "The state store is empty. Run: flask apiguard db upgrade" in critical
    shut(app)
    house = house_of(app)
    create(house.store.engine, STATE)
    create(house.events_store.engine, EVENTS)
    later(app)
    assert app.test_client().get("/api/orders").status_code == 401


def test_a_postgresql_that_does_not_answer_is_said_and_may_come_back_by_itself(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    app = make(APIGUARD_DATABASE_URL="postgresql://nobody:hush@127.0.0.1:1/none", APIGUARD_SECRET="s" * 48)
    assert app.test_client().get("/").text == "page"
    assert said(caplog) == []
    assert "What APIGUARD_DATABASE_URL names does not answer" in caplog.text
    assert "hush" not in caplog.text
    assert app.test_client().get("/api/orders", headers={"Authorization": f"Bearer {KEY}"}).status_code in (401, 503)


#: Becomes another program that may no more than any user: root, too, is then bound by what a folder allows.
BOUND = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
if os.geteuid() == 0:
    for right in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, right, 0, 0, 0):
            sys.exit("the rights of root can't be given up: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
"""
SERVE = """
import json, logging, os, sys, urllib.error, urllib.request
from tests.house.test_footing import KEY, make_app
from tests.servers.http import serve
logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")

def ask(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return [answer.status, None]
    except urllib.error.HTTPError as error:
        return [error.code, error.headers["Retry-After"]]

app = make_app(sys.argv[1])
with serve(app) as url:
    answers = [ask(url + "/"), ask(url + "/api/orders"), ask(url + "/api/orders", Authorization=f"Bearer {KEY}")]
told = app.test_cli_runner().invoke(args=["apiguard", "doctor", "--deploy", "--json"])
print(json.dumps({"answers": answers, "doctor": json.loads(told.stdout), "status": told.exit_code}))
"""


@pytest.mark.sqlite
def test_served_by_somebody_who_may_not_write_there(tmp_path: Path) -> None:
    """On real HTTP, in a process of its own without the rights of root; the doctor there says the same."""
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o555)
    command = [sys.executable, "-c", BOUND, sys.executable, "-c", SERVE, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "can't be given up" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    page, bare, presented = found["answers"]
    assert page == [200, None]
    assert bare[0] == presented[0] == 503
    assert None not in (bare[1], presented[1]), "when to come again"
    critical = [line for line in done.stderr.splitlines() if line.startswith("CRITICAL")]
    assert len(critical) == 1
    assert f"{folder} can't be written (Permission denied). Make it writable for this process" in critical[0]
    (finding,) = [one for one in found["doctor"]["findings"] if one["name"] == "folder-unwritable"]
    assert finding["severity"] == "error"
    assert str(folder) in finding["what"]
    assert found["status"] == 1
    assert not [one for one in found["doctor"]["findings"] if one["name"] == "store-empty"]
    assert list(folder.iterdir()) == []


def test_nobody_else_on_the_host_reads_what_is_kept(make: Make, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        app = make(APIGUARD_ISSUER="http://localhost")
        app.test_client().get("/api/orders", headers={"Authorization": f"Bearer {KEY}"})
        house_of(app).people.request_link("ann@example.com")
        kept = [one for one in (tmp_path / "instance").rglob("*") if one.is_file()]
        assert {"apiguard.db", "apiguard.db-wal", "apiguard-events.db-wal"} <= {one.name for one in kept}
        assert [one.name for one in kept if one.stat().st_mode & 0o077] == []
    finally:
        os.umask(before)
