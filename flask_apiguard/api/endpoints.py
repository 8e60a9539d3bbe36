"""All endpoints, noun by noun: the one table."""

from __future__ import annotations

from . import (
    access,
    anomalies,
    applications,
    calls,
    checks,
    clients,
    credentials,
    documents,
    explain,
    ledger,
    members,
    organizations,
    people,
    plans,
    reviews,
    settings,
    tokens,
    usage,
)
from .table import Endpoint

MODULES = (
    people, tokens, members, organizations, applications, checks, reviews, clients, credentials, access, plans, usage,
    calls, explain, anomalies, ledger, settings, documents,
)  # fmt: skip
ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for module in MODULES for endpoint in module.table.endpoints)
