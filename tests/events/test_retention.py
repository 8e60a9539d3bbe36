"""Age takes addresses, then events; the chain holds all the while."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.db import Store
from flask_apiguard.events import Recorder, Retained, chain
from flask_apiguard.events.tables import access_event, event_batch

from .making import event

Make = Callable[..., Recorder]
DAY = 86400


def fill(recorder: Recorder, clock: Clock, *days_ago: int) -> None:
    """One batch for each number of days."""
    for days in days_ago:
        recorder.record(event(f"{days}", time=clock.time() - days * DAY))
        recorder.record(event(f"{days}v6", time=clock.time() - days * DAY, address="2001:db8:aa:bb::1", need='"}\\,'))
        recorder.settle()


def test_addresses_are_cut_and_events_deleted_by_age(any_store: Store, make_recorder: Make, clock: Clock) -> None:
    recorder = make_recorder(any_store)
    fill(recorder, clock, 100, 91, 40, 31, 29, 1)
    head = recorder.head()
    assert recorder.retention() == Retained(reduced=4, pruned=4)
    assert recorder.retention() == Retained(0, 0)
    kept = {found["id"]: found for found in recorder.query.calls().events}
    assert set(kept) == {f"req_{days}{kind}" for days in (40, 31, 29, 1) for kind in ("", "v6")}
    assert "address" not in kept["req_31"]
    assert "peer" not in kept["req_31"]
    assert kept["req_31"]["network"] == "203.0.113.0/24"
    assert kept["req_31v6"]["network"] == "2001:db8:aa::/48"
    assert kept["req_31v6"]["need"] == '"}\\,'
    assert kept["req_29"]["address"] == "203.0.113.7"
    with any_store.read() as conn:
        lines = conn.execute(sa.select(access_event.c.line).where(access_event.c.batch <= 4)).scalars()
        assert not any("113.7" in line or "::1" in line for line in lines)
    found = recorder.verify(head)
    assert found
    assert (found.batches, found.events, found.pruned, found.reduced, found.early) == (6, 8, 2, 2, None)
    assert recorder.head() == head


def test_a_touched_event_is_found_after_its_address_was_cut(
    any_store: Store, make_recorder: Make, clock: Clock
) -> None:
    recorder = make_recorder(any_store)
    fill(recorder, clock, 40, 35, 1)
    recorder.retention()
    line = access_event.c.line
    with any_store.write() as tx:
        changed = access_event.update().where(access_event.c.batch == 2)
        tx.execute(changed.values(line=sa.func.replace(line, '"status":200', '"status":201')))
    assert recorder.verify().bad == 2


def test_a_deletion_behind_the_mark_of_pruning_is_told(any_store: Store, make_recorder: Make, clock: Clock) -> None:
    recorder = make_recorder(any_store)
    fill(recorder, clock, 100, 40, 1)
    recorder.retention()
    assert recorder.verify().early is None
    with any_store.write() as tx:
        tx.execute(access_event.delete().where(access_event.c.batch == 2))
        tx.execute(event_batch.update().where(event_batch.c.seq == 2).values(pruned_at=tx.now))
    assert recorder.verify().early == 2


def test_time_that_passes_is_the_clocks(any_store: Store, make_recorder: Make, clock: Clock) -> None:
    recorder = make_recorder(any_store, keep=dt.timedelta(days=2), keep_addresses=dt.timedelta(days=1))
    fill(recorder, clock, 0)
    assert recorder.retention() == Retained(0, 0)
    clock.advance(1.5 * DAY)
    assert recorder.retention() == Retained(reduced=2, pruned=0)
    clock.advance(DAY)
    assert recorder.retention() == Retained(reduced=0, pruned=2)


class Stubborn:
    """A required sink that takes nothing until it is told to."""

    name = "stubborn"
    required = True
    takes = False

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        if not self.takes:
            raise OSError("no")


def test_what_a_required_sink_has_not_taken_is_not_pruned(any_store: Store, make_recorder: Make, clock: Clock) -> None:
    sink = Stubborn()
    recorder = make_recorder(any_store, sinks=[sink])
    fill(recorder, clock, 100, 95)
    assert recorder.retention().pruned == 0
    sink.takes = True
    clock.advance(3600)
    assert recorder.deliver() == 4
    assert recorder.retention().pruned == 4
    assert recorder.verify()


def test_pruning_during_a_verification_is_no_alarm(
    any_store: Store, make_recorder: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = make_recorder(any_store)
    fill(recorder, clock, 100, 95, 1)
    real, pruned = chain._events, []

    def meanwhile(conn: sa.Connection, first: int, last: int) -> dict[int, list[Any]]:
        if not pruned:
            pruned.append(recorder.retention().pruned)
        return real(conn, first, last)

    monkeypatch.setattr(chain, "_events", meanwhile)
    assert recorder.verify().events == 6
    assert pruned == [4]
    assert recorder.verify().events == 2
