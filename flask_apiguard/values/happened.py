"""What happened: the record of one call, what a check found, and the moment of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .words import Phase, Verdict


@dataclass(slots=True)
class AccessEvent:
    """The record of one API call. The fields are fixed for good; a new one may be added, none is renamed.

    ``id`` is the request id (a stream's two records share it and differ in ``phase``); ``time`` is seconds since
    the epoch at the request's start; ``latency`` microseconds; ``fingerprint`` identifies what an unproved caller
    presented without revealing it.
    """

    id: str
    phase: Phase
    time: float
    method: str
    path: str
    route: str | None = None
    endpoint: str | None = None
    organization: str | None = None
    application: str | None = None
    client: str | None = None
    environment: str | None = None
    credential: str | None = None
    credential_kind: str | None = None
    fingerprint: str | None = None
    user: str | None = None
    first_party: bool = False
    mode: str = "enforce"
    allowed: bool = False
    reason: str = ""
    need: str = ""
    have: str = ""
    status: int = 0
    latency: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    address: str = ""
    peer: str = ""
    agent: str = ""
    trace: str | None = None
    inbound_id: str | None = None
    referer: str | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a check found. ``fix`` says how to mend a failure, in one sentence; ``facts`` are what was seen."""

    verdict: Verdict
    detail: str
    fix: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def instant(seconds: float) -> dt.datetime:
    """Seconds since the epoch as an aware UTC datetime."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
