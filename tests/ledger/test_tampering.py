"""Whatever is done to the tables behind the ledger's back is found, and the first entry that it concerns is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_apiguard.clock import Clock
from flask_apiguard.crypto import Secrets
from flask_apiguard.db import STATE, Store
from flask_apiguard.ledger import Ledger, enter
from flask_apiguard.ledger import canonical as c
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.values import SYSTEM, Happening

from .conftest import ANN, SECRET

COUNT = 12
SIGNED = 8
COLUMNS = [column.name for column in ledger.columns if column.name != "seq"]


class Copy:
    """A ledger of twelve entries, signed at the eighth; each example gets a copy of its own to tamper with."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.original = folder / "original"
        self.original.mkdir()
        self.folder = folder / "copy"
        with self.opened(self.original) as (store, book):
            for number in range(1, COUNT + 1):
                with store.write() as tx:
                    enter(tx, ANN, Happening.CLIENTS_CLIENT_CREATED, f"client:{number}", after={"n": number})
                    if number == SIGNED:
                        book.checkpoint(tx)
            with store.engine.connect() as conn:
                conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def opened(self, folder: Path) -> Opened:
        return Opened(folder, self.clock)

    def tampered(self, *statements: tuple[str, tuple[object, ...]] | str) -> Opened:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.original, self.folder)
        connection = sqlite3.connect(self.folder / "apiguard.db")
        with connection:
            for statement in statements:
                connection.execute(*([statement] if isinstance(statement, str) else statement))
        connection.close()
        return self.opened(self.folder)


class Opened:
    """A store and its ledger for the time of a `with`."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.store = Store(STATE, lambda: f"sqlite:///{folder}/apiguard.db", clock.now)
        self.book = Ledger(self.store, Secrets(SECRET), clock, file=folder / "checkpoints.jsonl")

    def __enter__(self) -> tuple[Store, Ledger]:
        return self.store, self.book

    def __exit__(self, *error: object) -> None:
        self.store.close()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("tampering"), Clock())


def first_bad(opened: Opened) -> int | None:
    with opened as (_, book):
        found = book.verify()
    assert not found.ok
    assert found.wrong.endswith(".")
    if found.first_bad is not None:
        assert found.count == max(0, found.first_bad - 1)
    return found.first_bad


def test_what_nobody_touched_is_sound(copy: Copy) -> None:
    with copy.tampered() as (_, book):
        found = book.verify()
    assert (found.ok, found.count, found.first_bad, found.wrong) == (True, COUNT, None, "")


@settings(max_examples=40)
@given(st.integers(1, COUNT), st.sampled_from(COLUMNS))
def test_an_edit_of_any_column_of_any_entry_is_found_there(copy: Copy, seq: int, column: str) -> None:
    value = {"at": "2001-01-01 00:00:00.000000", "leaf": "ab" * 32, "chain": "cd" * 32}.get(column, "edited")
    assert first_bad(copy.tampered((f"UPDATE apiguard_ledger SET {column} = ? WHERE seq = ?", (value, seq)))) == seq


@settings(max_examples=40)
@given(
    st.integers(1, COUNT),
    st.text(min_size=1, max_size=40).filter(lambda text: "\x00" not in text and text.isprintable()),
)
def test_a_text_that_is_no_entry_is_found_there_even_with_its_own_leaf(copy: Copy, seq: int, text: str) -> None:
    change = ("UPDATE apiguard_ledger SET entry = ?, leaf = ? WHERE seq = ?", (text, c.leaf_of(text), seq))
    assert first_bad(copy.tampered(change)) == seq


@settings(max_examples=40)
@given(st.sets(st.integers(1, COUNT), min_size=1))
def test_deleted_entries_are_missed_at_head_middle_and_tail(copy: Copy, gone: set[int]) -> None:
    where = ",".join(str(seq) for seq in gone)
    assert first_bad(copy.tampered(f"DELETE FROM apiguard_ledger WHERE seq IN ({where})")) == min(gone)


@settings(max_examples=40)
@given(st.integers(1, COUNT), st.integers(1, COUNT))
def test_two_entries_that_changed_places_are_found(copy: Copy, one: int, other: int) -> None:
    if one == other:
        return
    swap = [
        f"UPDATE apiguard_ledger SET seq = -1 WHERE seq = {one}",
        f"UPDATE apiguard_ledger SET seq = {one} WHERE seq = {other}",
        f"UPDATE apiguard_ledger SET seq = {other} WHERE seq = -1",
    ]
    assert first_bad(copy.tampered(*swap)) == min(one, other)


@settings(max_examples=40)
@given(st.integers(1, COUNT))
def test_a_deletion_that_renumbers_the_rest_is_found(copy: Copy, seq: int) -> None:
    renumber = [
        f"DELETE FROM apiguard_ledger WHERE seq = {seq}",
        f"UPDATE apiguard_ledger SET seq = -seq WHERE seq > {seq}",
        "UPDATE apiguard_ledger SET seq = -seq - 1 WHERE seq < 0",
    ]
    assert first_bad(copy.tampered(*renumber)) == seq


@settings(max_examples=40)
@given(st.sampled_from([-5, 0, COUNT + 1, COUNT + 3]))
def test_an_entry_put_in_before_or_behind_is_found(copy: Copy, seq: int) -> None:
    names = ", ".join(COLUMNS)
    put = f"INSERT INTO apiguard_ledger (seq, {names}) SELECT {seq}, {names} FROM apiguard_ledger WHERE seq = 3"
    assert first_bad(copy.tampered(put)) == (seq if seq < 1 else COUNT + 1)


def test_an_entry_chained_on_behind_the_head_is_found(copy: Copy) -> None:
    with copy.tampered() as (store, _), store.read() as conn:
        last = conn.execute(sa.select(ledger).where(ledger.c.seq == COUNT)).one()
    text = c.canonical({**json.loads(last.entry), "seq": COUNT + 1, "personal": {}})
    row = {**last._mapping, "seq": COUNT + 1, "entry": text, "leaf": c.leaf_of(text)}
    row |= {"chain": c.link(last.chain, row["leaf"]), "at": last.at.strftime("%Y-%m-%d %H:%M:%S.%f")}
    put = f"INSERT INTO apiguard_ledger ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    assert first_bad(copy.tampered((put, tuple(row.values())))) == COUNT + 1


@pytest.mark.parametrize("kept", [0, 3, SIGNED - 1])
def test_a_tail_cut_off_together_with_the_head_is_missed_against_what_was_signed(copy: Copy, kept: int) -> None:
    assert first_bad(copy.tampered(*cut(kept))) == kept + 1


def test_a_tail_cut_off_with_head_and_checkpoints_is_missed_against_the_file_outside(copy: Copy) -> None:
    assert first_bad(copy.tampered(*cut(5), "DELETE FROM apiguard_checkpoint")) == 6


def cut(kept: int) -> list[str]:
    chain = f"coalesce((SELECT chain FROM apiguard_ledger WHERE seq = {kept}), '{c.GENESIS}')"
    return [
        f"DELETE FROM apiguard_ledger WHERE seq > {kept}",
        f"DELETE FROM apiguard_ledger_personal WHERE seq > {kept}",
        f"UPDATE apiguard_ledger_head SET seq = {kept}, chain = {chain}",
    ]


@settings(max_examples=40)
@given(st.integers(1, SIGNED), st.booleans())
def test_a_chain_rewritten_whole_is_found_against_what_was_signed(copy: Copy, seq: int, everywhere: bool) -> None:
    with copy.tampered() as (store, book), store.write() as tx:
        rows = [dict(row._mapping) for row in tx.execute(sa.select(ledger).order_by(ledger.c.seq))]
    changes: list[tuple[str, tuple[object, ...]]] = []
    chain = c.GENESIS
    for row in rows:
        if row["seq"] == seq:
            row["entry"] = c.canonical({**json.loads(row["entry"]), "reason": "nothing to see here"})
        leaf = c.leaf_of(row["entry"])
        chain = c.link(chain, leaf)
        change = "UPDATE apiguard_ledger SET entry = ?, leaf = ?, chain = ? WHERE seq = ?"
        changes.append((change, (row["entry"], leaf, chain, row["seq"])))
    changes.append(("UPDATE apiguard_ledger_head SET chain = ?", (chain,)))
    if everywhere:
        changes.append(("DELETE FROM apiguard_checkpoint WHERE 1 = ?", (1,)))
    with copy.tampered(*changes) as (_, book):
        found = book.verify()
    assert (found.ok, found.first_bad) == (False, 1)
    assert f"from 1 to {SIGNED}" in found.wrong


@pytest.mark.parametrize("column", ["seq", "chain", "at", "extra", "public_key", "signature"])
def test_an_edited_checkpoint_is_found(copy: Copy, column: str) -> None:
    value = {"seq": "3", "at": "'2001-01-01 00:00:00'", "extra": "'{\"a\": 1}'"}.get(column, f"'{'ab' * 32}'")
    assert first_bad(copy.tampered(f"UPDATE apiguard_checkpoint SET {column} = {value}")) is None


def test_a_checkpoint_signed_by_somebody_else_counts_for_nothing(copy: Copy) -> None:
    with copy.tampered() as (store, book):
        stranger = Ledger(store, Secrets(b"another secret that is long enough too"), copy.clock)
        with store.write() as tx:
            enter(tx, SYSTEM, Happening.CLIENTS_CLIENT_CREATED, "client:x")
            stranger.checkpoint(tx)
        assert "not signed with a key that we trust" in book.verify().wrong
        trusting = Ledger(store, Secrets(SECRET), copy.clock, trusted=[stranger.public_key()])
        assert trusting.verify().ok


def test_a_missing_or_changed_head_is_found(copy: Copy) -> None:
    assert first_bad(copy.tampered("DELETE FROM apiguard_ledger_head")) == COUNT
    assert first_bad(copy.tampered(f"UPDATE apiguard_ledger_head SET chain = '{'ab' * 32}'")) == COUNT
    assert first_bad(copy.tampered("UPDATE apiguard_ledger_head SET seq = 4")) == 5


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE apiguard_ledger_personal SET value = 'Eve' WHERE seq = 4",
        "UPDATE apiguard_ledger_personal SET salt = '00' WHERE seq = 4",
        "UPDATE apiguard_ledger_personal SET salt = 'xyz' WHERE seq = 4",
        "UPDATE apiguard_ledger_personal SET value = NULL, salt = NULL WHERE seq = 4",
        "UPDATE apiguard_ledger_personal SET value = NULL, salt = NULL, erased = 9 WHERE seq = 4",
        "DELETE FROM apiguard_ledger_personal WHERE seq = 4",
        "INSERT INTO apiguard_ledger_personal (seq, field, owner, value, salt) VALUES (4, 'x', 'y', 'z', '00')",
    ],
)
def test_personal_fields_cant_be_edited_added_or_removed_unseen(copy: Copy, change: str) -> None:
    assert first_bad(copy.tampered(change)) == 4


def test_a_store_put_back_from_a_copy_is_found_even_after_it_grew_again(copy: Copy, tmp_path: Path) -> None:
    with copy.tampered() as (store, book), store.write() as tx:
        enter(tx, ANN, Happening.CLIENTS_CLIENT_CREATED, "client:later")
        book.checkpoint(tx)
    for name in copy.original.glob("apiguard.db*"):
        shutil.copy(name, copy.folder)
    (copy.folder / "apiguard.db-wal").unlink(missing_ok=True)
    (copy.folder / "apiguard.db-shm").unlink(missing_ok=True)
    with copy.opened(copy.folder) as (store, book):
        found = book.verify()
        assert (found.ok, found.first_bad) == (False, COUNT + 1)
        for number in range(3):
            with store.write() as tx:
                enter(tx, ANN, Happening.CLIENTS_CLIENT_CREATED, f"client:other{number}")
        found = book.verify()
        assert (found.ok, found.first_bad) == (False, SIGNED + 1)


def test_a_look_at_a_part_judges_that_part_only(copy: Copy) -> None:
    with copy.tampered("UPDATE apiguard_ledger SET entry = 'x' WHERE seq = 10") as (_, book):
        assert book.verify(9).ok
        assert book.verify(9).count == 9
        assert book.verify(10).first_bad == 10


def test_the_file_outside_survives_a_line_cut_short_and_names_a_damaged_one(
    book: Ledger, store: Store, write: Callable
) -> None:
    write()
    with store.write() as tx:
        signed = book.checkpoint(tx)
    assert book.file is not None
    with book.file.open("a") as file:
        file.write('{"cut')
    assert book.verify().ok
    write()
    with store.write() as tx:
        book.checkpoint(tx)
    lines = book.file.read_text().splitlines()
    assert [json.loads(line)["seq"] for line in (lines[0], lines[2])] == [1, 2]
    assert lines[0] == signed.line()
    assert book.verify().wrong.startswith("Line 2 of ")


def test_erasing_a_person_leaves_every_proof_valid_and_nothing_of_the_person(
    book: Ledger, store: Store, write: Callable, tmp_path: Path
) -> None:
    write(3, personal={"email": "ann@example.org"})
    with store.write() as tx:
        enter(tx, SYSTEM, Happening.PEOPLE_PERSON_CREATED, "person:per_bob", personal={"name": "Bob"})
        assert book.erase(tx, ANN, "per_ann", values=["ann@example.org"]) == 9
    with store.read() as conn:
        dump = [
            str(row)
            for name in ("apiguard_ledger", "apiguard_ledger_personal")
            for row in conn.execute(sa.text(f"SELECT * FROM {name}"))
        ]
    assert not any("Ann Example" in row or "192.0.2.7" in row or "ann@example.org" in row for row in dump)
    assert book.verify().ok
    newest, bob, *older = book.entries().entries
    assert (newest.happening, newest.subject, newest.personal) == ("ledger:person:erased", "person:per_ann", {})
    assert bob.personal == {"name": "Bob"}
    assert [entry.personal for entry in older] == [{}, {}, {}]


def test_a_checkpoint_is_made_only_when_something_is_new(book: Ledger, store: Store, write: Callable) -> None:
    write(2)
    heads = []
    for extra in (None, None, {"events": "ab"}, {"events": "ab"}, {"events": "cd"}):
        with store.write() as tx:
            heads.append(book.checkpoint(tx, extra))
    assert [one.seq for one in heads] == [2, 2, 3, 3, 4]
    assert [one.seq for one in book.checkpoints()] == [4, 3, 2]
    assert [entry.evidence for entry in book.entries(happening="ledger:").entries] == [
        {"events": "cd"},
        {"events": "ab"},
    ]
    assert book.verify().ok


def test_an_empty_ledger_is_sound(book: Ledger, store: Store) -> None:
    assert book.verify().ok
    with store.write() as tx:
        book.checkpoint(tx)
    assert book.verify().ok
