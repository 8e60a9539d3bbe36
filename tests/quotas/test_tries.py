"""Attempts that strangers may make, with every counter of ours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.crypto import Secrets
from flask_apiguard.errors import ConfigurationError, StoreAway
from flask_apiguard.quotas import Counter, Demand, Memory, SharedFile, Tries, Valkey

SECONDS = 900
SECRETS = Secrets(b"x" * 32)


def tries_on(counter: Counter, clock: Clock | None = None, secrets: Secrets = SECRETS) -> Tries:
    return Tries(lambda: counter, clock or Clock(), secrets, SECONDS)


@pytest.fixture(params=["memory", "file", "server"])
def counter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counter]:
    """Each of ours."""
    if request.param == "server":
        valkey = request.getfixturevalue("valkey")
        valkey.flush()
        made: Counter = Valkey(valkey.url)
    else:
        made = Memory() if request.param == "memory" else SharedFile(tmp_path / "tried")
    yield made
    made.close()


def test_so_many_and_no_more_until_the_window_moved_on(counter: Counter) -> None:
    clock = Clock()
    tries = tries_on(counter, clock)
    assert [tries.begin(account=("ann", 3), network=("n", 9)) for _ in range(3)] == [None] * 3
    wait = tries.begin(account=("ann", 3), network=("n", 9))
    assert wait is not None
    assert 0 < wait <= 2 * SECONDS, "what was tried in the window before weighs less and less"
    assert [tries.begin(account=("bob", 9), network=("n", 4))] == [None], "what was refused did not count"
    assert tries.begin(account=("bob", 9), network=("n", 4)) is not None
    clock.advance(wait)
    assert tries.begin(account=("ann", 3)) is None, "what was told holds"


def test_a_good_one_is_given_back_and_never_more_than_was_taken(counter: Counter) -> None:
    tries = tries_on(counter)
    for _ in range(5):
        assert tries.begin(account=("ann", 2), network=("n", 2)) is None
        tries.give_back(account="ann", network="n")
    for _ in range(3):
        tries.give_back(account="ann")
    assert [tries.begin(account=("ann", 2)) for _ in range(2)] == [None, None]
    assert tries.begin(account=("ann", 2)) is not None
    tries.give_back(account="ann")
    assert tries.begin(account=("ann", 2)) is None
    assert tries.begin(account=("ann", 2)) is not None


def test_a_good_one_is_given_back_also_when_its_window_passed_meanwhile(counter: Counter) -> None:
    class Still(Clock):
        now = 1_763_000_100.0 - 1_763_000_100.0 % SECONDS + SECONDS - 1

        def time(self) -> float:
            return self.now

    clock = Still()
    tries = tries_on(counter, clock)
    assert [tries.begin(account=("ann", 2)) for _ in range(2)] == [None, None]
    clock.now += 2
    assert tries.begin(account=("ann", 2)) is not None
    for _ in range(3):
        tries.give_back(account="ann")
    assert [tries.begin(account=("ann", 2)) for _ in range(2)] == [None, None]
    assert tries.begin(account=("ann", 2)) is not None


def test_of_parallel_ones_no_more_are_let_through(counter: Counter) -> None:
    tries = tries_on(counter)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: tries.begin(account=("ann", 10)), range(40)))
    assert found.count(None) == 10


def test_who_opens_the_file_again_counts_on(tmp_path: Path) -> None:
    mine, others = (tries_on(SharedFile(tmp_path / "tried")) for _ in range(2))
    assert [tries.begin(account=("ann", 4)) for tries in (mine, others, mine, others)] == [None] * 4
    assert all(tries.begin(account=("ann", 4)) is not None for tries in (mine, others))
    mine.give_back(account="ann")
    assert others.begin(account=("ann", 4)) is None


def test_houses_that_share_a_counter_share_nobody(counter: Counter) -> None:
    mine, others = tries_on(counter), tries_on(counter, secrets=Secrets(b"y" * 32))
    assert mine.begin(account=("ann", 1)) is None
    assert mine.begin(account=("ann", 1)) is not None
    assert others.begin(account=("ann", 1)) is None


def test_what_cannot_be_given_back_is_held_against_nobody_who_was_right() -> None:
    class Away(Memory):
        def take(self, demands: object, now: float) -> list:
            raise StoreAway("counter")

    tries = tries_on(Away())
    tries.give_back(account="ann")
    with pytest.raises(StoreAway):
        tries.begin(account=("ann", 1))


def test_the_counter_is_asked_for_when_something_is_counted() -> None:
    def unknown() -> Counter:
        raise ConfigurationError("APIGUARD_COUNTERS_URL names no counter.", "Correct it.")

    tries = Tries(unknown, Clock(), SECRETS, SECONDS)
    assert tries.begin() is None
    tries.give_back()
    with pytest.raises(ConfigurationError):
        tries.begin(account=("ann", 1))


def test_who_is_refused_takes_no_room(tmp_path: Path) -> None:
    counter = SharedFile(tmp_path / "tried", slots_at_first=16, slots_at_most=16)
    tries = tries_on(counter)
    for number in range(1000):
        tries.begin(account=(f"p{number}", 10), network=("192.0.2.1", 5))
    assert tries.begin(account=("ann", 10), network=("192.0.2.2", 5)) is None


def test_what_was_never_counted_takes_no_room(tmp_path: Path) -> None:
    counter = SharedFile(tmp_path / "tried", slots_at_first=4, slots_at_most=4)
    for number in range(10):
        counter.take([Demand(b"k%d" % number, 1, 1000, cost=-1)], 1_763_000_000.0)
    assert [counter.take([Demand(b"%d" % number, 1, 1000)], 1_763_000_000.0)[0].retry for number in range(3)] == [
        None
    ] * 3
    counter.close()
