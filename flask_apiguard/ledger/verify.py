"""Looking for the first entry that is not what was written: by its text, its place, and what was signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..values import Happening
from . import canonical as c
from .append import HEAD
from .checkpoints import Signer
from .entry import entry_of
from .heads import Bad, contradiction
from .tables import head, ledger, personal

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Verification:
    """How a look at the ledger ended. ``count`` entries were found sound before ``first_bad``, the seq of the first
    entry that is not (None when what is wrong is a checkpoint); ``wrong`` says in one sentence what it is."""

    ok: bool
    count: int
    first_bad: int | None = None
    wrong: str = ""


def verify(conn: Connection, signer: Signer, file: Path | None, until: int | None) -> Verification:
    """Look at every entry up to ``until``, in the order of their numbers, a few hundred at a time.

    The connection must show one state of the store throughout.
    """
    found: Bad | None = None
    sound = 0
    try:
        for sound in _walk(conn, until):  # noqa: B007 - the last number is what counts afterwards
            pass
        _demand_head(conn, sound, until)
        _demand_erasures(conn, sound)
    except Bad as bad:
        found = bad
    # The chain of a ledger that somebody rewrote is whole; only a signature tells, and it may tell of an earlier place.
    signed = contradiction(conn, signer, file, until, sound, found is None)
    if signed is not None and (found is None or (signed.seq or sound + 1) < (found.seq or sound + 1)):
        found = signed
    if found is None:
        return Verification(True, sound)
    return Verification(False, sound if found.seq is None else min(sound, max(0, found.seq - 1)), found.seq, str(found))


def _walk(conn: Connection, until: int | None) -> Iterator[int]:
    """The numbers of the sound entries, from 1 on.

    :raises Bad: at the first one that is not.
    """
    chain, seq = c.GENESIS, 0
    for rows in _chunks(conn, until):
        private = _personal(conn, rows[0].seq, rows[-1].seq)
        for row in rows:
            seq += 1
            if row.seq > seq:
                raise Bad(seq, f"Entry {seq} is missing: the next one there is {row.seq}.")
            if row.seq < seq:
                raise Bad(row.seq, f"Entry {row.seq} was put in: numbers begin with 1.")
            chain = _demand_entry(row, chain)
            _demand_personal(row, private.pop(row.seq, {}))
            yield seq
        if private:
            stray = min(private)
            raise Bad(stray, f"Personal fields stand beside entry {stray} that it does not name.")


def _chunks(conn: Connection, until: int | None) -> Iterator[list[Any]]:
    after: int | None = None
    while True:
        query = sa.select(ledger).order_by(ledger.c.seq).limit(CHUNK)
        if after is not None:
            query = query.where(ledger.c.seq > after)
        if until is not None:
            query = query.where(ledger.c.seq <= until)
        rows = list(conn.execute(query))
        if not rows:
            return
        yield rows
        after = rows[-1].seq


def _personal(conn: Connection, first: int, last: int) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in conn.execute(sa.select(personal).where(personal.c.seq.between(first, last))):
        found.setdefault(row.seq, {})[row.field] = row
    return found


def _demand_entry(row: Any, chain: str) -> str:
    """The chain after this entry."""
    if c.leaf_of(row.entry) != row.leaf:
        raise Bad(row.seq, f"Entry {row.seq} was edited: its text and its leaf don't fit each other.")
    columns = _columns(row.entry)
    for name, value in columns.items():
        if getattr(row, name) != value:
            raise Bad(row.seq, f"Entry {row.seq} was edited: its {name} is not the one in its text.")
    if not columns:
        raise Bad(row.seq, f"Entry {row.seq} was replaced: its text is not that of an entry.")
    chain = c.link(chain, row.leaf)
    if chain != row.chain:
        raise Bad(row.seq, f"Entry {row.seq} was replaced or moved: it does not follow from the one before it.")
    return chain


def _columns(text: str) -> dict[str, Any]:
    """What the columns beside the text must say; nothing when the text is not an entry's."""
    try:
        entry = entry_of(text, "", "", {})
    except ValueError:
        return {}
    names = ("seq", "at", "happening", "actor_kind", "actor_id", "organization_id", "subject", "request_id")
    return {name: getattr(entry, name) for name in names}


def _demand_personal(row: Any, found: dict[str, Any]) -> None:
    seals = json.loads(row.entry)["personal"]
    if extra := sorted(set(found) - set(seals)):
        raise Bad(row.seq, f"The personal field {extra[0]} stands beside entry {row.seq} that does not name it.")
    for name, wanted in seals.items():
        field = found.get(name)
        if field is None:
            raise Bad(row.seq, f"The personal field {name} of entry {row.seq} was deleted, not erased on record.")
        if field.erased is None and not _sealed(field, wanted):
            raise Bad(row.seq, f"The personal field {name} of entry {row.seq} was edited.")


def _sealed(field: Any, wanted: str) -> bool:
    try:
        return field.value is not None and field.salt is not None and c.seal(field.salt, field.value) == wanted
    except ValueError:
        return False


def _demand_head(conn: Connection, sound: int, until: int | None) -> None:
    found = conn.execute(sa.select(head).where(head.c.id == HEAD)).one_or_none()
    if found is None:
        if sound:
            raise Bad(sound, "The row that holds the head is missing.")
        return
    if until is not None and until < found.seq:
        if sound < until:
            raise Bad(sound + 1, f"Entry {sound + 1} is missing: the end was cut off, the head is {found.seq}.")
        return
    if found.seq > sound:
        raise Bad(sound + 1, f"Entry {sound + 1} is missing: the end was cut off, the head is {found.seq}.")
    if found.seq < sound:
        raise Bad(found.seq + 1, f"Entry {found.seq + 1} was put in behind the head.")
    chain = conn.execute(sa.select(ledger.c.chain).where(ledger.c.seq == sound)).scalar() or c.GENESIS
    if chain != found.chain:
        raise Bad(max(sound, 1), f"Entry {sound} is not the head that was written.")


def _demand_erasures(conn: Connection, sound: int) -> None:
    """Every erased field must be told of by an erasure on record, which says how many there were."""
    query = sa.select(personal.c.erased, sa.func.count(), sa.func.min(personal.c.seq)).group_by(personal.c.erased)
    query = query.where(personal.c.erased.is_not(None), personal.c.seq <= sound).order_by(sa.func.min(personal.c.seq))
    for erased, count, first in conn.execute(query):
        if erased > sound:
            continue  # told of beyond what was asked to be looked at
        text = conn.execute(sa.select(ledger.c.entry).where(ledger.c.seq == erased)).scalar()
        entry = json.loads(text) if text else {}
        if entry.get("happening") != Happening.LEDGER_PERSON_ERASED or entry["evidence"]["fields"] != count:
            raise Bad(first, f"Personal fields of entry {first} were erased without an erasure on record.")
