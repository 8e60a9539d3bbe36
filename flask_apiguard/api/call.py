"""What a handler is given, and what it gives back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa
from flask import Request

from ..db import Transaction
from ..errors import Denied, Missing
from ..insisting import Headers
from ..people import Act, Origin, may
from ..values import Actor, By, Caller, Decision, Reason
from .table import Endpoint

if TYPE_CHECKING:
    from ..house import House

VERSION = "v1"
BASE = f"/apiguard/api/{VERSION}"


@dataclass(frozen=True)
class Next:
    """One thing that can be done next, and why."""

    action: str
    method: str
    href: str
    why: str


@dataclass(frozen=True)
class Answer:
    """What a handler answers: a value for the endpoint's schema, or ``raw`` bytes, and what can be done next.

    ``insisted`` goes with ``raw``: headers that no hook of the host's changes.
    """

    value: Any = None
    next: Sequence[Next] = ()
    cursor: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Iterator[bytes] | bytes | None = None
    insisted: Headers = ()


@dataclass
class Call:
    """One call of one endpoint. ``by`` is who acts; ``caller`` is set when that is a client."""

    house: House
    request: Request
    endpoint: Endpoint
    path: Mapping[str, str]
    origin: Origin
    by: By
    caller: Caller | None = None
    session: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection to the state store."""
        return self.house.store.read()

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction on the state store."""
        return self.house.store.write()

    @property
    def person_id(self) -> str:
        """The person who calls.

        :raises Denied: it is a client.
        """
        if self.by.kind is not Actor.PERSON:
            raise Denied(Decision(False, Reason.API_UNAUTHENTICATED))
        return self.by.id

    def href(self, path: str, **parts: str) -> str:
        """The address of an endpoint, from its path in the table."""
        return href(self.request, path, **parts)

    def next(self, action: str, method: str, path: str, why: str, **parts: str) -> Next:
        """One thing to do next."""
        return Next(action, method, self.href(path, **parts), why)

    def followed(self, found: Iterable[Any]) -> list[Next]:
        """What ``onboarding`` says comes next, with addresses below the place where this app is mounted."""
        root = self.request.environ.get("SCRIPT_NAME", "")
        return [Next(one.action, one.method, _rooted(one.href, root), one.why) for one in found]

    def organizations(self, act: Act) -> list[str] | None:
        """The organizations in which this actor may do this; None: in all of them.

        A narrowed token still belongs to its person's other organizations, but may nothing there.
        """
        if may(self.by, act):
            return None
        places = {seat.partition("@")[2] for seat in self.by.seats if "@" in seat}
        return sorted(place for place in places if may(self.by, act, place))

    def may(self, act: Act, organization_id: str | None = None) -> bool:
        """Whether this actor may."""
        return may(self.by, act, organization_id)

    def demand_version(self, version: int) -> None:
        """Go on only when the caller read what is written now (RFC 9110, section 13.1.1).

        :raises Denied: 428 without If-Match, 412 when somebody else was faster.
        """
        told = self.request.headers.get("If-Match")
        if told is None:
            raise Denied(Decision(False, Reason.API_VERSION_MISSING))
        if told.strip() != "*" and f'"{version}"' not in [one.strip().removeprefix("W/") for one in told.split(",")]:
            raise Denied(Decision(False, Reason.API_VERSION_STALE, have=str(version)))

    def organization(self) -> str:
        """The organization that the caller acts for.

        :raises Missing: it sits in several, or in none, and named none of them.
        """
        if self.by.organization_id is None:
            raise Missing(
                "It is not said for which organization you act.", "Name it in the Apiguard-Organization header."
            )
        return self.by.organization_id


def href(request: Request, path: str, **parts: str) -> str:
    """The address of an endpoint, from its path in the table, below the place where this app is mounted."""
    filled = re.sub(r"<(\w+)>", lambda found: quote(parts[found[1]], safe=":@"), path)
    return f"{request.environ.get('SCRIPT_NAME', '')}{BASE}{filled}"


def _rooted(href: str, root: str) -> str:
    if href.startswith(root + "/apiguard/"):
        return href
    return root + href if href.startswith("/apiguard/") else f"{root}{BASE}{href}"
