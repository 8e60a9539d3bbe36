"""What a plan holds: its items, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import Invalid
from ..rules.rates import Rate, parse_rates
from ..values import Flaw
from .periods import PERIODS

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_MEMBERS = {"name", "rate", "quota", "per", "timezone", "scope", "endpoints"}
ITEMS_AT_MOST = 20
AMOUNT_AT_MOST = 10**12


@dataclass(frozen=True, slots=True)
class Item:
    """One limit (``rate``) or quota (``quota`` per ``per``) of a plan.

    With ``scope`` it counts only on routes that demand the scope; with ``endpoints`` only where a pattern fits the
    endpoint, or endpoint and method (``"orders.* POST"``).
    """

    name: str
    rate: Rate | None = None
    quota: int = 0
    per: str = "day"
    timezone: str = "UTC"
    scope: str | None = None
    endpoints: tuple[str, ...] = ()

    @property
    def amount(self) -> int:
        """How much is allowed."""
        return self.rate.amount if self.rate else self.quota

    def covers(self, endpoint: str, method: str, scopes: frozenset[str]) -> bool:
        """Whether a route counts against this item."""
        if self.scope is not None and self.scope not in scopes:
            return False
        both = f"{endpoint} {method}"
        return not self.endpoints or any(
            fnmatchcase(endpoint, pattern) or fnmatchcase(both, pattern) for pattern in self.endpoints
        )

    def as_dict(self) -> dict[str, Any]:
        """The item as it was written."""
        written: dict[str, Any] = {"name": self.name}
        if self.rate:
            written["rate"] = str(self.rate)
        else:
            written |= {"quota": self.quota, "per": self.per}
            if self.timezone != "UTC":
                written["timezone"] = self.timezone
        if self.scope is not None:
            written["scope"] = self.scope
        if self.endpoints:
            written["endpoints"] = list(self.endpoints)
        return written

    def __str__(self) -> str:
        return str(self.rate) if self.rate else f"{self.quota} per {self.per}"


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name.

    :raises ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name[:60]!r} is not a time zone; write one such as Europe/Berlin") from None


def is_name(value: object) -> bool:
    """Whether this can name a plan or an item."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def parse_items(raw: object, at: str = "") -> tuple[Item, ...]:
    """Read a plan's list of items. ``at`` is the JSON Pointer of the list.

    :raises Invalid: with every flaw.
    """
    if not isinstance(raw, Sequence) or isinstance(raw, (str, bytes)) or len(raw) > ITEMS_AT_MOST:
        raise Invalid([Flaw(at, f"Write a list of at most {ITEMS_AT_MOST} items.")])
    flaws: list[Flaw] = []
    items: list[Item] = []
    for place, one in enumerate(raw):
        item = _read(one, f"{at}/{place}", flaws)
        if item is not None and item.name in {other.name for other in items}:
            flaws.append(Flaw(f"{at}/{place}/name", f"{item.name} is in the list already."))
        elif item is not None:
            items.append(item)
    if flaws:
        raise Invalid(flaws)
    return tuple(items)


def parse_item(raw: object, at: str = "") -> Item:
    """Read one item.

    :raises Invalid: with every flaw.
    """
    flaws: list[Flaw] = []
    item = _read(raw, at, flaws)
    if flaws or item is None:
        raise Invalid(flaws)
    return item


def _read(raw: object, at: str, flaws: list[Flaw]) -> Item | None:
    if not isinstance(raw, Mapping):
        flaws.append(Flaw(at, 'Write an object such as {"name": "burst", "rate": "20/second"}.'))
        return None
    before = len(flaws)
    unknown = sorted(str(name)[:60] for name in raw if name not in _MEMBERS)
    flaws.extend(Flaw(f"{at}/{name}", "There is no such member.") for name in unknown)
    name = raw.get("name")
    if not is_name(name):
        flaws.append(Flaw(f"{at}/name", "Write a name of a-z, 0-9, '.', '_' and '-', at most 40 characters."))
    scope = raw.get("scope")
    if scope is not None and (not isinstance(scope, str) or not 0 < len(scope) <= 120):
        flaws.append(Flaw(f"{at}/scope", "Write a scope's name."))
    endpoints = raw.get("endpoints") or ()
    if (
        not isinstance(endpoints, (list, tuple))
        or len(endpoints) > 50
        or not all(_is_pattern(one) for one in endpoints)
    ):
        flaws.append(Flaw(f"{at}/endpoints", "Write a list of at most 50 endpoint patterns."))
        endpoints = ()
    rate = _read_rate(raw, at, flaws)
    if len(flaws) > before:
        return None
    return Item(
        name=str(name),
        rate=rate,
        quota=0 if rate else int(raw["quota"]),
        per=str(raw.get("per", "day")),
        timezone=str(raw.get("timezone") or "UTC"),
        scope=scope,
        endpoints=tuple(endpoints),
    )


def _read_rate(raw: Mapping[str, Any], at: str, flaws: list[Flaw]) -> Rate | None:
    """The rate of an item; None for a quota, whose members are checked here too."""
    if ("rate" in raw) == ("quota" in raw):
        flaws.append(Flaw(at, "Write either a rate or a quota."))
        return None
    if "rate" in raw:
        flaws.extend(Flaw(f"{at}/{name}", "Only a quota has this.") for name in ("per", "timezone") if name in raw)
        try:
            rates = parse_rates(raw["rate"])
        except ValueError as error:
            flaws.append(Flaw(f"{at}/rate", f"Write {error}."))
            return None
        if len(rates) != 1:
            flaws.append(Flaw(f"{at}/rate", "Write one rate; give each its own item and name."))
        return rates[0]
    quota = raw["quota"]
    if isinstance(quota, bool) or not isinstance(quota, int) or not 0 <= quota <= AMOUNT_AT_MOST:
        flaws.append(Flaw(f"{at}/quota", f"Write a whole number from 0 to {AMOUNT_AT_MOST}."))
    if raw.get("per", "day") not in PERIODS:
        flaws.append(Flaw(f"{at}/per", "Write one of " + ", ".join(PERIODS) + "."))
    if raw.get("per") == "hour" and "timezone" in raw:
        flaws.append(Flaw(f"{at}/timezone", "Hours are counted in UTC; days, weeks and months may have a time zone."))
    try:
        zone_of(raw.get("timezone") or "UTC")
    except (TypeError, ValueError, AttributeError):
        flaws.append(Flaw(f"{at}/timezone", "Write a time zone such as Europe/Berlin."))
    return None


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200
