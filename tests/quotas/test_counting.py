"""Every counter gives the answers of a slow model that keeps every call."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_apiguard.quotas import Counter, Demand, Memory, SharedFile, Taken, Valkey
from flask_apiguard.quotas.book import demand_of
from flask_apiguard.quotas.items import parse_item
from tests.quotas.model import Model

START = 1_763_000_000_000
LENGTHS = {b"{c}/a": 1000, b"{c}/b": 7000, b"{c}/day": 60_000}

steps = st.lists(
    st.tuples(
        st.integers(0, 9000),  # milliseconds that pass
        st.lists(
            st.tuples(st.sampled_from(sorted(LENGTHS)), st.integers(0, 12), st.integers(1, 4)),
            min_size=1,
            max_size=3,
            unique_by=lambda one: one[0],
        ),
    ),
    max_size=40,
)


def demand_at(key: bytes, amount: int, cost: int, at: int) -> Demand:
    length = LENGTHS[key]
    ends = at - at % length + length if key.endswith(b"day") else 0
    return Demand(key, amount, length, ends, cost)


def agrees(counter: Counter, script: list[tuple[int, list[tuple[bytes, int, int]]]]) -> None:
    model, at = Model(), START
    for passed, wishes in script:
        at += passed
        demands = [demand_at(key, amount, cost, at) for key, amount, cost in wishes]
        expected = model.take(demands, at)
        taken = counter.take(demands, at / 1000)
        assert [one.retry is None for one in taken] == expected
        for demand, one in zip(demands, taken, strict=True):
            left = max(0, math.floor(demand.amount - model.weight(demand, at)))
            assert one.remaining == left
            assert one.used == math.ceil(model.weight(demand, at))
            assert at + one.reset == demand_at(demand.key, 1, 1, at).ends or not demand.ends
            if one.retry is not None and demand.cost <= demand.amount:
                told = at + one.retry
                later = demand_at(demand.key, demand.amount, demand.cost, told)
                assert model.fits(later, told), "what Retry-After promises holds"
                if not demand.ends:
                    assert not model.fits(demand_at(demand.key, demand.amount, demand.cost, told - 1), told - 1)


@given(steps)
def test_memory_counts_as_the_slow_model_does(script: list) -> None:
    agrees(Memory(), script)


@given(steps)
def test_the_shared_file_counts_as_the_slow_model_does(script: list) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shared = SharedFile(Path(folder) / "counters", slots_at_first=4, slots_at_most=64)
        agrees(shared, script)
        shared.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_valkey_counts_as_the_slow_model_does(valkey, script: list) -> None:
    valkey.flush()
    counter = Valkey(valkey.url)
    agrees(counter, script)
    counter.close()


@pytest.fixture(params=["memory", "file", "valkey"])
def counter(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "memory":
        made: Counter = Memory()
    elif request.param == "file":
        made = SharedFile(tmp_path / "counters")
    else:
        made = Valkey(request.getfixturevalue("valkey_url"))
    yield made
    made.close()


def test_nothing_is_counted_when_one_of_several_would_exceed(counter: Counter) -> None:
    wide, narrow = Demand(b"{c}/wide", 10, 60_000), Demand(b"{c}/narrow", 2, 60_000)
    now = START / 1000
    for _ in range(5):
        counter.take([wide, narrow], now)
    answer = counter.take([wide, narrow], now)
    assert (answer[0].used, answer[0].retry) == (2, None)
    assert answer[1].used == 2
    assert answer[1].retry is not None


def test_a_changed_amount_keeps_the_count(counter: Counter) -> None:
    now = START / 1000
    for _ in range(3):
        assert counter.take([Demand(b"{c}/x", 3, 60_000)], now)[0].retry is None
    assert counter.take([Demand(b"{c}/x", 3, 60_000)], now)[0].retry is not None
    assert counter.take([Demand(b"{c}/x", 5, 60_000)], now)[0] == Taken(4, 1, 60_000 - START % 60_000)


def test_a_cost_of_nothing_only_looks(counter: Counter) -> None:
    now = START / 1000
    look = Demand(b"{c}/x", 5, 60_000, 0, 0)
    assert counter.take([look], now)[0].used == 0
    counter.take([Demand(b"{c}/x", 5, 60_000, 0, 4)], now)
    assert [counter.take([look], now)[0].used for _ in range(3)] == [4, 4, 4]


def test_a_clock_stepped_back_gives_nothing_back(counter: Counter) -> None:
    second = Demand(b"{c}/x", 2, 1000)
    now = (START - START % 1000) / 1000
    assert [counter.take([second], now + 0.01)[0].retry is None for _ in range(3)] == [True, True, False]
    answer = counter.take([second], now - 0.3)[0]
    assert answer.retry is not None
    assert counter.take([second], now - 0.3 + answer.retry / 1000 + 1.0)[0].retry is None


def test_a_clock_that_was_far_ahead_blocks_for_two_windows_at_most(counter: Counter) -> None:
    second, now = Demand(b"{c}/x", 2, 1000), START / 1000
    for _ in range(2):
        counter.take([second], now + 86_400)
    assert counter.take([second], now)[0].retry is not None, "what was counted stays counted"
    assert counter.take([second], now + 2)[0].retry is None


def test_a_quota_begins_anew_with_its_period(counter: Counter) -> None:
    end = START + 5000
    assert [counter.take([Demand(b"{c}/q", 1, 86_400_000, end)], START / 1000)[0].retry for _ in range(2)] == [
        None,
        5000,
    ]
    next_day = Demand(b"{c}/q", 1, 86_400_000, end + 86_400_000)
    assert counter.take([next_day], end / 1000)[0].retry is None


def test_moving_a_quotas_edges_keeps_its_count(counter: Counter) -> None:
    day, hours = 86_400_000, 3_600_000
    counter.take([Demand(b"{c}/q", 1, day, START + 5 * hours)], START / 1000)
    for ends in (START + 11 * hours, START + 2 * hours):
        assert counter.take([Demand(b"{c}/q", 1, day, ends)], START / 1000)[0].retry is not None


def test_keys_of_one_holder_share_a_hash_tag() -> None:
    keys = {demand_of("cli_1", parse_item({"name": name, "rate": "1/second"}), 1, 0)[0].key for name in ("a", "b")}
    assert {key[: key.index(b"}") + 1] for key in keys} == {b"{cli_1}"}
