"""Graduation: steps ticked by observed sandbox calls, never by claims.

One good call for each requested scope, and one refusal that the same route answered well afterwards. A scope that was
not exercised is left out of the offer and blocks nothing. Further steps come by policy of risk or plan.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import sqlalchemy as sa

from ..access import entitle
from ..clients import Application, Client, registry
from ..credentials import list_of
from ..db import Transaction
from ..errors import Conflict
from ..ledger import enter
from ..values import By, Environment, Happening, Reason, State
from . import tables
from .desk import Call, Desk, Source
from .policy import FORBIDDEN, OBEYED, ROTATION, UNAUTHORIZED, highest

REPAIR = "repair"
_TITLES = {
    REPAIR: "One refusal, then a good call of the same route",
    ROTATION: "A credential rotated",
    UNAUTHORIZED: "A 401 received",
    FORBIDDEN: "A 403 received",
    OBEYED: "A 429 received, and the next call was let in",
}
_CALL = "call:"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to show. ``evidence`` is the request id where it is known; an optional step blocks nothing."""

    name: str
    title: str
    done: bool
    at: dt.datetime | None = None
    evidence: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """When a step was fulfilled, and by which request."""

    at: dt.datetime
    request_id: str = ""


def steps(source: Source, desk: Desk, application: Application) -> list[Step]:
    """Every step of an application and whether it is done; looks at the calls observed so far."""
    found = ticks(source, desk, application)
    listed = [
        _step(found, _CALL + scope, f"A good call with {scope}", optional=True)
        for scope in sorted(application.requested_scopes)
    ]
    policy = desk.policy_in(source)
    listed.append(_step(found, REPAIR, _TITLES[REPAIR], optional=not policy.repair))
    risk = highest(desk.scopes.find(source, application.requested_scopes))
    extra = policy.extra_steps(risk, application.requested_plan)
    listed.extend(_step(found, name, _TITLES.get(name, name), optional=False) for name in sorted(extra))
    return listed


def _step(found: dict[str, Tick], name: str, title: str, *, optional: bool) -> Step:
    tick = found.get(name)
    if tick is None:
        return Step(name, title, done=False, optional=optional)
    return Step(name, title, True, tick.at, tick.request_id, optional)


def exercised(source: Source, desk: Desk, application: Application) -> frozenset[str]:
    """Requested scopes that a good call was observed for."""
    found = ticks(source, desk, application)
    return frozenset(scope for scope in application.requested_scopes if _CALL + scope in found)


def demand(source: Source, desk: Desk, application: Application) -> None:
    """Go on only when nothing that must be shown is missing.

    :raises Conflict: naming the steps.
    """
    missing = [step for step in steps(source, desk, application) if not step.done and not step.optional]
    if missing:
        told = "; ".join(step.title.lower() for step in missing)
        raise Conflict(f"Not yet observed in the sandbox: {told}.", "Make such calls there, then ask again.")


def tick(tx: Transaction, desk: Desk, by: By, application: Application) -> list[str]:
    """Keep what was observed, for good; the names of new steps."""
    return keep(tx, by, application, fresh(tx, desk, application))


def fresh(source: Source, desk: Desk, application: Application) -> dict[str, Tick]:
    """Steps that calls show and that are not kept yet."""
    kept = _kept(source, application.id)
    return {name: tick for name, tick in ticks(source, desk, application).items() if name not in kept}


def keep(tx: Transaction, by: By, application: Application, seen: dict[str, Tick]) -> list[str]:
    """Keep these steps, but for those that somebody kept meanwhile."""
    kept = _kept(tx, application.id)
    new = {name: tick for name, tick in seen.items() if name not in kept}
    for name, tick in new.items():
        row = {"application_id": application.id, "step": name, "at": tick.at, "request_id": tick.request_id[:80]}
        tx.execute(tables.graduation.insert().values(row))
    if new:
        enter(
            tx, by, Happening.ONBOARDING_GRADUATION_TICKED, f"application:{application.id}",
            after={"steps": sorted(new)}, organization=application.organization_id,
            evidence={name: {"at": tick.at.isoformat(), "request": tick.request_id} for name, tick in new.items()},
        )  # fmt: skip
    return sorted(new)


def ticks(source: Source, desk: Desk, application: Application) -> dict[str, Tick]:
    """Steps fulfilled so far: those kept, and those that the calls show."""
    kept = _kept(source, application.id)
    missing, client = _open(source, desk, application, kept)
    if client is None or not missing:
        return kept
    seen = {}
    if missing - {ROTATION}:
        calls = desk.observed(application.id, Environment.SANDBOX, client.created_at)
        seen = watch(desk, calls, missing - {ROTATION}, _held(source, desk, application, client))
    for row in list_of(source, client.id):
        if row.rotated_at is not None:
            seen.setdefault(ROTATION, Tick(row.rotated_at))
    return {name: tick for name, tick in seen.items() if name in missing} | kept


def look(source: Source, desk: Desk, application: Application) -> list[Call]:
    """The calls that may show what is missing yet, for a piece of work that must not wait for them while it writes."""
    missing, client = _open(source, desk, application, _kept(source, application.id))
    if client is None or not missing - {ROTATION}:
        return []
    return list(desk.observed(application.id, Environment.SANDBOX, client.created_at))


def _open(
    source: Source, desk: Desk, application: Application, kept: Mapping[str, Tick]
) -> tuple[set[str], Client | None]:
    """Steps that are missing, and the client whose calls may show them."""
    missing = _wanted(source, desk, application) - set(kept)
    if application.state not in (State.SANDBOX, State.PRODUCTION) or not missing:
        return missing, None
    clients = registry.clients_of(source, application.id)
    return missing, next((one for one in clients if one.environment is Environment.SANDBOX), None)


def _held(source: Source, desk: Desk, application: Application, client: Client) -> frozenset[str]:
    """What the sandbox client holds: of scopes any one of which opens a route, a call used one of these."""
    conn = source if isinstance(source, sa.Connection) else source.conn
    now = source.now if isinstance(source, Transaction) else desk.clock.now()
    return entitle(conn, application.id, client.id, client.environment, None, now).scopes


def _wanted(source: Source, desk: Desk, application: Application) -> set[str]:
    """Names of the steps that count for this application."""
    risk = highest(desk.scopes.find(source, application.requested_scopes))
    extra = desk.policy_in(source).extra_steps(risk, application.requested_plan)
    return {_CALL + scope for scope in application.requested_scopes} | {REPAIR} | extra


def watch(
    desk: Desk, calls: Iterable[Call], missing: AbstractSet[str], held: frozenset[str] = frozenset()
) -> dict[str, Tick]:
    """What calls, oldest first, fulfil; the first call that does counts. Stops when nothing is missing any more."""
    found: dict[str, Tick] = {}
    refused: set[tuple[str, str]] = set()
    waiting: set[tuple[str, str]] = set()
    for call in calls:
        place = (getattr(call, "endpoint", None) or call.route or "", call.method)
        seen = Tick(call.time, getattr(call, "id", "") or "")
        if good(call):
            for scope in desk.scopes_of_route(*place, held):
                found.setdefault(_CALL + scope, seen)
            if place in refused:
                found.setdefault(REPAIR, seen)
        if call.status != 429 and place in waiting:
            found.setdefault(OBEYED, seen)
        if 400 <= call.status < 500 and call.reason != str(Reason.ALLOWED) and place[0]:
            refused.add(place)
        if call.status == 429:
            waiting.add(place)
        else:
            waiting.discard(place)
        if call.status in (401, 403):
            found.setdefault(UNAUTHORIZED if call.status == 401 else FORBIDDEN, seen)
        if missing <= found.keys():
            break
    return found


def good(call: Call) -> bool:
    """Whether a call got what it came for."""
    return 200 <= call.status < 400 and call.reason == str(Reason.ALLOWED)


def _kept(source: Source, application_id: str) -> dict[str, Tick]:
    table = tables.graduation
    rows = source.execute(sa.select(table).where(table.c.application_id == application_id))
    return {row.step: Tick(row.at, row.request_id) for row in rows}
