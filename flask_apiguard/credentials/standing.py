"""May this client act now? One set of columns that every look-up joins, and one judgement over them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from typing import Any

import sqlalchemy as sa

from ..clients.tables import application, client
from ..errors import Denied
from ..values import Caller, ClientFacts, Decision, Entitlement, Environment, Reason, Standing, State

#: Scopes and roles of a client: connection, application, client, environment, the credential's own scopes (None for
#: all that the client holds), now. The room ``access`` answers; the house brings the two together.
Entitle = Callable[[sa.Connection, str, str, Environment, frozenset[str] | None, dt.datetime], Entitlement]

CLIENT = (
    client.c.id.label("client_id"),
    client.c.application_id,
    client.c.environment,
    client.c.name.label("client_name"),
    client.c.standing,
    client.c.plan,
    application.c.organization_id,
    application.c.state,
    application.c.reference,
)
#: Where a client may act: the states of its application that allow its environment.
ACTING: dict[Environment, frozenset[State]] = {
    Environment.SANDBOX: frozenset({State.SANDBOX, State.PRODUCTION}),
    Environment.PRODUCTION: frozenset({State.PRODUCTION}),
}


def with_client(table: sa.Table) -> sa.Join:
    """A table that names clients, joined with them and their applications."""
    return table.join(client, client.c.id == table.c.client_id).join(
        application, application.c.id == client.c.application_id
    )


def facts(row: sa.RowMapping) -> ClientFacts:
    """The client of a joined row."""
    return ClientFacts(
        row["client_id"], row["application_id"], row["organization_id"], row["client_name"],
        Environment(row["environment"]), row["reference"], row["plan"],
    )  # fmt: skip


def subjects(row: sa.RowMapping) -> tuple[str, ...]:
    """What in the change log turns an answer about this client stale."""
    return (
        f"client:{row['client_id']}",
        f"application:{row['application_id']}",
        f"organization:{row['organization_id']}",
        "everything",
    )


def judge_client(row: sa.RowMapping) -> None:
    """Let pass who may act.

    :raises Denied: retired, suspended, or the application's state does not reach this environment.
    """
    if row["state"] == State.RETIRED:
        raise denied(Reason.SUBJECT_RETIRED)
    if row["standing"] != Standing.ACTIVE:
        raise denied(Reason.CLIENT_SUSPENDED)
    if State(row["state"]) not in ACTING[Environment(row["environment"])]:
        raise denied(
            Reason.APPLICATION_NOT_READY,
            f"The application is in state {row['state']}; this credential is for {row['environment']}.",
        )


def judge_credential(row: sa.RowMapping, now: dt.datetime) -> None:
    """Let pass a credential that is in time.

    :raises Denied: revoked, expired, or its overlap with a successor is over.
    """
    if row["revoked_at"] is not None:
        raise denied(Reason.CREDENTIAL_REVOKED, f"It was revoked on {http_date(row['revoked_at'])}.")
    if row["expires_at"] <= now:
        raise denied(Reason.CREDENTIAL_EXPIRED, f"It expired on {http_date(row['expires_at'])}.")
    if row["retire_at"] is not None and row["retire_at"] <= now:
        raise denied(Reason.CREDENTIAL_EXPIRED, f"Its successor replaced it on {http_date(row['retire_at'])}.")


@contextmanager
def proved(row: sa.RowMapping, kind: str) -> Iterator[None]:
    """A refusal inside knows who showed the credential: its secret was right, so the call is theirs on record.

    :raises Denied: with ``proved_by``.
    """
    try:
        yield
    except Denied as refusal:
        refusal.proved_by = Caller(client=facts(row), credential_id=row["id"], credential_kind=kind)
        raise


def denied(reason: Reason, detail: str = "", **facts: Any) -> Denied:
    """A refusal. ``detail`` only for who proved possession."""
    return Denied(Decision(False, reason, detail, **facts))


def http_date(moment: dt.datetime) -> str:
    """An HTTP date (RFC 9110, section 5.6.7)."""
    return format_datetime(moment.astimezone(dt.UTC), usegmt=True)
