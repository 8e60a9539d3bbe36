"""The step ``count`` of a request's way: one question to the counter, one decision."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ..clock import Clock
from ..db import Store
from ..errors import StoreAway
from ..rules import Rule
from ..values import ALLOWED, Caller, Decision, Reason, instant, keep, subscriber_of
from .book import RouteLimits, Sheet, compile_route, demand_of, make_sheet
from .counting import Counter, Kind, Taken
from .items import Item
from .plans import overrides_of, plan_of

logger = logging.getLogger("flask_apiguard")

#: Headers that go with a decision, allowed or not.
Told = tuple[tuple[str, str], ...]
#: The detail of a decision that let a call pass because nobody could count it (``away="open"``).
UNCOUNTED = "not counted: a store is away"
_UNCOUNTED = Decision(True, Reason.ALLOWED, UNCOUNTED)
SHEETS_AT_MOST, SHEETS_OF_ONE = 10_000, 128
_FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Usage:
    """How one item of a client's plan stands. ``kind`` is ``rate`` or ``quota``; ``own`` marks an override."""

    name: str
    kind: str
    limit: str
    amount: int
    used: int
    remaining: int
    resets_at: dt.datetime
    own: bool = False


class _PlanMissing(Exception):
    """A client's plan is not written down."""

    def __init__(self, plan: str) -> None:
        super().__init__(plan)
        self.plan = plan


class Quotas:
    """Plans, overrides and route limits against one counter.

    ``away`` says what happens when counter or store do not answer: ``"closed"`` refuses with 503, ``"open"`` lets the
    call pass with :data:`UNCOUNTED` in the decision's detail. ``default_plan`` counts for clients without a plan.
    """

    def __init__(
        self, store: Store, counter: Counter, clock: Clock, *, away: str = "closed", default_plan: str | None = None
    ) -> None:
        self._store = store
        self._counter = counter
        self._clock = clock
        self._open = away == "open"
        self._default = default_plan
        self._told: set[str] = set()
        #: By holder, then by route: a change of the client drops one entry.
        self._sheets: dict[str, dict[str, Sheet]] = {}
        self._size = 0
        self._moved = 0
        #: What was put together in another turn counts no more: everything was forgotten since.
        self._turn = object()

    def route(self, rule: Rule, route_key: str) -> RouteLimits:
        """Make a rule's limits ready. ``route_key`` is endpoint and method: ``"orders.create POST"``.

        :raises flask_apiguard.errors.ConfigurationError: a rate can't be read; it is named.
        """
        return compile_route(rule, route_key)

    def take(
        self, caller: Caller, limits: RouteLimits, address: str = "", now: float | None = None
    ) -> tuple[Decision, Told]:
        """Count one call for a client, a first party's user, or an address, at ``now`` (the clock's, when not given).

        With the decision goes what is told either way, when anything was counted: ``RateLimit-Policy`` and
        ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers). ``need`` of a refusal names the limit.
        """
        now = self._clock.time() if now is None else now
        try:
            sheet: Sheet | None = caller.kept.sheets.get(limits)
            if sheet is None or sheet.turn is not self._turn or not sheet.since <= now * 1000 < sheet.until:
                sheet = self._sheet(caller, limits, address, now)
            demands = sheet.demands
            if not demands:
                return ALLOWED, ()
            taken = self._counter.take(demands, now)
        except StoreAway as error:
            if self._open:
                return _UNCOUNTED, ()
            return Decision(False, Reason.STORE_AWAY, "Calls can not be counted.", retry_after=error.retry_after), ()
        except _PlanMissing as error:
            return self._of_missing(error.plan), ()
        return _decide(sheet, taken)

    def _sheet(self, caller: Caller, limits: RouteLimits, address: str, now: float) -> Sheet:
        """What counts for this caller on this route; kept with a client's caller."""
        client = caller.client
        if client is None:  # plans are for clients; addresses are many, and there is no store to ask
            user = caller.user
            holder = f"address:{subscriber_of(address)}" if user is None else f"user:{quote(str(user.id))}"
            return make_sheet(holder, None, (), limits, now, _FOREVER)
        plan = client.plan or self._default
        sheets = self._sheets.get(client.id)
        sheet = sheets.get(limits.key) if sheets is not None else None
        if sheet is None or sheet.plan != plan or not self._holds(sheet, now):
            sheet = self._make(client.id, plan, limits, now)
        keep(caller.kept.sheets, limits, sheet, SHEETS_OF_ONE)
        return sheet

    def _holds(self, sheet: Sheet, now: float) -> bool:
        return sheet.turn is self._turn and sheet.since <= now * 1000 < sheet.until

    def _of_missing(self, plan: str) -> Decision:
        self._tell_missing(plan)
        return Decision(
            False, Reason.STORE_AWAY, "The plan of this client is not written down.", need=plan,
            retry_after=60, action="Tell the API's owner; nothing that you send can change it.",
        )  # fmt: skip

    def _tell_missing(self, plan: str) -> None:
        if plan not in self._told:
            self._told.add(plan)
            logger.error(
                "the plan %r is not written down, so every client on it is refused; write it with `apply`", plan
            )

    def usage(self, client_id: str, plan: str | None) -> list[Usage]:
        """How a client's plan and own limits stand now, by name. Looks, and counts nothing.

        :raises StoreAway: counter or store do not answer.
        """
        now = self._clock.time()
        items, _, own = self._entitled(client_id, plan or self._default, now)
        demands = [demand_of(client_id, item, 0, now)[0] for item in items]
        taken = self._counter.take(demands, now) if demands else []
        return [
            Usage(
                item.name,
                "rate" if item.rate else "quota",
                str(item),
                item.amount,
                one.used,
                one.remaining,
                instant(now + one.reset / 1000),
                item.name in own,
            )
            for item, one in zip(items, taken, strict=True)
        ]

    def forget(self, subject: str) -> None:
        """Let go of what a subject of the change log (``client:…``, ``plan:…``) makes stale."""
        kind, _, name = subject.partition(":")
        if kind == "client":
            self._moved += 1
            gone = self._sheets.pop(name, None)
            self._size -= len(gone) if gone is not None else 0
        elif kind in ("plan", "everything"):
            self.flush()

    def flush(self) -> None:
        """Let go of everything."""
        self._moved += 1
        self._turn = object()
        self._sheets = {}
        self._size = 0

    def _make(self, client_id: str, plan: str | None, limits: RouteLimits, now: float) -> Sheet:
        moved, turn = self._moved, self._turn
        entitled, until, _ = self._entitled(client_id, plan, now)
        sheet = make_sheet(client_id, plan, entitled, limits, now, until, turn)
        if moved == self._moved:
            # Else the change log moved while we read: what we read may be what it told us to forget.
            if self._size >= SHEETS_AT_MOST:
                self.flush()
            self._sheets.setdefault(client_id, {})[limits.key] = sheet
            self._size += 1
        return sheet

    def _entitled(self, client_id: str, plan: str | None, now: float) -> tuple[tuple[Item, ...], float, set[str]]:
        """A client's items by name, until when they are so (seconds), and the names of its own."""
        with self._store.read() as conn:
            found = plan_of(conn, plan) if plan is not None else None
            own = overrides_of(conn, client_id, instant(now))
        if plan is not None and found is None:
            raise _PlanMissing(plan)  # never unlimited by a mistake
        items = {item.name: item for item in (found.items if found is not None else ())}
        items |= {one.item.name: one.item for one in own}
        until = min((one.until.timestamp() for one in own if one.until is not None), default=_FOREVER)
        return tuple(items[name] for name in sorted(items)), until, {one.item.name for one in own}


def _decide(sheet: Sheet, taken: Sequence[Taken]) -> tuple[Decision, Told]:
    decision = ALLOWED
    numbers: tuple[int, ...] = ()
    for _, remaining, reset, retry in taken:
        numbers += (remaining, -(-reset // 1000))
        if retry is not None and decision is ALLOWED:
            decision = _refusal(sheet, taken)
    return decision, (sheet.policy, ("RateLimit", sheet.report % numbers))


def _refusal(sheet: Sheet, taken: Sequence[Taken]) -> Decision:
    """What is said of the one to wait for longest."""
    longest = max(one.retry or 0 for one in taken)
    worst = next(place for place, one in enumerate(taken) if one.retry == longest)
    item, demand = sheet.items[worst], sheet.demands[worst]
    is_rate = demand.kind is Kind.RATE
    return Decision(
        False,
        Reason.LIMIT_EXCEEDED if is_rate else Reason.QUOTA_EXCEEDED,
        f"The {'limit' if is_rate else 'quota'} {item.name!r} of {item} is used up.",
        need=item.name,
        have=f"{taken[worst].used} of {item.amount}",
        retry_after=-(-longest // 1000),
    )
