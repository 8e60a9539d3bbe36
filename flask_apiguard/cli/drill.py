"""``drill``: proof of how long something revoked still opens a door, in this process and in those that serve."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from .. import credentials
from ..access import Access, Risk
from ..clients import registry
from ..contracts import Notice
from ..db import Transaction
from ..gate.manners import SANDBOX
from ..house import House
from ..ledger import enter
from ..notices import notify
from ..onboarding import Invited
from ..values import By, Environment, Happening
from .common import REFUSED, Desk, Refused, alone, table
from .probe import HttpProbe, LocalProbe, Probe, Seen, drill_path, watched

NAME = "apiguard drill"
WHY = "A drill: how long does something revoked still open a door?"
LIFETIME = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Round:
    """One revocation. ``late`` is seconds between its commit and the last call that still got in."""

    target: str
    way: str
    late: float
    asked: int
    admitted: int

    def told(self) -> dict[str, Any]:
        """For people: milliseconds, rounded up to a tenth."""
        return {
            "target": self.target, "revoked_by": self.way, "still_open_ms": round(self.late * 1000, 1),
            "calls": self.asked, "still_let_in": self.admitted,
        }  # fmt: skip

    def kept(self) -> dict[str, Any]:
        """For the ledger, which takes whole numbers: microseconds."""
        return {
            "target": self.target, "way": self.way, "late_us": round(self.late * 1e6), "asked": self.asked,
            "admitted": self.admitted,
        }  # fmt: skip


@alone("drill")
@click.option("--workers-url", metavar="URL", help="Where the serving workers are reached; asked over real HTTP.")
@click.option("--workers", type=click.IntRange(1, 256), default=4, show_default=True, help="How many serve there.")
@click.option("--path", help="A guarded path that no route takes; found by itself in most apps.")
@click.option("--rounds", type=click.IntRange(1, 50), default=3, show_default=True, help="How often each way is tried.")
@click.option("--budget", type=click.IntRange(1), default=100, show_default=True, metavar="MS", help="The bound.")
def drill(desk: Desk, workers_url: str | None, workers: int, path: str | None, rounds: int, budget: int) -> None:
    """Prove that what is revoked opens nothing: here, and on the workers at a URL.

    A canary application gets in, is revoked by credential and by client, and is asked on until everybody refuses. The
    figures go into the ledger. 1 when a call that began later than the budget after a revocation still got in.
    """
    house = desk.house
    house.open()
    path = path or drill_path(house)
    probes: list[Probe] = [LocalProbe(house.app, path)]
    if workers_url is not None:
        probes.append(HttpProbe(workers_url, path, workers))
    done: list[Round] = []
    with canary(house, desk.by) as made:
        for probe in probes:
            for way, revoking in WAYS.items():
                done += [_round(house, desk.by, made, probe, way, revoking) for _ in range(rounds)]
    house.recorder.settle()  # this process ends: its own calls are nobody else's to ship
    worst = max(one.late for one in done)
    passed = worst * 1000 <= budget
    _record(house, desk.by, made, done, worst, budget, passed)
    found = {
        "passed": passed,
        "budget_ms": budget,
        "worst_ms": round(worst * 1000, 1),
        "rounds": [one.told() for one in done],
    }
    desk.answer(found, lambda: _text(found))
    if not passed:
        desk.status = REFUSED


def _text(found: Mapping[str, Any]) -> str:
    told = table(found["rounds"], ("target", "revoked_by", "still_open_ms", "calls", "still_let_in"))
    verdict = "Passed" if found["passed"] else "FAILED"
    return f"{told}\n\n{verdict}: {found['worst_ms']} ms at worst, {found['budget_ms']} ms allowed. The ledger has it."


@contextmanager
def canary(house: House, by: By) -> Iterator[Invited]:
    """An application of the drill's own, brought in as any other, with the least scope there is; retired at the end."""
    sandbox = house.settings[SANDBOX] != "off"
    with house.store.write() as tx:
        made = house.onboarding.invite(
            tx, by, organization=_organization(tx), name=NAME, reason=WHY, scopes=[_least_scope(house, tx)],
            purpose="A canary that shows how fast a revocation holds; it is retired at once.", lifetime=LIFETIME,
            environment=Environment.SANDBOX if sandbox else Environment.PRODUCTION,
        )  # fmt: skip
    try:
        yield made
    finally:
        with house.store.write() as tx:
            house.onboarding.retire(tx, by, made.application.id, "The drill is over.")


def _organization(tx: Transaction) -> str:
    """The drill's organization: the one of the drills before, or the name of a new one."""
    after = ""
    while page := registry.organizations(tx, after=after, limit=200):
        for one in page:
            if one.name == NAME:
                return one.id
        after = page[-1].id
    return NAME


def _least_scope(house: House, tx: Transaction) -> str:
    order = (Risk.LOW, Risk.SENSITIVE, Risk.CRITICAL)
    known = house.scopes.all(tx).values()
    found = sorted(known, key=lambda one: (order.index(one.risk), one.access is not Access.READ, one.name))
    if not found:
        raise Refused("No scope is declared, so no application can be brought in.", "APIGuard(app, scopes={...})")
    return found[0].name


def _by_credential(house: House, by: By, client_id: str, credential_id: str) -> None:  # noqa: ARG001 - either way's
    with house.store.write() as tx:
        credentials.revoke(tx, by, credential_id, WHY)


def _by_client(house: House, by: By, client_id: str, credential_id: str) -> None:  # noqa: ARG001 - either way's
    with house.store.write() as tx:
        house.onboarding.suspend(tx, by, client_id, WHY)


Revoking = Callable[[House, By, str, str], None]
WAYS: dict[str, Revoking] = {"credential": _by_credential, "client": _by_client}


def _round(house: House, by: By, made: Invited, probe: Probe, way: str, revoking: Revoking) -> Round:
    """One credential: let in everywhere, revoked, and asked for until nobody lets it in."""
    with house.store.write() as tx:
        credential, key = house.keys.create(tx, by, made.client.id, name=NAME, lifetime=LIFETIME, reason=WHY)
    seen: Seen = watched(probe, key, lambda: revoking(house, by, made.client.id, credential.id))
    with house.store.write() as tx:
        if way == "client":
            house.onboarding.resume(tx, by, made.client.id, WHY)
        credentials.revoke(tx, by, credential.id, WHY)
    return Round(probe.name, way, seen.late, seen.asked, seen.admitted)


def _record(house: House, by: By, made: Invited, done: list[Round], worst: float, budget: int, passed: bool) -> None:
    with house.store.write() as tx:
        enter(
            tx, by, Happening.MONITOR_DRILL_RUN, f"application:{made.application.id}", reason=WHY,
            after={"passed": passed, "worst_us": round(worst * 1e6), "budget_us": budget * 1000},
            evidence={"rounds": [one.kept() for one in done]}, organization=made.application.organization_id,
        )  # fmt: skip
        if not passed:
            text = f"Something revoked still opened a door for {worst * 1000:.0f} ms; {budget} ms are allowed.\n"
            notify(tx, Notice("drill:late", "A drill of revocation failed", text, severity="critical"))
