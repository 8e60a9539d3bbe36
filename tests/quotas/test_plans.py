"""Plans and overrides are written by acts that are on record and that every process hears of."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.clients.changes import change
from flask_apiguard.clock import Clock
from flask_apiguard.db import Store
from flask_apiguard.errors import Invalid, Missing
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.quotas import end_override, overrides_of, parse_items, plan_of, plans, put_override, put_plan
from flask_apiguard.values import Actor, By

ANNA = By(Actor.PERSON, "per_anna", "Anna", seats=frozenset({"administrator"}))
BURST = {"name": "burst", "rate": "20/second"}
DAILY = {"name": "daily", "quota": 10_000, "per": "day", "timezone": "Europe/Berlin"}


def on_record(store: Store) -> list[tuple[str, str]]:
    with store.read() as conn:
        rows = conn.execute(sa.select(ledger).order_by(ledger.c.seq)).mappings()
        return [(str(row["happening"]), str(row["subject"])) for row in rows]


def subjects(store: Store) -> list[str]:
    with store.read() as conn:
        return list(conn.execute(sa.select(change.c.subject).order_by(change.c.seq)).scalars())


def test_a_plan_is_written_on_record_and_read_back(store: Store) -> None:
    with store.write() as tx:
        assert put_plan(tx, ANNA, "basic", [BURST, DAILY], title="Basic", reason="new price list")
    with store.read() as conn:
        found = plan_of(conn, "basic")
        assert [one.name for one in plans(conn)] == ["basic"]
        assert plan_of(conn, "other") is None
    assert found is not None
    assert found.title == "Basic"
    assert found.items == parse_items([BURST, DAILY])
    assert on_record(store) == [("quotas:plan:changed", "plan:basic")]
    assert subjects(store) == ["plan:basic"]


def test_writing_what_stands_there_already_leaves_no_trace(store: Store) -> None:
    for expected in (True, False):
        with store.write() as tx:
            assert put_plan(tx, ANNA, "basic", [BURST]) is expected
    assert len(on_record(store)) == 1
    with store.write() as tx:
        assert put_plan(tx, ANNA, "basic", [BURST, DAILY])
    assert len(on_record(store)) == 2


def test_an_override_counts_until_its_date(store: Store, clock: Clock) -> None:
    with store.write() as tx:
        put_override(tx, ANNA, "cli_1", BURST, until=clock.now() + dt.timedelta(days=2), reason="a migration")
    with store.read() as conn:
        assert [one.item.name for one in overrides_of(conn, "cli_1", clock.now())] == ["burst"]
        assert overrides_of(conn, "cli_1", clock.now() + dt.timedelta(days=2)) == []
        assert overrides_of(conn, "cli_2", clock.now()) == []
    assert on_record(store) == [("quotas:override:changed", "client:cli_1")]
    assert subjects(store) == ["client:cli_1"]


def test_an_override_is_replaced_and_ended(store: Store, clock: Clock) -> None:
    with store.write() as tx:
        put_override(tx, ANNA, "cli_1", BURST, reason="a migration")
        put_override(tx, ANNA, "cli_1", {"name": "burst", "rate": "5/second"}, reason="too much")
    with store.read() as conn:
        (found,) = overrides_of(conn, "cli_1", clock.now())
    assert (found.item.amount, found.reason, found.by) == (5, "too much", "per_anna")
    with store.write() as tx:
        end_override(tx, ANNA, "cli_1", "burst")
    with store.read() as conn:
        assert overrides_of(conn, "cli_1", clock.now()) == []
    with store.write() as tx, pytest.raises(Missing):
        end_override(tx, ANNA, "cli_1", "burst")
    assert len(on_record(store)) == 3


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        ("burst", {"/limits"}),
        ([BURST] * 21, {"/limits"}),
        ([BURST, BURST], {"/limits/1/name"}),
        ([1], {"/limits/0"}),
        ([{}], {"/limits/0", "/limits/0/name"}),
        ([{**BURST, "quota": 3}], {"/limits/0"}),
        ([{**BURST, "per": "day"}], {"/limits/0/per"}),
        ([{**BURST, "rate": "20/fortnight"}], {"/limits/0/rate"}),
        ([{**BURST, "rate": "20/second;5/hour"}], {"/limits/0/rate"}),
        ([{**BURST, "speed": 3}], {"/limits/0/speed"}),
        ([{**BURST, "scope": ""}], {"/limits/0/scope"}),
        ([{**BURST, "endpoints": "orders.*"}], {"/limits/0/endpoints"}),
        ([{**BURST, "name": "Burst!"}], {"/limits/0/name"}),
        ([BURST, {**DAILY, "quota": -1}], {"/limits/1/quota"}),
        ([{**DAILY, "quota": True}], {"/limits/0/quota"}),
        ([{**DAILY, "per": "year"}], {"/limits/0/per"}),
        ([{**DAILY, "per": "hour"}], {"/limits/0/timezone"}),
        ([{**DAILY, "timezone": "Europe/Atlantis"}], {"/limits/0/timezone"}),
        ([{**DAILY, "timezone": "../../etc/passwd"}], {"/limits/0/timezone"}),
        ([{**DAILY, "timezone": 7}], {"/limits/0/timezone"}),
        ([{**DAILY, "per": ["day"]}], {"/limits/0/per"}),
    ],
)
def test_each_flaw_is_named_with_its_place_and_nothing_is_stored(store: Store, raw: object, pointers: set[str]) -> None:
    with pytest.raises(Invalid) as caught, store.write() as tx:
        put_plan(tx, ANNA, "basic", raw)
    assert {flaw.pointer for flaw in caught.value.decision.flaws} == pointers
    assert on_record(store) == []


@pytest.mark.parametrize("name", ["", "Basic", "a" * 41, "a b", None, 5, "a/b"])
def test_a_plans_name_is_plain(store: Store, name: object) -> None:
    with pytest.raises(Invalid), store.write() as tx:
        put_plan(tx, ANNA, name, [BURST])


def test_an_override_wants_a_reason_and_a_date_to_come(store: Store, clock: Clock) -> None:
    for wrong in (
        {"reason": " "},
        {"reason": "x", "until": clock.now()},
        {"reason": "x", "until": dt.datetime(2099, 1, 1)},  # noqa: DTZ001
    ):
        with pytest.raises(Invalid), store.write() as tx:
            put_override(tx, ANNA, "cli_1", BURST, **wrong)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(["name", "rate", "quota", "per", "timezone", "scope", "endpoints"])


@given(st.lists(st.dictionaries(members, junk, max_size=7) | junk, max_size=3) | junk)
def test_whatever_is_sent_is_a_plan_or_a_list_of_flaws(raw: object) -> None:
    flaws, items = (), ()
    try:
        items = parse_items(raw)
    except Invalid as error:
        flaws = error.decision.flaws
    assert flaws or parse_items([item.as_dict() for item in items]) == items
