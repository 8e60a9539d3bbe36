"""The refusal burst: a client is refused often, and mostly."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from ..events import Query
from ..values import Reason
from .anomalies import Finding

KIND = "refusal_burst"
EVIDENCE_ROWS = 10
CRITICAL_FROM = 75
_SHOWN = ("id", "time", "method", "route", "status", "reason", "need")


@dataclass(frozen=True, slots=True)
class RefusalBurst:
    """At least ``refusals`` of a client's calls ``within`` a time were refused, and more than ``share`` of all."""

    refusals: int = 20
    within: dt.timedelta = dt.timedelta(minutes=5)
    share: float = 0.5

    def look(self, query: Query, client_id: str, since: dt.datetime, now: dt.datetime) -> Finding | None:
        """What the client's calls between ``since`` (or the window's start, if later) and ``now`` amount to."""
        since = max(since, now - self.within)
        if since >= now:
            return None
        counted = query.summary(client=client_id, since=since)
        refused = counted.total - counted.allowed
        if refused < self.refusals or refused <= self.share * counted.total:
            return None
        reasons = {name: count for name, count in counted.by_reason.items() if name != str(Reason.ALLOWED)}
        top = max(reasons, key=lambda name: (reasons[name], name))
        rows = query.calls(client=client_id, since=since, reason=top, limit=EVIDENCE_ROWS).events
        evidence = tuple({name: row.get(name) for name in _SHOWN} for row in rows)
        score = min(100, 50 + round(50 * math.log10(refused / self.refusals)))
        first = counted.first or since
        sentences = (
            self._what(refused, counted.total, reasons[top], top),
            f"It began at {first:%H:%M:%S} UTC on {first:%Y-%m-%d} and shows on {_routes(evidence)}.",
            _advice(top),
        )
        return Finding(KIND, score, "critical" if score >= CRITICAL_FROM else "warning", sentences, evidence)

    def _what(self, refused: int, total: int, most: int, reason: str) -> str:
        known = _reason(reason)
        title = f"{known.title[0].lower()}{known.title[1:]}" if known is not None else reason
        minutes = max(1, round(self.within.total_seconds() / 60))
        span = "minute" if minutes == 1 else f"{minutes} minutes"
        return f"{refused} of {total} calls in the last {span} were refused, {most} of them because {title} ({reason})."


def _reason(name: str) -> Reason | None:
    try:
        return Reason(name)  # type: ignore[call-arg]
    except ValueError:
        return None


def _routes(evidence: tuple[dict[str, Any], ...]) -> str:
    routes = sorted({f"{one['method']} {one['route'] or '(no route)'}" for one in evidence})
    shown = ", ".join(routes[:3])
    return shown if len(routes) <= 3 else f"{shown} and {len(routes) - 3} more"


def _advice(reason: str) -> str:
    known = _reason(reason)
    hint = f' They are told: "{known.action}"' if known is not None else ""
    return f"Ask its contacts whether they changed something, and suspend the client if nobody knows.{hint}"
