"""The chain over batches: whatever is done to the events afterwards is found, and the batch is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from flask_apiguard.db import Store
from flask_apiguard.events import Head, Recorder, chain, encode
from flask_apiguard.events.tables import access_event, event_batch

from .making import event

Make = Callable[..., Recorder]
E, B = access_event.c, event_batch.c


@pytest.fixture
def chained(any_store: Store, make_recorder: Make) -> Recorder:
    """Five batches of three events."""
    recorder = make_recorder(any_store)
    for batch in range(5):
        for place in range(3):
            recorder.record(event(f"{batch}{place}"))
        recorder.settle()
    return recorder


def do(store: Store, *statements: sa.Executable) -> None:
    with store.write() as tx:
        for statement in statements:
            tx.execute(statement)


def test_an_untouched_chain_holds(chained: Recorder) -> None:
    found = chained.verify()
    assert found
    assert (found.batches, found.events, found.head) == (5, 15, chained.head())


def test_an_empty_store_holds(any_store: Store, make_recorder: Make) -> None:
    recorder = make_recorder(any_store)
    assert recorder.verify()
    assert recorder.head() == Head(0, chain.ORIGIN)


@pytest.mark.parametrize("batch", [1, 3, 5])
@pytest.mark.parametrize("act", ["edit", "edit a column", "edit an address", "delete", "insert", "reorder"])
def test_a_touched_event_is_found_and_its_batch_named(
    any_store: Store, chained: Recorder, act: str, batch: int
) -> None:
    here = E.batch == batch
    statements = {
        "edit": [access_event.update().where(here, E.place == 1).values(line=encode(event("x", status=201)).decode())],
        "edit a column": [access_event.update().where(here, E.place == 1).values(status=403)],
        "edit an address": [
            access_event.update().where(here, E.place == 1).values(line=sa.func.replace(E.line, "113.7", "113.8"))
        ],
        "delete": [access_event.delete().where(here, E.place == 1)],
        "insert": [
            access_event.insert().from_select(
                [column.name for column in access_event.columns],
                sa.select(*(
                    {"place": sa.literal(9), "id": sa.literal("req_new")}.get(column.name, column)
                    for column in access_event.columns
                )).where(here, E.place == 1),
            )
        ],
        "reorder": [
            access_event.update().where(here, E.place == old).values(place=new)
            for old, new in ((0, 90), (1, 0), (90, 1))
        ],
    }  # fmt: skip
    do(any_store, *statements[act])
    found = chained.verify()
    assert not found
    assert found.bad == batch
    assert found.why


def test_a_batch_written_anew_breaks_the_one_after_it(any_store: Store, chained: Recorder) -> None:
    lines = [encode(event(f"1{place}", status=201)) for place in range(3)]
    with any_store.read() as conn:
        before = conn.execute(sa.select(B.chain).where(B.seq == 1)).scalar_one()
    forged = chain.facts_of(2, lines, before)
    do(any_store, event_batch.update().where(B.seq == 2).values(forged))
    for place, line in enumerate(lines):
        do(
            any_store,
            access_event.update().where(E.batch == 2, E.place == place).values(line=line.decode(), status=201),
        )
    assert chained.verify().bad == 3


def test_a_missing_batch_is_named_by_its_own_number(any_store: Store, chained: Recorder) -> None:
    do(any_store, event_batch.delete().where(B.seq == 3), access_event.delete().where(E.batch == 3))
    assert chained.verify().bad == 3


def test_a_cut_tail_is_found_with_a_head_that_was_taken_down(any_store: Store, chained: Recorder) -> None:
    head = chained.head()
    do(any_store, event_batch.delete().where(B.seq >= 4), access_event.delete().where(E.batch >= 4))
    assert chained.verify()
    assert chained.verify(head).bad == 4


def test_a_chain_written_anew_from_the_start_is_found_with_a_head(any_store: Store, chained: Recorder) -> None:
    head = chained.head()
    do(any_store, event_batch.delete(), access_event.delete())
    for batch in range(5):
        with any_store.write() as tx:
            chain.append(tx, [encode(event(f"forged {batch}"))])
    assert chained.verify()
    assert chained.verify(head).bad == 5


def test_events_outside_any_batch_are_found(any_store: Store, chained: Recorder) -> None:
    do(any_store, access_event.update().where(E.batch == 5, E.place == 2).values(batch=77))
    do(any_store, access_event.update().where(E.batch == 77).values(place=0))
    assert chained.verify().bad == 5
    do(any_store, event_batch.delete().where(B.seq == 5), access_event.delete().where(E.batch == 5))
    found = chained.verify()
    assert (found.bad, found.why) == (77, "events lie outside of any batch")


def test_the_same_event_twice_is_one(any_store: Store, make_recorder: Make) -> None:
    first, again, new = encode(event(1)), encode(event(1, status=500)), encode(event(2))
    with any_store.write() as tx:
        assert chain.append(tx, [first, first]) == 1
    with any_store.write() as tx:
        assert chain.append(tx, [again, new]) == 1
    with any_store.write() as tx:
        assert chain.append(tx, [again, new]) == 0
    recorder = make_recorder(any_store)
    assert recorder.verify().events == 2
    assert recorder.head().seq == 2
    assert recorder.query.find("req_1")[0]["status"] == 200
