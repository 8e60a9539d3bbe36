"""Access events as JSON lines in the fields of the Elastic Common Schema, for any agent that follows a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ECS_VERSION = "8.17.0"
#: Our field -> theirs, where a field has a place of its own.
_PLACES = {
    "time": "@timestamp",
    "id": "event.id",
    "method": "http.request.method",
    "path": "url.path",
    "status": "http.response.status_code",
    "bytes_in": "http.request.body.bytes",
    "bytes_out": "http.response.body.bytes",
    "referer": "http.request.referrer",
    "address": "client.address",
    "agent": "user_agent.original",
    "trace": "trace.id",
    "user": "user.id",
    "reason": "event.reason",
    "inbound_id": "http.request.id",
}


def as_ecs(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event with dotted ECS names; what ECS has no field for stands under ``labels``. Absent ones are left out."""
    fields: dict[str, Any] = {
        "ecs.version": ECS_VERSION,
        "event.kind": "event",
        "event.category": ["web"],
        "event.dataset": "apiguard.access",
        "event.action": f"api-{event['phase']}",
        "event.outcome": "success" if event["allowed"] and event["status"] < 400 else "failure",
        "event.duration": event["latency"] * 1000,  # nanoseconds there, microseconds here
    }
    for name, value in event.items():
        if value is None or value == "" or name in ("v", "latency"):
            continue
        if name in _PLACES:
            fields[_PLACES[name]] = value
        else:
            fields[f"labels.{name}"] = str(value).lower() if isinstance(value, bool) else str(value)
    return fields


class JsonLinesSink:
    """Appends to a file; when a rotation has moved it away, goes on in a new one under the old name."""

    def __init__(self, path: str | Path, *, required: bool = False, name: str = "json-lines") -> None:
        self.name = name
        self.required = required
        self._path = Path(path)

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Append the batch.

        :raises OSError: it could not be written whole.
        """
        data = b"".join(json.dumps(as_ecs(event), separators=(",", ":")).encode() + b"\n" for event in events)
        # Opened for each batch: that finds a rotated file at once and leaves nothing open across a fork.
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            if _ends_torn(fd):
                data = b"\n" + data
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
        finally:
            os.close(fd)


def _ends_torn(fd: int) -> bool:
    """Whether the last batch was cut off in a line, by a full disk or a crash; it comes again whole."""
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) != b"\n"
