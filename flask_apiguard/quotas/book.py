"""What counts for whom: a client's plan and its own limits on one route, made ready once and then only counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ..errors import ConfigurationError
from ..rules import Rule
from ..rules.rates import Rate, parse_rates
from .counting import Demand
from .items import Item, zone_of
from .periods import period

DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class RouteLimits:
    """What one route and method demands of counting; compiled once."""

    key: str
    endpoint: str
    method: str
    scopes: frozenset[str]
    #: The route's own limits, each with its cost; one for each window.
    items: tuple[tuple[Item, int], ...]
    #: What one call costs of a plan's items: the dearest of the route's own.
    cost: int


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Everything that one holder's call on one route counts against, good in ``[since, until)`` (milliseconds)."""

    limits: RouteLimits
    plan: str | None
    since: float
    until: float
    demands: tuple[Demand, ...]
    items: tuple[Item, ...]
    #: The ``RateLimit-Policy`` field, with its name.
    policy: tuple[str, str]
    #: The ``RateLimit`` field, with two places for numbers in each of its items.
    report: str
    #: When it was put together, as its maker counts.
    turn: object = None


def compile_route(rule: Rule, route_key: str) -> RouteLimits:
    """Read a rule's limits. ``route_key`` is endpoint and method: ``"orders.create POST"``.

    :raises ConfigurationError: a call costs more than its limit allows.
    """
    endpoint, _, method = route_key.rpartition(" ")
    tightest: dict[int, tuple[Rate, int]] = {}
    for limit in rule.limits:
        for rate in parse_rates(limit.rate):
            if limit.cost > rate.amount:
                raise ConfigurationError(
                    f"A call of {route_key} costs {limit.cost} and its limit is {rate}: it could never be called.",
                    "Raise the limit or lower the cost.",
                )
            other = tightest.get(rate.seconds)
            if other is None or rate.amount * other[1] < other[0].amount * limit.cost:
                tightest[rate.seconds] = (rate, limit.cost)
    items = []
    for seconds, (rate, cost) in sorted(tightest.items()):
        name = "route" if len(tightest) == 1 else f"route-{seconds}s"
        items.append((Item(name, rate), cost))
    cost = max((limit.cost for limit in rule.limits), default=1)
    return RouteLimits(route_key, endpoint, method, rule.every_scope, tuple(items), cost)


def demand_of(holder: str, item: Item, cost: int, at: float, route: str = "") -> tuple[Demand, float]:
    """The demand of one item at a moment (seconds), and the moment (milliseconds) from which it starts to be valid.

    The key carries holder, name and window, never the amount. The braces keep a holder's keys together in a cluster.
    """
    if item.rate is not None:
        # A route's own limits are told apart by their windows alone: their names depend on how many there are.
        key = f"{{{holder}}}{route}/{'' if route else item.name}/{item.rate.seconds}"
        return Demand(key.encode(), item.rate.amount, item.rate.seconds * 1000, 0, cost), 0
    start, end = period(item.per, zone_of(item.timezone), at)
    key = f"{{{holder}}}/{item.name}/{item.per}"
    return Demand(key.encode(), item.quota, end - start, end, cost), start


def make_sheet(
    holder: str, plan: str | None, entitled: tuple[Item, ...], limits: RouteLimits, at: float, until: float,
    turn: object = None,
) -> Sheet:  # fmt: skip
    """Put together what counts for a holder on a route. ``until`` is when an override ends (seconds)."""
    counted = [(item, limits.cost, "") for item in entitled]
    counted = [one for one in counted if one[0].covers(limits.endpoint, limits.method, limits.scopes)]
    counted += [(item, cost, limits.key) for item, cost in limits.items]
    since, end = 0.0, until * 1000
    demands = []
    for item, cost, route in counted:
        demand, start = demand_of(holder, item, cost, at, route)
        demands.append(demand)
        if demand.ends:
            since, end = max(since, start), min(end, demand.ends)
    policy = ", ".join(
        f'"{item.name}";q={item.amount};w={max(1, demand.window // 1000)}'
        for (item, _, _), demand in zip(counted, demands, strict=True)
    )
    report = ", ".join(f'"{item.name}";r=%d;t=%d' for item, _, _ in counted)
    items = tuple(item for item, _, _ in counted)
    return Sheet(limits, plan, since, end, tuple(demands), items, *_told(policy, report), turn)


@lru_cache(1000)
def _told(policy: str, report: str) -> tuple[tuple[str, str], str]:
    """The parts of two header fields; the same ones for all who are told the same, so that they stay at hand."""
    return ("RateLimit-Policy", policy), report
