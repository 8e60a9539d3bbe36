"""Both ways to `limits`: counting in a host's Limiter, and its strategies on our file."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask_limiter import Limiter
from limits import parse, storage, strategies
from limits.errors import ConfigurationError as LimitsConfigurationError

from flask_apiguard.errors import ConfigurationError, StoreAway
from flask_apiguard.quotas import Demand, counter_for
from flask_apiguard.quotas.host import LimitsStorage
from flask_apiguard.quotas.storage import FileStorage

HOUR = 3_600_000


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    """Windows of the library end by the clock on the wall: here it stands, a little after the full hour."""
    with time_machine.travel(1_763_002_801.5, tick=False):
        yield


def limiter(**options: str) -> Limiter:
    app = Flask("host")
    return Limiter(lambda: "everybody", app=app, **{"storage_uri": "memory://", **options})


def ends(now: float) -> int:
    return int(now * 1000) // HOUR * HOUR + HOUR


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
def test_we_count_in_the_hosts_limiter_with_its_strategy(strategy: str) -> None:
    counter, now = LimitsStorage(limiter(strategy=strategy)), time.time()
    wanted = [Demand(b"{c}/rate", 3, HOUR), Demand(b"{c}/quota", 5, HOUR, ends(now), 2)]
    first = counter.take(wanted, now)
    assert [(one.used, one.remaining, one.retry) for one in first] == [(1, 2, None), (2, 3, None)]
    assert counter.take(wanted, now)[1].remaining == 1
    refused = counter.take(wanted, now)
    assert (refused[0].used, refused[0].retry) == (2, None)
    assert refused[1].retry
    assert counter.take([wanted[0]._replace(cost=0)], now)[0].used == 2


def test_a_changed_amount_keeps_the_count_in_the_hosts_limiter() -> None:
    counter, now = LimitsStorage(limiter()), time.time()
    for _ in range(2):
        counter.take([Demand(b"{c}/rate", 2, HOUR)], now)
    assert counter.take([Demand(b"{c}/rate", 2, HOUR)], now)[0].retry
    assert counter.take([Demand(b"{c}/rate", 3, HOUR)], now)[0].retry is None


def test_rates_of_the_library_are_parsed_as_before() -> None:
    assert parse("5/second").key_for("x") == "LIMITER/x/5/1/second"


def test_a_hosts_limiter_goes_before_the_setting(tmp_path: Path) -> None:
    assert isinstance(counter_for(None, tmp_path, limiter()), LimitsStorage)


def test_a_limiter_without_an_app_is_a_mistake_at_start() -> None:
    with pytest.raises(ConfigurationError, match="init_app"):
        LimitsStorage(Limiter(lambda: "everybody")).take([Demand(b"k", 1, HOUR)], time.time())


@pytest.mark.parametrize("period", [0, 1])
def test_the_hosts_limiter_takes_nothing_back_and_counts_nothing_for_that(period: int) -> None:
    counter, now = LimitsStorage(limiter()), time.time()
    one = Demand(b"k", 2, HOUR, period * ends(now))
    counter.take([one], now)
    counter.take([one._replace(cost=-1)], now)
    assert counter.take([one._replace(cost=0)], now)[0].used == 1


def test_the_hosts_store_being_away_is_ours_being_away() -> None:
    counter = LimitsStorage(limiter(storage_uri="redis://127.0.0.1:1/0"))
    with pytest.raises(StoreAway):
        counter.take([Demand(b"k", 1, HOUR)], time.time())


def test_parallel_calls_never_pass_more_than_the_limit_in_the_hosts_limiter() -> None:
    counter, now = LimitsStorage(limiter(strategy="sliding-window-counter")), time.time()
    passed: list[bool] = []

    def run() -> None:
        wanted = [Demand(b"{c}/q", 50, HOUR, ends(now))]
        passed.extend(counter.take(wanted, now)[0].retry is None for _ in range(20))

    crew = [threading.Thread(target=run) for _ in range(5)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    assert sum(passed) <= 50


@pytest.fixture
def on_file(tmp_path: Path) -> FileStorage:
    made = storage.storage_from_string(f"apiguard-file://{tmp_path}/counters")
    assert isinstance(made, FileStorage)
    return made


@pytest.mark.parametrize("name", ["fixed-window", "sliding-window-counter"])
def test_the_librarys_strategies_run_on_our_file(on_file: FileStorage, name: str) -> None:
    limiter, item = strategies.STRATEGIES[name](on_file), parse("3/hour")
    assert [limiter.hit(item, "anna") for _ in range(4)] == [True, True, True, False]
    assert limiter.hit(item, "bert")
    assert not limiter.test(item, "anna")
    assert limiter.get_window_stats(item, "bert").remaining == 2
    assert time.time() < limiter.get_window_stats(item, "bert").reset_time <= time.time() + 3600
    limiter.clear(item, "anna")
    assert limiter.get_window_stats(item, "anna").remaining == 3
    assert limiter.hit(item, "anna", cost=3)
    on_file.reset()
    assert limiter.get_window_stats(item, "bert").remaining == 3
    assert on_file.check()


def test_our_file_answers_as_the_librarys_memory_does(on_file: FileStorage) -> None:
    item = parse("7/2 seconds")
    mine, theirs = (strategies.SlidingWindowCounterRateLimiter(one) for one in (on_file, storage.MemoryStorage()))
    for _ in range(9):
        assert mine.hit(item, "anna") == theirs.hit(item, "anna")
        assert mine.get_window_stats(item, "anna").remaining == theirs.get_window_stats(item, "anna").remaining


def test_a_hosts_limiter_runs_on_our_file(tmp_path: Path) -> None:
    app = Flask("host")
    limiter = Limiter(lambda: "all", app=app, storage_uri=f"apiguard-file://{tmp_path}/c", strategy="fixed-window")
    app.add_url_rule("/", "home", limiter.limit("2/hour")(lambda: "hello"))
    assert [app.test_client().get("/").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("uri", ["apiguard-file://", "apiguard-file:///", "apiguard-file://host/file"])
def test_a_uri_without_a_path_is_refused(uri: str) -> None:
    with pytest.raises(LimitsConfigurationError):
        storage.storage_from_string(uri)


def test_a_file_that_can_not_be_opened_is_said_to_be_away(tmp_path: Path) -> None:
    assert not FileStorage(f"apiguard-file://{tmp_path}/none/counters").check()
