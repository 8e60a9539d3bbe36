"""Into the sandbox: checks, a client, its low-risk scopes and a credential at once; the other scopes by review."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..access import give
from ..clients import Application, Client, registry
from ..credentials import Credential
from ..db import Transaction
from ..values import By, Environment, State
from . import asking, moves
from .desk import Desk
from .policy import highest
from .records import Kind, Review

_REASON = "Requested at registration."


@dataclass(frozen=True, slots=True)
class Entered:
    """What entering the sandbox made. ``secret`` is shown once. ``review`` asks for the scopes that weren't given."""

    application: Application
    client: Client
    credential: Credential
    secret: str = field(repr=False)
    review: Review | None = None


def enter_sandbox(tx: Transaction, desk: Desk, by: By, application_id: str) -> Entered:
    """Move, and hand out what needs nobody's word.

    :raises Conflict: not a draft, or a check blocks.
    """
    moved, client = move(tx, desk, by, application_id)
    rest = _rest(tx, desk, moved)
    credential, secret = desk.keys.create(tx, by, client.id, name="sandbox", reason=_REASON)
    review = None
    if rest:
        review = asking.request(
            tx, desk, by, application_id, Kind.SCOPES, environment=Environment.SANDBOX, reason=_REASON, scopes=rest
        )
    return Entered(moved, client, credential, secret, review)


def move(tx: Transaction, desk: Desk, by: By, application_id: str, reason: str = "") -> tuple[Application, Client]:
    """The move with its client and its low-risk scopes, without a credential."""
    moved = moves.make(tx, desk, by, application_id, State.SANDBOX, reason=reason)
    client = registry.create_client(tx, by, application_id, Environment.SANDBOX)
    at_once = set(moved.requested_scopes) - set(_rest(tx, desk, moved))
    give(tx, by, application_id, Environment.SANDBOX, at_once, reason=_REASON)
    return moved, client


def _rest(tx: Transaction, desk: Desk, application: Application) -> list[str]:
    """Requested scopes that somebody has to look at."""
    found = desk.scopes.find(tx, application.requested_scopes)
    return [scope.name for scope in found if desk.policy.seats_needed(highest([scope])) > 0]
