"""The tables of this room: checks, waivers, reviews, graduation, and what was announced under which lease."""

from __future__ import annotations

import sqlalchemy as sa

from ..clients.tables import application, client
from ..db import Instant, Json, index_where, metadata

_open: sa.ColumnElement[bool] = sa.literal_column("state IN ('open', 'asked')")

#: The latest result of each check. What was found before stands in the ledger.
check = sa.Table(
    "apiguard_check",
    metadata,
    sa.Column("application_id", sa.String(40), sa.ForeignKey(application.c.id), primary_key=True),
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("fix", sa.Text, nullable=False, default=""),
    sa.Column("facts", Json, nullable=False, default=dict),
    sa.Column("at", Instant, nullable=False),
)

waiver = sa.Table(
    "apiguard_waiver",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("application_id", sa.String(40), sa.ForeignKey(application.c.id), nullable=False, index=True),
    sa.Column("check", sa.String(80), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("by", sa.String(160), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("seconded_by", sa.String(160)),
    sa.Column("seconded_at", Instant),
)

review = sa.Table(
    "apiguard_review",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("application_id", sa.String(40), sa.ForeignKey(application.c.id), nullable=False, index=True),
    sa.Column("organization_id", sa.String(40), nullable=False, index=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("environment", sa.String(20), nullable=False),
    sa.Column("scopes", Json, nullable=False, default=list),
    sa.Column("left_out", Json, nullable=False, default=list),
    sa.Column("plan", sa.String(80)),
    sa.Column("client_id", sa.String(40)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("risk", sa.String(20), nullable=False),
    sa.Column("needed", sa.Integer, nullable=False),
    sa.Column("basis", sa.String(20), nullable=False),
    sa.Column("evidence", Json, nullable=False, default=dict),
    sa.Column("requested_by", sa.String(160), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("deadline", Instant, nullable=False, index=True),
    # Seconds that were left on the reviewers' clock when they asked; it stands still until the answer.
    sa.Column("remaining", sa.Integer),
    # When the notice went out that the house's only administrator may decide alone.
    sa.Column("noticed_at", Instant),
    sa.Column("exception", sa.Boolean, nullable=False, default=False),
    sa.Column("sampled", sa.Boolean, nullable=False, default=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("approved_scopes", Json, nullable=False, default=list),
    sa.Column("until", Instant),
    sa.Column("decided_at", Instant),
    sa.Column("decided_by", sa.String(160)),
    sa.Column("decision_reason", sa.Text, nullable=False, default=""),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Index(None, "state", "id"),
    # Of two who ask for the same at once, one finds it asked for already.
    index_where("uq_apiguard_review_open", "application_id", "kind", "environment", where=_open, unique=True),
)

review_vote = sa.Table(
    "apiguard_review_vote",
    metadata,
    sa.Column("review_id", sa.String(40), sa.ForeignKey(review.c.id), primary_key=True),
    sa.Column("voter", sa.String(160), primary_key=True),
    sa.Column("scopes", Json, nullable=False, default=list),
    sa.Column("until", Instant),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    # What the voter looked at: a vote for an application that was edited since counts no more.
    sa.Column("application_version", sa.Integer, nullable=False),
)

review_message = sa.Table(
    "apiguard_review_message",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("review_id", sa.String(40), sa.ForeignKey(review.c.id), nullable=False, index=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("by", sa.String(160), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

#: Steps that observed calls fulfilled; kept here because the calls themselves are forgotten after a while.
graduation = sa.Table(
    "apiguard_graduation",
    metadata,
    sa.Column("application_id", sa.String(40), sa.ForeignKey(application.c.id), primary_key=True),
    sa.Column("step", sa.String(140), primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("request_id", sa.String(80), nullable=False, default=""),
)

#: What an operator's file says of checks and graduation, above what they are by themselves.
onboarding_setting = sa.Table(
    "apiguard_onboarding_setting",
    metadata,
    sa.Column("name", sa.String(140), primary_key=True),
    sa.Column("value", Json, nullable=False),
)

#: Who suspended a client last, because only they may take it back at once.
suspension = sa.Table(
    "apiguard_suspension",
    metadata,
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), primary_key=True),
    sa.Column("by", sa.String(160), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("cause", sa.String(20), nullable=False),
)

lease = sa.Table(
    "apiguard_lease",
    metadata,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("holder", sa.String(60), nullable=False),
    sa.Column("until", Instant, nullable=False),
)

#: What was said once and is not said again.
announced = sa.Table(
    "apiguard_announced",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("at", Instant, nullable=False, index=True),
)
