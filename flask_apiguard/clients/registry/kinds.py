"""What this room keeps, as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...values import Environment, Standing, State


@dataclass(frozen=True, slots=True)
class Organization:
    """Who owns applications."""

    id: str
    name: str
    created_at: dt.datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Application:
    """One integration. ``requested_scopes`` maps each scope to the reason given for it."""

    id: str
    organization_id: str
    name: str
    created_at: dt.datetime
    moved_at: dt.datetime
    state: State
    purpose: str = ""
    contact_email: str = field(default="", repr=False)
    contact_proved_at: dt.datetime | None = None
    redirect_uris: tuple[str, ...] = ()
    requested_scopes: Mapping[str, str] = field(default_factory=dict)
    requested_plan: str | None = None
    data_class: str = ""
    expected_calls_per_day: int | None = None
    addresses: tuple[str, ...] = ()
    reference: str | None = None
    invited: bool = False
    recertify_at: dt.datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Client:
    """An application's identity in one environment; its id is the OAuth ``client_id``."""

    id: str
    application_id: str
    environment: Environment
    name: str
    standing: Standing
    created_at: dt.datetime
    standing_reason: str = ""
    suspended_at: dt.datetime | None = None
    plan: str | None = None
    version: int = 1


#: What may be edited after registration; everything else moves by a review or not at all.
EDITABLE = frozenset({
    "name", "purpose", "contact_email", "redirect_uris", "requested_scopes", "requested_plan", "data_class",
    "expected_calls_per_day", "addresses",
})  # fmt: skip
