"""Access events for tests."""

from __future__ import annotations

from typing import Any

from flask_apiguard.values import AccessEvent, Phase

NOW = 1_795_000_000.0


def event(number: int | str, **fields: Any) -> AccessEvent:
    """A usual allowed call; fields by keyword replace what is usual."""
    usual: dict[str, Any] = {
        "id": f"req_{number}",
        "phase": Phase.CALL,
        "time": NOW,
        "method": "GET",
        "path": f"/api/v1/orders/{number}",
        "route": "/api/v1/orders/<int:id>",
        "endpoint": "orders.one",
        "organization": "org_1",
        "application": "app_1",
        "client": "cli_1",
        "environment": "sandbox",
        "credential": "key_1",
        "credential_kind": "api-key",
        "allowed": True,
        "reason": "gate:request:allowed",
        "need": "orders:read",
        "have": "orders:read orders:write",
        "status": 200,
        "latency": 812,
        "bytes_out": 120,
        "address": "203.0.113.7",
        "peer": "203.0.113.7",
        "agent": "python-requests/2.32",
    }
    return AccessEvent(**usual | fields)
