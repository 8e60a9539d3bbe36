"""Comparing the chain with the heads that were signed, in the store and in the file outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from . import canonical as c
from .checkpoints import Checkpoint, Damaged, Signer, lines
from .tables import checkpoint, ledger

CHUNK = 500


class Bad(Exception):
    """Something found wrong; ``seq`` is the first entry that it concerns, None when it is a checkpoint itself."""

    def __init__(self, seq: int | None, wrong: str) -> None:
        super().__init__(wrong)
        self.seq = seq


def contradiction(
    conn: Connection, signer: Signer, file: Path | None, until: int | None, sound: int, whole: bool
) -> Bad | None:
    """The earliest contradiction between the entries up to ``sound``, whose chain was recomputed, and the signed heads.

    ``whole`` says that the ledger claims to end at ``sound``, so that nothing beyond may have been signed.
    """
    confirmed = 0
    rewritten: int | None = None
    others: list[Bad] = []
    for batch in _batches(conn, file):
        wanted = {one.seq for one, _ in batch if isinstance(one, Checkpoint)}
        query = sa.select(ledger.c.seq, ledger.c.chain).where(ledger.c.seq.in_(wanted))
        chains = {0: c.GENESIS, **{row.seq: row.chain for row in conn.execute(query)}}
        for one, where in batch:
            if bad := _unusable(one, where, signer):
                others = others or [bad]
            elif isinstance(one, Checkpoint) and one.seq > sound:
                if whole and until is None:
                    cut = f"Entry {sound + 1} is missing: {where} holds a signed checkpoint of entry {one.seq}."
                    others = [Bad(sound + 1, cut)]
            elif isinstance(one, Checkpoint) and chains.get(one.seq) == one.chain:
                confirmed = max(confirmed, one.seq)
            elif isinstance(one, Checkpoint):
                rewritten = min(rewritten or one.seq, one.seq)
    if rewritten is not None:
        # A chain never returns to a signed head once it left it, so all that are confirmed lie before.
        span = f"Entry {rewritten}" if rewritten == confirmed + 1 else f"An entry from {confirmed + 1} to {rewritten}"
        return Bad(confirmed + 1, f"{span} was rewritten: the head signed at {rewritten} is another.")
    return others[0] if others else None


def _unusable(one: Checkpoint | Damaged, where: str, signer: Signer) -> Bad | None:
    if isinstance(one, Damaged):
        return Bad(None, f"Line {one.line} of {where} is not a checkpoint.")
    if not signer.signed(one):
        return Bad(None, f"The checkpoint of entry {one.seq} in {where} was not signed with a key that we trust.")
    return None


def _batches(conn: Connection, file: Path | None) -> Iterator[list[tuple[Checkpoint | Damaged, str]]]:
    batch: list[tuple[Checkpoint | Damaged, str]] = []
    for one in _signed_heads(conn, file):
        batch.append(one)
        if len(batch) == CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch


def _signed_heads(conn: Connection, file: Path | None) -> Iterator[tuple[Checkpoint | Damaged, str]]:
    after = 0
    while True:
        query = sa.select(checkpoint).where(checkpoint.c.id > after).order_by(checkpoint.c.id).limit(CHUNK)
        rows = list(conn.execute(query))
        if not rows:
            break
        after = rows[-1].id
        for row in rows:
            yield Checkpoint(row.seq, row.chain, row.at, row.extra, row.public_key, row.signature), "the store"
    if file is not None:
        for line in lines(file):
            yield line, str(file)
