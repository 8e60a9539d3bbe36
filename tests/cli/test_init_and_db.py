"""``init`` and ``db``: the first minute, and a copy that opens again."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apiguard.errors import Missing
from flask_apiguard.house import House
from flask_apiguard.testing import client_in

from .conftest import Run
from .shop import make


def test_init_makes_store_and_secret_and_says_where_and_what_next(program: Run, tmp_path: Path) -> None:
    answer = program("init")
    assert answer.status == 0, answer.err
    for name in ("apiguard.db", "apiguard-events.db", "apiguard.secret"):
        assert str(tmp_path / "instance" / name) in answer.out
        assert (tmp_path / "instance" / name).exists()
    assert "keys create" in answer.out


def test_init_seats_the_first_administrator_once(told: Any, house: House) -> None:
    first = told("init", "--email", "ada@example.org", "--name", "Ada")
    assert first["administrator"] == "Ada"
    again = told("init", "--email", "eve@example.org")
    assert (again["administrator"], again["link"]) == ("Ada", None)
    issued = house.people.sign_in_by_link(first["link"])
    assert house.people.acting(issued.person.id).seats == {"administrator"}


def test_init_says_what_is_wrong_with_an_address(run: Run) -> None:
    answer = run("init", "--email", "nobody")
    assert answer.status == 2
    assert answer.err.startswith("Error: /email")


def test_a_folder_that_can_not_be_written_is_one_sentence_and_a_fix(program: Run, tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file, no folder")
    answer = program("init")
    assert answer.status == 1
    assert "can't be written" in answer.err
    assert "Fix:" in answer.err
    assert "Traceback" not in answer.err


def test_a_secret_that_can_not_be_made_is_one_sentence_and_a_fix(program: Run, tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file, no folder")
    elsewhere = {"APIGUARD_DATABASE_URL": f"sqlite:///{tmp_path}/a.db", "APIGUARD_SPOOL": str(tmp_path / "spool")}
    answer = program("keys", "create", "Acme", "--scope", "orders:read", "--reason", "signed and agreed", **elsewhere)
    assert answer.status == 1
    assert f"{tmp_path / 'instance' / 'apiguard.secret'} can't be read or made" in answer.err
    assert "Fix: Make its folder writable for this process, or set APIGUARD_SECRET." in answer.err
    assert "Traceback" not in answer.err


def test_a_setting_that_keeps_the_app_from_loading_is_one_sentence_and_a_fix(program: Run) -> None:
    answer = program("init", APIGUARD_DATABASE_URL="postgresql://guard@db.internal/guard")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("Error: APIGUARD_SECRET is missing;")
    assert "\n  Fix: Make one with: python -c" in answer.err
    assert "Traceback" not in answer.err


def test_a_problem_says_its_reason_and_detail_in_a_log() -> None:
    problem = Missing("There is no such key.")
    assert str(problem).startswith("api:resource:missing: There is no such key.")
    assert repr(problem) == "<Missing 'api:resource:missing'>"


@pytest.mark.sqlite
def test_db_tells_where_the_stores_stand_without_making_them(run: Run, house: House) -> None:
    before = run("db", "current", "--json")
    assert before.status == 1
    assert {row["state"] for row in before.json} == {"empty"}
    assert not (house.folder / "apiguard.db").exists()
    assert run("db", "upgrade").status == 0
    after = run("db", "current", "--json")
    assert after.status == 0
    assert {row["state"] for row in after.json} == {"current"}


@pytest.mark.sqlite
def test_a_backup_taken_while_the_app_works_opens_again(app: Flask, run: Run, tmp_path: Path) -> None:
    caller = client_in(app, scopes=["orders:read"])
    assert caller.get("/api/orders").status_code == 200
    answer = run("db", "backup", str(tmp_path / "copy.db"), "--json")
    assert answer.status == 0, answer.err
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    events = sqlite3.connect(tmp_path / "copy-events.db")
    assert events.execute("SELECT count(*) FROM apiguard_access_event").fetchone() == (1,)
    events.close()
    secret = (app.extensions["apiguard"].folder / "apiguard.secret").read_text()
    # A folder that nobody has made yet: with a URL the store stands elsewhere, counters and spool stand here.
    other = make(
        INSTANCE_PATH=str(tmp_path / "other"), APIGUARD_DATABASE_URL=f"sqlite:///{tmp_path / 'copy.db'}",
        APIGUARD_SECRET=secret, TESTING=True,
    )  # fmt: skip
    got = other.test_client().get("/api/orders", headers={"Authorization": f"Bearer {caller.key}"})
    assert got.status_code == 200
    other.extensions["apiguard"].close()


@pytest.mark.sqlite
def test_a_backup_overwrites_nothing_unasked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    answer = run("db", "backup", str(tmp_path / "copy.db"))
    assert answer.status == 1
    assert (tmp_path / "copy.db").read_text() == "precious"
    assert run("db", "backup", str(tmp_path / "copy.db"), "--force").status == 0
    assert not list(tmp_path.glob(".copy*"))
