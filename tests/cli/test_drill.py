"""``drill``: a revocation is seen to hold, here and on real workers; one that does not hold fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apiguard.cli.probe import drill_path
from flask_apiguard.house import House
from flask_apiguard.values import Happening
from tests.servers.gunicorn import Gunicorn

from .conftest import Run
from .shop import make


def test_a_drill_passes_here_and_leaves_its_figures_and_nothing_else(told: Any, house: House) -> None:
    found = told("drill", "--rounds", "1")
    assert found["passed"] is True
    assert [(one["target"], one["revoked_by"]) for one in found["rounds"]] == [
        ("this process", "credential"), ("this process", "client"),
    ]  # fmt: skip
    assert all(one["calls"] > 0 for one in found["rounds"])
    entry = house.ledger.entries(happening=str(Happening.MONITOR_DRILL_RUN)).entries[0]
    assert entry.after is not None
    assert (entry.after["passed"], entry.actor_kind) == (True, "operator")
    assert [one["state"] for one in told("applications", "list")] == ["retired"]
    assert told("keys", "list") == []
    told("drill", "--rounds", "1")
    assert len({one["organization"] for one in told("applications", "list")}) == 1


def test_a_stale_memory_is_caught_and_told(run: Run, app: Flask, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.open()
    monkeypatch.setattr("flask_apiguard.cli.probe.AT_MOST", 0.4)
    monkeypatch.setattr(house.watch, "look", lambda: None)  # as if nobody told this process of any change
    monkeypatch.setattr(type(house.verifier._memory), "forget", lambda *_: None)
    answer = run("drill", "--rounds", "1", "--json")
    assert answer.status == 1
    assert answer.json["worst_ms"] > 100
    assert any("drill" in one.notice.key for one in house.outbox.recent())


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """Three processes that serve the shop, forked from one that has it loaded; its files are in `folder`/instance."""
    folder = tmp_path_factory.mktemp("gunicorn")
    env = {"SHOP_INSTANCE_PATH": str(folder / "instance")}
    running = Gunicorn("tests.cli.shop:make()", folder, workers=3, env=env, arguments=["--preload"])
    yield running
    running.stop()


@pytest.mark.sqlite
def test_revocation_holds_on_every_worker_behind_a_url(workers: Gunicorn) -> None:
    app = make(INSTANCE_PATH=str(workers.folder / "instance"))
    words = ["apiguard", "drill", "--workers-url", workers.url, "--workers", "3", "--rounds", "1", "--json"]
    answer = app.test_cli_runner().invoke(args=words)
    app.extensions["apiguard"].close()
    assert answer.exit_code == 0, (answer.stderr, workers.log)
    there = [one for one in json.loads(answer.stdout)["rounds"] if one["target"] == workers.url]
    assert [one["revoked_by"] for one in there] == ["credential", "client"]
    assert all(one["calls"] >= 36 for one in there)


@pytest.mark.sqlite
def test_workers_on_another_store_do_not_pass_for_these(tmp_path: Path, workers: Gunicorn) -> None:
    other = make(INSTANCE_PATH=str(tmp_path / "other"))
    answer = other.test_cli_runner().invoke(args=["apiguard", "drill", "--workers-url", workers.url, "--rounds", "1"])
    other.extensions["apiguard"].close()
    assert answer.exit_code == 1
    assert "does not let the canary in" in answer.stderr


def test_workers_that_are_not_there_are_a_sentence(run: Run, told: Any) -> None:
    answer = run("drill", "--workers-url", "http://127.0.0.1:9", "--rounds", "1")
    assert answer.status == 1
    assert "does not answer" in answer.err
    assert [one["state"] for one in told("applications", "list")] == ["retired"]
    assert run("drill", "--workers-url", "ftp://x").status == 2


def test_a_path_that_asks_for_no_credential_proves_nothing(run: Run) -> None:
    answer = run("drill", "--path", "/api/health")
    assert answer.status == 2
    assert "asks for no credential" in answer.err


def test_a_path_that_a_route_takes_is_not_drilled_on(app: Flask, house: House, run: Run) -> None:
    assert drill_path(house).startswith("/api/apiguard-drill-")

    @app.get("/api/<path:anything>")
    def everything(anything: str) -> str:
        return anything

    answer = run("drill")
    assert answer.status == 2
    assert "--path" in answer.err
