"""The ledger's tables. Columns beside ``entry`` exist to be searched; what counts is the entry's text."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Instant, Json, metadata

#: Wide enough for 64-bit numbers, and still SQLite's own row number.
Sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")

ledger = sa.Table(
    "apiguard_ledger",
    metadata,
    sa.Column("seq", Sequence, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False, index=True),
    sa.Column("happening", sa.String(80), nullable=False),
    sa.Column("actor_kind", sa.String(20), nullable=False),
    sa.Column("actor_id", sa.String(160), nullable=False),
    sa.Column("organization_id", sa.String(64)),
    sa.Column("subject", sa.String(160), nullable=False),
    sa.Column("request_id", sa.String(160), nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("leaf", sa.String(64), nullable=False),
    sa.Column("chain", sa.String(64), nullable=False),
    sa.Index(None, "subject", "seq"),
    sa.Index(None, "actor_id", "seq"),
    sa.Index(None, "organization_id", "seq"),
    sa.Index(None, "happening", "seq"),
)

#: ``owner`` is whose data it is, ``person:…`` for a person. Erasing takes value and salt, without which the seal in
#: the entry says nothing, and leaves in ``erased`` the seq of the entry that tells of it.
personal = sa.Table(
    "apiguard_ledger_personal",
    metadata,
    sa.Column("seq", Sequence, primary_key=True, autoincrement=False),
    sa.Column("field", sa.String(200), primary_key=True),
    sa.Column("owner", sa.String(181), nullable=False, index=True),
    sa.Column("value", sa.Text),
    sa.Column("salt", sa.String(32)),
    sa.Column("erased", sa.BigInteger, index=True),
)

#: One row: the place where all writers queue, and what a cut-off tail is found against.
head = sa.Table(
    "apiguard_ledger_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("chain", sa.String(64), nullable=False),
)

#: ``extra`` is what was signed along with the head: the event chain's head, for one.
checkpoint = sa.Table(
    "apiguard_checkpoint",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False, index=True),
    sa.Column("chain", sa.String(64), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.Column("public_key", sa.String(64), nullable=False),
    sa.Column("signature", sa.String(128), nullable=False),
    sqlite_autoincrement=True,
)
