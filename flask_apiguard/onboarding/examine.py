"""Running checks, reading what they found, and waiving one with a second person."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ..clients import Application, registry
from ..contracts import OnboardingCheck
from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict, Forbidden, Invalid, Missing
from ..ledger import enter
from ..people import Act, demand
from ..values import Actor, By, Evidence, Flaw, Happening, State, Verdict
from . import tables
from .desk import Desk, Source, hand
from .dossier import Dossier, gather

logger = logging.getLogger("flask_apiguard")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found last. ``before`` names the moves that wait for it; ``waived_until`` lets them go on."""

    name: str
    title: str
    verdict: Verdict
    detail: str
    fix: str
    facts: Mapping[str, Any]
    at: dt.datetime | None
    waived_until: dt.datetime | None
    before: tuple[str, ...]

    @property
    def blocks(self) -> bool:
        """Whether the moves that wait for it wait on."""
        return self.verdict is not Verdict.PASSED and self.waived_until is None


@dataclass(frozen=True, slots=True)
class Waiver:
    """That a check is not to be waited for until a date; in force once a second person agreed."""

    id: str
    application_id: str
    check: str
    reason: str
    until: dt.datetime
    by: str
    at: dt.datetime
    seconded_by: str | None = None
    seconded_at: dt.datetime | None = None


def run(tx: Transaction, desk: Desk, by: By, application: Application, before: str | None = None) -> list[CheckResult]:
    """Examine the application, by every check or by those that a move waits for; one ledger entry for all."""
    dossier = gather(tx, desk, application, tx.now)
    waived = _waived(tx, application.id, tx.now)
    results = []
    for part in desk.checks:
        if before is not None and before not in part.before:
            continue
        results.append(_result(part, _look(part, dossier), tx.now, waived))
    _keep(tx, application.id, results)
    enter(
        tx, by, Happening.ONBOARDING_CHECK_RUN, f"application:{application.id}",
        after={"before": before}, organization=application.organization_id, evidence=told(results),
    )  # fmt: skip
    return results


def demand_checks(tx: Transaction, desk: Desk, by: By, application: Application, before: str) -> list[CheckResult]:
    """Run what a move waits for, and go on only when nothing blocks.

    :raises Conflict: naming each check that does, and how to mend it.
    """
    results = run(tx, desk, by, application, before)
    blocking = [result for result in results if result.blocks]
    if blocking:
        told = " ".join(f"{result.name}: {result.detail} {result.fix}".strip() for result in blocking)
        # Each says how to mend it, so that nothing is left to add.
        raise Conflict(f"Checks are in the way. {told}"[:1500], blocking[-1].fix or "Run the checks to see more.")
    return results


def told(results: list[CheckResult]) -> dict[str, str]:
    """Results in a word each, as the ledger and a review keep them."""
    return {one.name: "waived" if one.waived_until and one.verdict is not Verdict.PASSED else one.verdict.value
            for one in results}  # fmt: skip


def results(source: Source, desk: Desk, application_id: str, now: dt.datetime) -> list[CheckResult]:
    """What every check found last; waiting for those that never ran."""
    kept = {row.name: row for row in source.execute(
        sa.select(tables.check).where(tables.check.c.application_id == application_id)
    )}  # fmt: skip
    waived = _waived(source, application_id, now)
    found = []
    for part in desk.checks:
        row = kept.get(part.name)
        evidence = Evidence(Verdict.WAITING, "It has not run yet.", "Run the checks.")
        if row is not None:
            evidence = Evidence(Verdict(row.verdict), row.detail, row.fix, row.facts)
        found.append(_result(part, evidence, row.at if row is not None else None, waived))
    return found


def in_the_way(
    source: Source, desk: Desk, application: Application, before: str, now: dt.datetime
) -> list[CheckResult]:
    """What would block a move now; looks again at whatever did not pass when it ran last, and keeps nothing."""
    kept = [one for one in results(source, desk, application.id, now) if one.blocks and before in one.before]
    if not kept:
        return []
    dossier = gather(source, desk, application, now)
    found = []
    for one in kept:
        seen = _look(desk.checks[one.name], dossier)
        again = replace(one, verdict=seen.verdict, detail=seen.detail, fix=seen.fix, facts=seen.facts)
        found += [again] if again.blocks else []
    return found


def _look(part: OnboardingCheck, dossier: Dossier) -> Evidence:
    try:
        return part.examine(dossier)
    except Exception:  # a host's part may raise anything; then nothing is known, and nothing opens
        logger.exception("the check %s failed to run", part.name)
        return Evidence(Verdict.WAITING, "The check could not be run.", "Ask the API's owner to look at it.")


def _result(
    part: OnboardingCheck, found: Evidence, at: dt.datetime | None, waived: Mapping[str, dt.datetime]
) -> CheckResult:
    return CheckResult(
        part.name, part.title, found.verdict, found.detail, found.fix, found.facts, at,
        waived.get(part.name), tuple(part.before),
    )  # fmt: skip


def _keep(tx: Transaction, application_id: str, results: list[CheckResult]) -> None:
    """Put these results in the place of earlier ones, in two statements however many they are."""
    table = tables.check
    names = [one.name for one in results]
    tx.execute(table.delete().where(table.c.application_id == application_id, table.c.name.in_(names)))
    rows = [
        {
            "application_id": application_id, "name": one.name, "verdict": one.verdict.value, "detail": one.detail,
            "fix": one.fix, "facts": dict(one.facts), "at": one.at,
        }
        for one in results
    ]  # fmt: skip
    if rows:
        tx.execute(table.insert(), rows)


def waive(
    tx: Transaction, desk: Desk, by: By, application_id: str, check: str, reason: str, until: dt.datetime
) -> Waiver:
    """Propose that a check be not waited for. It counts once a second person agrees.

    :raises Missing: no such check. :raises Invalid: no reason, or a date out of bounds. :raises Conflict: retired.
    """
    application = registry.application(tx, application_id)
    _demand_person(by, application)
    if check not in desk.checks:
        raise Missing(f"There is no check {check[:60]}.")
    if application.state is State.RETIRED:
        raise Conflict("A retired application needs no waiver.", "Nothing is left to do.")
    flaws = [] if reason.strip() else [Flaw("/reason", "Write why.")]
    if until.tzinfo is None or not tx.now < until <= tx.now + desk.policy.waiver_at_most:
        flaws.append(Flaw("/until", f"Write a moment within {desk.policy.waiver_at_most.days} days, with time zone."))
    if flaws:
        raise Invalid(flaws)
    made = Waiver(new_id("wai"), application_id, check, reason.strip(), until, hand(by), tx.now)
    tx.execute(tables.waiver.insert().values({name: getattr(made, name) for name in Waiver.__slots__}))
    _enter_waiver(tx, by, application, made)
    return made


def second(tx: Transaction, by: By, waiver_id: str) -> Waiver:
    """Agree to a waiver as the second person; from now on it counts, until its date.

    :raises Conflict: seconded already, over, or by the same person.
    """
    table = tables.waiver
    found = waiver(tx, waiver_id)
    application = registry.application(tx, found.application_id)
    _demand_person(by, application)
    if found.by == hand(by):
        raise Conflict("It takes another person than the one who proposed it.", "Ask another reviewer to agree.")
    done = tx.execute(
        table.update()
        .where(table.c.id == waiver_id, table.c.seconded_at.is_(None), table.c.until > tx.now)
        .values(seconded_by=hand(by), seconded_at=tx.now)
    )
    if done.rowcount != 1:
        raise Conflict("This waiver was seconded already, or its date has passed.", "Read the list of waivers.")
    made = waiver(tx, waiver_id)
    _enter_waiver(tx, by, application, made)
    return made


def waiver(source: Source, waiver_id: str) -> Waiver:
    """One waiver. :raises Missing: there is none."""
    row = source.execute(sa.select(tables.waiver).where(tables.waiver.c.id == waiver_id)).one_or_none()
    if row is None:
        raise Missing(f"There is no waiver {waiver_id[:60]}.")
    return _waiver(row)


def waivers(source: Source, application_id: str) -> list[Waiver]:
    """Every waiver of an application, oldest first."""
    table = tables.waiver
    rows = source.execute(sa.select(table).where(table.c.application_id == application_id).order_by(table.c.id))
    return [_waiver(row) for row in rows]


def _demand_person(by: By, application: Application) -> None:
    if by.kind is not Actor.PERSON:
        raise Forbidden(
            "A waiver takes two people, and a command acts as one.", "reviewer", "Act with a reviewer's person token."
        )
    demand(by, Act.ONBOARDING_CHECK_WAIVE, application.organization_id)


def _enter_waiver(tx: Transaction, by: By, application: Application, made: Waiver) -> None:
    enter(
        tx, by, Happening.ONBOARDING_CHECK_WAIVED, f"application:{application.id}", reason=made.reason,
        organization=application.organization_id,
        after={
            "waiver": made.id, "check": made.check, "until": made.until.isoformat(),
            "proposed_by": made.by, "seconded_by": made.seconded_by,
        },
    )  # fmt: skip


def _waived(source: Source, application_id: str, now: dt.datetime) -> dict[str, dt.datetime]:
    found: dict[str, dt.datetime] = {}
    for one in waivers(source, application_id):
        if one.seconded_at is not None and one.until > now:
            found[one.check] = max(one.until, found.get(one.check, one.until))
    return found


def _waiver(row: Any) -> Waiver:
    return Waiver(**{name: getattr(row, name) for name in Waiver.__slots__})
