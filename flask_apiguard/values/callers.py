"""Who calls, and who acts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .words import Actor, Environment


@dataclass(frozen=True, slots=True)
class HostUser:
    """The host's end user, as ``@guard.host_user`` returns it. ``id`` is the host's own, opaque to us.

    It is a text that is not empty, or a whole number, which becomes one: who has neither is not signed in. Where the
    host names no users, ``person:per_…`` is somebody with an account of ours; no user of a host's may be named so.
    """

    id: str
    name: str = ""
    email: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


_ACCOUNT = re.compile(r"person:per_[0-9a-z]{26}")


def account(person_id: str) -> str:
    """The user's id of a person with an account of ours: ``person:per_…``, which no host's user can have."""
    return f"person:{person_id}"


def person_of(user_id: str) -> str:
    """The person's id in what ``account`` made of it."""
    return user_id.removeprefix("person:")


def is_account(user_id: str) -> bool:
    """Whether a user's id is that of a person with an account of ours."""
    return _ACCOUNT.fullmatch(user_id) is not None


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """The client behind a caller, as it stood when its credential was verified."""

    id: str
    application_id: str
    organization_id: str
    name: str
    environment: Environment
    reference: str | None = None
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a client may do now: scopes and roles, until when (seconds since the epoch), resting on which subjects."""

    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    expires_at: float = float("inf")
    subjects: tuple[str, ...] = ()


class Kept:
    """What rooms put together for one caller. It ends with the caller, so nothing else has to forget it."""

    __slots__ = ("cleared", "line", "sheets")

    def __init__(self) -> None:
        #: The demands of which all that is asked of the caller alone was answered well; of the gate.
        self.cleared: dict[Any, bool] = {}
        #: The part of its access events that says who it is; of events.
        self.line: str | None = None
        #: What its calls count against, by what the route limits; of quotas.
        self.sheets: dict[Any, Any] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Who the gate found behind a request.

    ``expires_at`` is seconds since the epoch (the earliest moment at which anything that this caller rests on
    ends). ``subjects`` are the names in the change log that turn this caller stale. Falsy when nobody proved
    anything (``ANONYMOUS``).
    """

    client: ClientFacts | None = None
    user: HostUser | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    credential_id: str | None = None
    credential_kind: str | None = None
    is_first_party: bool = False
    expires_at: float = float("inf")
    subjects: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    #: The key that every call must prove beside the token (``cnf``, RFC 7800); None for what whoever holds it may use.
    cnf: Mapping[str, Any] | None = None
    #: Scopes that its client holds, and may use only by a token that is bound to a key.
    withheld: frozenset[str] = frozenset()
    #: Whether its plan lets it call by such a token only.
    must_bind: bool = False
    kept: Kept = field(default_factory=Kept, init=False, repr=False)

    @property
    def environment(self) -> Environment | None:
        """The client's environment; None for a first party and for nobody."""
        return self.client.environment if self.client is not None else None

    @property
    def reference(self) -> str | None:
        """The host's own id of the customer or tenant behind the application."""
        return self.client.reference if self.client is not None else None

    def may(self, scope: str) -> bool:
        """Whether this caller holds the scope. A first party acts as its user, whom the host itself authorizes."""
        return self.is_first_party or scope in self.scopes

    def __bool__(self) -> bool:
        return self.client is not None or self.is_first_party


ANONYMOUS = Caller()


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, and from where: the actor of every governed act.

    ``id`` is a person's or client's id, or the operating system's user for a command. ``name`` is personal and
    never enters a proof. ``request_id`` and ``address`` are empty for commands.

    ``narrowed``: a person acts through a token that may less than its person, so "it is myself" is not enough.
    ``token_id`` names the session or person token by which a person acts.
    """

    kind: Actor
    id: str
    name: str = ""
    organization_id: str | None = None
    seats: frozenset[str] = frozenset()
    request_id: str = ""
    address: str = ""
    narrowed: bool = False
    token_id: str | None = None


SYSTEM = By(Actor.SYSTEM, "apiguard")
