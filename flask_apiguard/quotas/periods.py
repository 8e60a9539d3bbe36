"""Rates and calendar periods: reading them, and where a period begins and ends in a time zone."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

PERIODS = ("hour", "day", "week", "month")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(
    r"\s*([0-9]{1,12})\s*(?:/|\bper\b)\s*(?:([0-9]{1,6})\s*)?(second|minute|hour|day)s?\s*", re.IGNORECASE
)
#: The longest sliding window: longer allowances are quotas, whose period people know.
LONGEST_RATE = 86_400


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds, sliding."""

    amount: int
    seconds: int

    def __str__(self) -> str:
        for unit in ("day", "hour", "minute", "second"):
            if self.seconds % _UNITS[unit] == 0:
                times = self.seconds // _UNITS[unit]
                return f"{self.amount} per {unit}" if times == 1 else f"{self.amount} per {times} {unit}s"
        raise AssertionError("every number of seconds is seconds")


def parse_rates(text: object) -> tuple[Rate, ...]:
    """Read ``"20/second"``, ``"100 per 5 minutes"``, or several of them with ``;`` between.

    :raises ValueError: says what a rate looks like.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > 200:
        raise ValueError('a rate such as "20/second" or "100 per 5 minutes"')
    return tuple(_parse_rate(part) for part in text.split(";"))


def _parse_rate(text: str) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError(f'a rate such as "20/second" or "100 per 5 minutes", not {text.strip()[:40]!r}')
    rate = Rate(int(found[1]), int(found[2] or 1) * _UNITS[found[3].lower()])
    if rate.amount < 1 or not 1 <= rate.seconds <= LONGEST_RATE:
        raise ValueError("a rate of at least one call, in a second to a day; for longer write a quota")
    return rate


def period(per: str, zone: ZoneInfo, at: float) -> tuple[int, int]:
    """Start and end, in milliseconds since the epoch, of the period that ``at`` (seconds) lies in.

    Days, weeks (from Monday) and months begin at midnight of the zone's own clock, so a day may have 23 or 25 hours.
    Hours are those of UTC: some zones move their clocks by half of one.
    """
    if per == "hour":
        start = int(at // 3600) * 3_600_000
        return start, start + 3_600_000
    first = dt.datetime.fromtimestamp(at, zone).date()
    if per == "week":
        first -= dt.timedelta(days=first.weekday())
        last = first + dt.timedelta(days=7)
    elif per == "month":
        first = first.replace(day=1)
        last = (first + dt.timedelta(days=32)).replace(day=1)
    else:
        last = first + dt.timedelta(days=1)
    return _midnight(first, zone), _midnight(last, zone)


def _midnight(day: dt.date, zone: ZoneInfo) -> int:
    """When a day begins. Where clocks go forward at midnight the missing hour is read with the old offset: 01:00."""
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000
