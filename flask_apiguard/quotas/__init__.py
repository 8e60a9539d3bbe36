"""Plans, limits and quotas: what a client is entitled to, counted exactly for everybody who shares the counter."""

from ..rules.rates import Rate, parse_rates
from .attempts import Attempts
from .book import RouteLimits
from .choose import (
    COUNTERS_AWAY,
    COUNTERS_URL,
    DEFAULT_PLAN,
    FAILED_ATTEMPTS,
    SETTINGS,
    apart,
    counter_for,
)
from .counting import Counter, Demand, Memory, Taken
from .items import Item, parse_items
from .plans import Override, Plan, end_override, is_constrained, overrides_of, plan_of, plans, put_override, put_plan
from .quotas import UNCOUNTED, Quotas, Usage
from .remote import Valkey
from .sharedfile import SharedFile
from .tries import Tries

__all__ = [
    "COUNTERS_AWAY",
    "COUNTERS_URL",
    "DEFAULT_PLAN",
    "FAILED_ATTEMPTS",
    "SETTINGS",
    "UNCOUNTED",
    "Attempts",
    "Counter",
    "Demand",
    "Item",
    "Memory",
    "Override",
    "Plan",
    "Quotas",
    "Rate",
    "RouteLimits",
    "SharedFile",
    "Taken",
    "Tries",
    "Usage",
    "Valkey",
    "apart",
    "counter_for",
    "end_override",
    "is_constrained",
    "overrides_of",
    "parse_items",
    "parse_rates",
    "plan_of",
    "plans",
    "put_override",
    "put_plan",
]
