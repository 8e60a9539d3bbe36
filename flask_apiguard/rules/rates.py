"""Rates as people write them: so many calls in so long."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
