"""What is counted where, by what the app was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_limiter import Limiter

from flask_apiguard import APIGuard
from flask_apiguard.extension import house_of
from flask_apiguard.house import House
from flask_apiguard.house.footing import troubles
from flask_apiguard.quotas import Memory, SharedFile, Valkey

Make = Callable[..., House]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[House] = []

    def makes(limiter: bool = False, **config: Any) -> House:
        app = Flask("counters", instance_path=str(tmp_path))
        app.config.update({"APIGUARD_SECRET": "s" * 48, **config})
        hosts = Limiter(lambda: "everybody", app=app, storage_uri="memory://") if limiter else None
        APIGuard(app, paths=["/api"], limiter=hosts)
        made.append(house_of(app))
        return made[-1]

    yield makes
    for house in made:
        house.close()


@pytest.mark.parametrize("limiter", [False, True])
def test_attempts_to_sign_in_are_counted_in_a_file_of_ours(make: Make, tmp_path: Path, limiter: bool) -> None:
    tried = make(limiter).tried_counter
    assert isinstance(tried, SharedFile)
    assert tried.path == tmp_path / "apiguard-counters-tried"


def test_where_a_server_counts_calls_it_counts_attempts_also(make: Make) -> None:
    house = make(APIGUARD_COUNTERS_URL="redis://127.0.0.1:1/0")
    assert isinstance(house.tried_counter, Valkey)
    assert house.tried_counter is house.counter


def test_a_hosts_tests_begin_anew_each_time(make: Make, tmp_path: Path) -> None:
    house = make(TESTING=True, APIGUARD_DATABASE_URL=f"sqlite:///{tmp_path}/a.db")
    assert isinstance(house.tried_counter, Memory)
    named = make(TESTING=True, APIGUARD_COUNTERS_URL=f"apiguard-file://{tmp_path}/c")
    assert isinstance(named.tried_counter, SharedFile)


def test_what_names_no_counter_is_in_nobodys_way_who_needs_none(make: Make) -> None:
    house = make(APIGUARD_COUNTERS_URL="bogus://x")
    assert house.people
    assert house.onboarding


def test_a_file_of_attempts_that_cannot_be_used_is_said(make: Make, tmp_path: Path) -> None:
    house = make()
    (tmp_path / "apiguard-counters-tried").mkdir()
    (found,) = troubles(house)
    assert "apiguard-counters-tried" in found.said
    assert not found.shuts
