"""What a rate promises in the documentation: who is never refused, who is, until when, and how many pass at most."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.quotas import Demand, Memory, Taken

MINUTE = 60_000
#: The first moment of a minute.
START = 1_763_000_040_000
assert START % MINUTE == 0


def call(counter: Memory, amount: int, at: int, window: int = MINUTE) -> Taken:
    (taken,) = counter.take([Demand(b"{c}/rate", amount, window)], at / 1000)
    return taken


@given(st.integers(2, 40), st.integers(0, 10 * MINUTE), st.integers(0, 5000))
def test_calls_that_come_evenly_and_one_fewer_than_the_amount_are_never_refused(
    amount: int, begin: int, slower: int
) -> None:
    counter, apart = Memory(), math.ceil(MINUTE / (amount - 1)) + slower
    for number in range(4 * amount):
        assert call(counter, amount, START + begin + number * apart).retry is None


def test_one_in_a_minute_lets_every_second_of_those_in_that_come_a_little_slower() -> None:
    counter = Memory()
    answers = [call(counter, 1, START + number * 61_000) for number in range(10)]
    assert [one.retry is None for one in answers] == [True, False] * 5
    assert [one.retry for one in answers[1::2]] == [59_000 - number * 2000 for number in range(5)]


@given(st.integers(0, MINUTE - 1), st.integers(1, 3 * MINUTE))
def test_one_in_a_minute_is_let_in_at_the_moment_that_its_refusal_names_and_after_two_minutes_at_most(
    begin: int, later: int
) -> None:
    counter = Memory()
    assert call(counter, 1, START + begin).retry is None
    refused = call(counter, 1, START + begin + later)
    if refused.retry is None:
        assert begin + later >= 2 * MINUTE
        return
    assert begin + later + refused.retry == 2 * MINUTE
    assert call(counter, 1, START + 2 * MINUTE - 1).retry == 1
    assert call(counter, 1, START + 2 * MINUTE).retry is None


def test_a_burst_at_the_start_of_a_minute_weighs_until_the_end_of_the_next_and_fades_evenly() -> None:
    counter = Memory()
    assert all(call(counter, 5, START).retry is None for _ in range(5))
    assert call(counter, 5, START + 61_000).retry == 11_000
    back = [second for second in range(61, 121) if call(counter, 5, START + second * 1000).retry is None]
    assert back == [72, 84, 96, 108, 120]


@pytest.mark.parametrize("amount", [1, 2, 5, 20])
@given(data=st.data())
def test_fewer_than_twice_the_amount_pass_in_any_span_of_a_rates_length(amount: int, data: st.DataObject) -> None:
    counter, at, passed = Memory(), START, []
    steps = st.lists(st.tuples(st.integers(0, MINUTE), st.integers(1, 2 * amount)), max_size=30)
    for waited, burst in data.draw(steps):
        at += waited
        passed += [at for _ in range(burst) if call(counter, amount, at).retry is None]
    for moment in passed:
        assert sum(moment <= one < moment + MINUTE for one in passed) < 2 * amount
