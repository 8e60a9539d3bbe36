"""Reviews as values, and reading them. What time alone decides is computed here, whenever somebody reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ..access import Risk
from ..clients.rows import page, typed
from ..db import Transaction
from ..errors import Missing
from ..values import Environment
from . import tables
from .desk import Source


class Kind(StrEnum):
    """What is asked for."""

    PRODUCTION = "production"
    SCOPES = "scopes"
    PLAN = "plan"
    RECERTIFICATION = "recertification"
    RESUME = "resume"


class ReviewState(StrEnum):
    """How a review stands. ``asked``: the requester's turn. ``closed``: its application was retired meanwhile."""

    OPEN = "open"
    ASKED = "asked"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLOSED = "closed"


class Basis(StrEnum):
    """On what a decision rests: the policy alone, people, or the invitation of an operator."""

    POLICY = "policy"
    PEOPLE = "people"
    INVITATION = "invitation"


LIVE = (ReviewState.OPEN, ReviewState.ASKED)


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's approval. ``voter`` is ``person:<id>``."""

    voter: str
    scopes: tuple[str, ...]
    until: dt.datetime | None
    reason: str
    at: dt.datetime
    application_version: int


@dataclass(frozen=True, slots=True)
class Message:
    """A question or its answer."""

    id: str
    kind: str
    by: str
    at: dt.datetime
    text: str


@dataclass(frozen=True, slots=True)
class Review:
    """A request for more, its evidence and its decision.

    ``needed`` is how many people must approve. ``evidence`` has ``checks``, ``graduation``, ``scopes`` (``held``,
    ``asked``, ``added``), ``risks`` and ``routes`` (newly reachable). ``requested_by`` is ``kind:id``.
    """

    id: str
    application_id: str
    organization_id: str
    kind: Kind
    environment: Environment
    state: ReviewState
    scopes: tuple[str, ...]
    reason: str
    risk: Risk
    needed: int
    basis: Basis
    requested_by: str
    requested_at: dt.datetime
    deadline: dt.datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    plan: str | None = None
    client_id: str | None = None
    remaining: int | None = None
    noticed_at: dt.datetime | None = None
    exception: bool = False
    sampled: bool = False
    approved_scopes: tuple[str, ...] = ()
    until: dt.datetime | None = None
    decided_at: dt.datetime | None = None
    decided_by: str | None = None
    decision_reason: str = ""
    version: int = 1
    votes: tuple[Vote, ...] = ()
    messages: tuple[Message, ...] = ()

    @property
    def live(self) -> bool:
        """Whether it still waits for somebody."""
        return self.state in LIVE


_ENUMS: Mapping[str, Any] = {
    "kind": Kind, "environment": Environment, "state": ReviewState, "risk": Risk, "basis": Basis,
}  # fmt: skip
_COLUMNS = [column.name for column in tables.review.c]


def get(source: Source, review_id: str, now: dt.datetime, *, locked: bool = False) -> Review:
    """One review with its votes and messages; ``locked`` keeps others from changing it until the transaction ends.

    :raises Missing: there is none.
    """
    query = sa.select(tables.review).where(tables.review.c.id == review_id)
    if locked:
        query = query.with_for_update()
    row = source.execute(query).one_or_none()
    if row is None:
        raise Missing(f"There is no review {review_id[:60]}.")
    return _review(row, now, _votes(source, review_id), _messages(source, review_id))


def find(
    source: Source,
    now: dt.datetime,
    *,
    state: ReviewState | None = None,
    organization_ids: Collection[str] | None = None,
    application_id: str | None = None,
    sampled: bool | None = None,
    exception: bool | None = None,
    after: str = "",
    limit: int = 50,
) -> list[Review]:
    """A page of reviews in the order of their making; filters combine by AND. Votes and messages are not read."""
    table = tables.review
    query = page(table, after, limit)
    if organization_ids is not None:
        query = query.where(table.c.organization_id.in_(organization_ids))
    if application_id is not None:
        query = query.where(table.c.application_id == application_id)
    if sampled is not None:
        query = query.where(table.c.sampled == sampled)
    if exception is not None:
        query = query.where(table.c.exception == exception)
    if state is not None:
        query = query.where(_in_state(state, now))
    return [_review(row, now) for row in source.execute(query)]


def _in_state(state: ReviewState, now: dt.datetime) -> sa.ColumnElement[bool]:
    table = tables.review
    if state in LIVE:
        return sa.and_(table.c.state == state, table.c.deadline > now)
    if state is ReviewState.EXPIRED:
        return sa.or_(table.c.state == state, sa.and_(table.c.state.in_(LIVE), table.c.deadline <= now))
    return table.c.state == state


def _review(row: Any, now: dt.datetime, votes: tuple[Vote, ...] = (), messages: tuple[Message, ...] = ()) -> Review:
    read = typed(row._mapping, _COLUMNS, _ENUMS)
    if read["state"] in LIVE and read["deadline"] <= now:
        read["state"] = ReviewState.EXPIRED
    return Review(**read, votes=votes, messages=messages)


def _votes(source: Source, review_id: str) -> tuple[Vote, ...]:
    table = tables.review_vote
    rows = source.execute(sa.select(table).where(table.c.review_id == review_id).order_by(table.c.at, table.c.voter))
    return tuple(
        Vote(row.voter, tuple(row.scopes), row.until, row.reason, row.at, row.application_version) for row in rows
    )


def _messages(source: Source, review_id: str) -> tuple[Message, ...]:
    table = tables.review_message
    rows = source.execute(sa.select(table).where(table.c.review_id == review_id).order_by(table.c.id))
    return tuple(Message(row.id, row.kind, row.by, row.at, row.text) for row in rows)


def write(tx: Transaction, review: Review) -> None:
    """Store a new review."""
    values = {name: getattr(review, name) for name in _COLUMNS}
    tx.execute(tables.review.insert().values({
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }))  # fmt: skip


def turn(tx: Transaction, review: Review, **values: Any) -> bool:
    """Change a review that nobody touched since it was read. False when somebody did."""
    table = tables.review
    done = tx.execute(
        table.update()
        .where(table.c.id == review.id, table.c.version == review.version, table.c.state.in_(LIVE))
        .values(version=review.version + 1, **values)
    )
    return done.rowcount == 1
