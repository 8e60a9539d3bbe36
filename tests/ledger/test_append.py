"""Entries are written with the change that they tell of, in order, without gaps, in a form anybody can recompute."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_apiguard.clock import Clock
from flask_apiguard.db import Store
from flask_apiguard.errors import Invalid
from flask_apiguard.ledger import Entry, Ledger, enter
from flask_apiguard.ledger import canonical as c
from flask_apiguard.ledger.tables import ledger, personal
from flask_apiguard.values import SYSTEM, Actor, By, Happening

from .conftest import ANN

CREATED, SUSPENDED = Happening.CLIENTS_CLIENT_CREATED, Happening.CLIENTS_CLIENT_SUSPENDED


def test_entries_of_one_transaction_keep_their_order_and_numbers_have_no_gap(store: Store, book: Ledger) -> None:
    with store.write() as tx:
        enter(tx, ANN, CREATED, "client:a")
        enter(tx, ANN, SUSPENDED, "client:a", reason="a complaint")
    with store.write() as tx:
        enter(tx, SYSTEM, CREATED, "client:b")
    found = book.entries().entries
    assert [(entry.seq, entry.happening, entry.subject) for entry in found] == [
        (3, CREATED, "client:b"),
        (2, SUSPENDED, "client:a"),
        (1, CREATED, "client:a"),
    ]


def test_a_transaction_that_fails_leaves_no_entry_and_no_gap(store: Store, book: Ledger, write: Callable) -> None:
    write()
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        enter(tx, ANN, CREATED, "client:lost")
        _ = 1 // 0
    write()
    assert [entry.seq for entry in book.entries().entries] == [2, 1]
    assert book.verify().ok


def test_the_entry_is_the_last_statement_of_its_transaction(store: Store) -> None:
    said: list[str] = []
    store.open()
    sa.event.listen(store.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    with store.write() as tx:
        enter(tx, ANN, CREATED, "client:a")
        tx.before_commit(50, lambda: tx.execute(sa.text("SELECT 'the change log'")))
        tx.execute(sa.text("SELECT 'the work'"))
    first = next(place for place, one in enumerate(said) if "apiguard_ledger" in one)
    assert all("apiguard_ledger" in one for one in said[first:])


def test_text_leaf_and_chain_can_be_recomputed_from_the_documented_form_alone(store: Store, write: Callable) -> None:
    write(3, after={"name": "Zoë", "scopes": {"b", "a"}, "share": 0.25}, personal={"email": "zoe@example.org"})
    previous = bytes(32)
    with store.read() as conn:
        for row in conn.execute(sa.select(ledger).order_by(ledger.c.seq)):
            again = json.dumps(json.loads(row.entry), sort_keys=True, separators=(",", ":"))
            assert again == row.entry
            leaf = hashlib.sha256(b"\x00" + row.entry.encode("ascii")).digest()
            previous = hashlib.sha256(b"\x01" + previous + leaf).digest()
            assert (row.leaf, row.chain) == (leaf.hex(), previous.hex())
            assert json.loads(row.entry)["after"] == {"name": "Zoë", "scopes": ["a", "b"], "share": "0.25"}
        for field in conn.execute(sa.select(personal)):
            text = conn.execute(sa.select(ledger.c.entry).where(ledger.c.seq == field.seq)).scalar_one()
            seal = hashlib.sha256(b"\x02" + bytes.fromhex(field.salt) + field.value.encode()).hexdigest()
            assert json.loads(text)["personal"][field.field] == seal


def test_names_and_addresses_stand_beside_the_chain_only(store: Store, book: Ledger, write: Callable) -> None:
    write(personal={"email": "zoe@example.org"})
    (entry,) = book.entries().entries
    assert entry.personal == {
        "actor.name": "Ann Example",
        "actor.address": "192.0.2.7",
        "email": "zoe@example.org",
    }
    for private in entry.personal.values():
        assert private not in entry.text


def test_what_attackers_send_becomes_one_bounded_line(store: Store, book: Ledger) -> None:
    nasty = "a\r\nINFO forged\x1b[2J\x00\u2028\ud800" + "x" * 1_000_000
    with store.write() as tx:
        by = By(Actor.PERSON, "per_1", nasty, request_id=nasty)
        enter(
            tx, by, CREATED, "client:" + nasty, evidence={"agent": nasty, nasty: 1}, reason=nasty, personal={"n": nasty}
        )
    (entry,) = book.entries().entries
    assert entry.text.isascii()
    assert entry.text.isprintable()
    assert len(entry.text) < 50_000
    assert "1000" in entry.reason
    assert book.verify().ok


class Unknown:
    """Nothing that has a form on record."""


def test_a_value_without_a_canonical_form_is_refused_where_it_is_entered(store: Store) -> None:
    with pytest.raises(TypeError, match="Unknown"), store.write() as tx:
        enter(tx, ANN, CREATED, "client:a", after={"what": Unknown()})


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals()
    | st.datetimes(timezones=st.just(dt.UTC))
    | st.dates()
    | st.timedeltas()
    | st.sampled_from(Happening),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.sets(st.text()),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=20), values))
def test_any_document_has_one_text_that_reads_back_to_itself(document: dict[str, object]) -> None:
    plain = c.plain(document)
    text = c.canonical(plain)
    assert json.loads(text) == plain
    assert c.canonical(c.plain(json.loads(text))) == text
    assert text.isascii()


def test_numbers_that_readers_disagree_about_are_texts() -> None:
    assert c.plain([2**53, 0.1, Decimal("1.10"), dt.timedelta(seconds=1), True]) == [
        str(2**53),
        "0.1",
        "1.10",
        "1000000us",
        True,
    ]


def test_a_listener_hears_of_entries_once_they_are_durable(store: Store, clock: Clock) -> None:
    from flask_apiguard.crypto import Secrets

    from .conftest import SECRET

    heard: list[Entry] = []
    kept = Ledger(store, Secrets(SECRET), clock, appended=heard.append)
    with store.write() as tx:
        enter(tx, ANN, CREATED, "client:a", before={"x": 1})
        assert heard == []
    assert heard == list(kept.entries().entries)


def test_entries_are_found_by_what_they_are_about_and_come_in_pages(store: Store, clock: Clock, book: Ledger) -> None:
    for number in range(7):
        clock.advance(60)
        with store.write() as tx:
            by = ANN if number % 2 else SYSTEM
            happening = SUSPENDED if number == 3 else Happening.ONBOARDING_MOVE_MADE
            enter(tx, by, happening, f"application:{number % 3}", organization="org_2" if number == 5 else None)
    assert [entry.seq for entry in book.entries(subject="application:0").entries] == [7, 4, 1]
    assert [entry.seq for entry in book.entries(actor="per_ann").entries] == [6, 4, 2]
    assert [entry.seq for entry in book.entries(organization="org_1").entries] == [4, 2]
    assert [entry.seq for entry in book.entries(happening=SUSPENDED).entries] == [4]
    assert [entry.seq for entry in book.entries(happening="clients:").entries] == [4]
    third = book.entries(happening=SUSPENDED).entries[0].at
    assert [entry.seq for entry in book.entries(since=third).entries] == [7, 6, 5, 4]
    assert [entry.seq for entry in book.entries(until=third).entries] == [3, 2, 1]
    seen, cursor = [], None
    while True:
        page = book.entries(limit=3, cursor=cursor)
        seen.append([entry.seq for entry in page.entries])
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [[7, 6, 5], [4, 3, 2], [1]]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 40, "٣"])
def test_a_cursor_that_is_none_of_ours_is_a_flaw_of_the_request(book: Ledger, cursor: str) -> None:
    with pytest.raises(Invalid):
        book.entries(cursor=cursor)
