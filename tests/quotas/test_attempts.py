"""The throttle of failed credentials."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.clock import Clock
from flask_apiguard.quotas import Attempts
from flask_apiguard.values import subscriber_of


class Still(Clock):
    """A clock that moves only when told to."""

    def time(self) -> float:
        return 1_763_000_000.0 + self.offset


def test_an_address_is_blocked_after_so_many_failures_and_free_again_in_time() -> None:
    clock = Still()
    attempts = Attempts(clock, per_minute=30)
    for _ in range(30):
        assert attempts.blocked("192.0.2.1") is None
        attempts.failed("192.0.2.1")
    assert attempts.blocked("192.0.2.1") == 2
    assert attempts.blocked("192.0.2.2") is None
    clock.advance(2)
    assert attempts.blocked("192.0.2.1") is None
    attempts.failed("192.0.2.1")
    assert attempts.blocked("192.0.2.1") == 2


def test_hammering_on_does_not_lock_an_address_out_for_longer() -> None:
    clock = Still()
    attempts = Attempts(clock, per_minute=6)
    for _ in range(1000):
        attempts.failed("192.0.2.1")
    waiting = attempts.blocked("192.0.2.1")
    assert waiting is not None
    assert waiting <= 20
    clock.advance(waiting)
    assert attempts.blocked("192.0.2.1") is None


def test_after_a_quiet_minute_everything_is_forgiven() -> None:
    clock = Still()
    attempts = Attempts(clock, per_minute=3)
    for _ in range(3):
        attempts.failed("192.0.2.1")
    clock.advance(60)
    for _ in range(3):
        assert attempts.blocked("192.0.2.1") is None
        attempts.failed("192.0.2.1")
    assert attempts.blocked("192.0.2.1")


def test_one_network_of_ipv6_is_one_address() -> None:
    attempts = Attempts(Still(), per_minute=5)
    for number in range(5):
        attempts.failed(f"2001:db8:1:2::{number:x}")
    assert attempts.blocked("2001:db8:1:2:ffff::1")
    assert attempts.blocked("2001:db8:1:3::1") is None


def test_an_ipv4_address_within_ipv6_is_that_address() -> None:
    assert subscriber_of("::ffff:192.0.2.7") == subscriber_of("192.0.2.7") == "192.0.2.7"
    assert subscriber_of("fe80::1%eth0") == "fe80::/64"


def test_a_flood_of_addresses_does_not_grow_the_memory() -> None:
    attempts = Attempts(Still(), per_minute=1, bound=100)
    for number in range(10_000):
        attempts.failed(f"10.0.{number // 250}.{number % 250}")
    assert len(attempts) == 100
    assert attempts.blocked("10.0.39.249"), "the latest are remembered"


def test_nothing_is_throttled_when_it_is_switched_off() -> None:
    attempts = Attempts(Still(), per_minute=0)
    for _ in range(100):
        attempts.failed("192.0.2.1")
    assert attempts.blocked("192.0.2.1") is None


@given(st.text(max_size=200))
def test_whatever_stands_as_address_is_bounded(text: str) -> None:
    assert len(subscriber_of(text)) <= 64
