"""Calendar periods: where one begins and ends in a time zone."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

PERIODS = ("hour", "day", "week", "month")


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
