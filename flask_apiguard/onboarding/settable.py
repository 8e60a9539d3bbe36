"""What an operator's file may say of checks and graduation, stored by name, and laid above what code and settings say.

Names are ``check:NAME``, ``graduation:repair``, ``graduation:risk:RISK`` and ``graduation:plan:PLAN``. Nobody remembers
them: whoever needs them reads them in the transaction or connection at hand.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ..access import Risk
from ..clients import changed
from ..contracts import OnboardingCheck
from ..db import Transaction
from ..errors import ConfigurationError
from ..ledger import enter
from ..values import By, Happening
from . import tables
from .policy import STEPS, ReviewPolicy

Source = Transaction | sa.Connection
CHECK, REPAIR, RISK, PLAN = "check:", "graduation:repair", "graduation:risk:", "graduation:plan:"
_TABLES = frozenset({"repair", "risk", "plan"})


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that a file says: its name, and all of what it is to be, defaults included."""

    name: str
    value: Any


def above(source: Source, policy: ReviewPolicy) -> ReviewPolicy:
    """A policy with what is stored above it."""
    found = stored(source)
    if not found:
        return policy
    checks = {name.removeprefix(CHECK): told for name, told in found.items() if name.startswith(CHECK)}
    risks = {Risk(name.removeprefix(RISK)): frozenset(told) for name, told in found.items() if name.startswith(RISK)}
    plans = {name.removeprefix(PLAN): frozenset(told) for name, told in found.items() if name.startswith(PLAN)}
    return replace(
        policy, checks={**policy.checks, **checks}, steps={**policy.steps, **risks},
        plan_steps={**policy.plan_steps, **plans}, repair=found.get(REPAIR, policy.repair),
    )  # fmt: skip


def stored(source: Source) -> dict[str, Any]:
    """What an operator's file wrote, by name."""
    return {row.name: row.value for row in source.execute(sa.select(tables.onboarding_setting))}


def current(source: Source, checks: Iterable[OnboardingCheck], policy: ReviewPolicy, name: str) -> Any:
    """What holds now under a name, defaults included."""
    policy = above(source, policy)
    if name == REPAIR:
        return policy.repair
    if name.startswith(RISK):
        return sorted(policy.steps.get(Risk(name.removeprefix(RISK)), ()))
    if name.startswith(PLAN):
        return sorted(policy.plan_steps.get(name.removeprefix(PLAN), ()))
    part = next(one for one in checks if CHECK + one.name == name)
    told = policy.checks.get(part.name, {})
    return {one.name: told.get(one.name, one.default) for one in takes_of(part)}


def put(tx: Transaction, by: By, demand: Demand, before: Any, reason: str) -> None:
    """Write one demand and put it on record, where it says something else than ``before``."""
    if demand.value == before:
        return
    table = tables.onboarding_setting
    tx.execute(table.delete().where(table.c.name == demand.name))
    tx.execute(table.insert().values(name=demand.name, value=demand.value))
    enter(
        tx, by, Happening.ONBOARDING_SETTING_CHANGED, demand.name, reason=reason,
        before=_told(before), after=_told(demand.value),
    )  # fmt: skip
    changed(tx, demand.name)


def _told(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"value": value}


def takes_of(part: OnboardingCheck) -> tuple[Any, ...]:
    """What a check takes from a file; a host's own part is told what it needs where it is made."""
    return tuple(getattr(part, "takes", ()))


def demands_of(
    checks: Iterable[OnboardingCheck], told_checks: Any, graduation: Any, plans: Iterable[str]
) -> list[Demand]:
    """What the tables ``checks`` and ``graduation`` of a file say. ``plans`` are those that can be named.

    :raises ConfigurationError: with the place, and the nearest name where one is unknown.
    """
    parts = {part.name: part for part in checks}
    found = [_check(parts, name, told) for name, told in _table("checks", told_checks).items()]
    return [*found, *_graduation(_table("graduation", graduation), plans)]


def _check(parts: Mapping[str, OnboardingCheck], name: str, told: Any) -> Demand:
    place = f"checks.{name}"
    _known(place, name, parts, "There is no such check.")
    takes = {one.name: one for one in takes_of(parts[name])}
    told = _table(place, told)
    if not takes:
        raise ConfigurationError(f"{place} takes nothing from a file.", "Take it out.")
    value = {}
    for option in told:
        _known(f"{place}.{option}", option, takes, "The check takes no such thing.")
    for option, one in takes.items():
        value[option] = _read(f"{place}.{option}", one.read, told[option]) if option in told else one.default
    return Demand(CHECK + name, value)


def _graduation(told: Mapping[str, Any], plans: Iterable[str]) -> Iterator[Demand]:
    for name in told:
        _known(f"graduation.{name}", name, _TABLES, "It means nothing.")
    if "repair" in told:
        if not isinstance(told["repair"], bool):
            raise ConfigurationError("graduation.repair is true or false.")
        yield Demand(REPAIR, told["repair"])
    for group, prefix, known, why in (
        ("risk", RISK, [risk.value for risk in Risk], "There is no such risk."),
        ("plan", PLAN, plans, "There is no such plan."),
    ):
        for name, steps in _table(f"graduation.{group}", told.get(group, {})).items():
            place = f"graduation.{group}.{name}"
            _known(place, name, known, why)
            yield Demand(prefix + name, _steps(place, steps))


def _steps(place: str, told: Any) -> list[str]:
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise ConfigurationError(f"{place} is a list of texts.", "Steps are " + ", ".join(sorted(STEPS)) + ".")
    for one in told:
        _known(f"{place}: {one[:60]}", one, STEPS, "There is no such step.")
    return sorted(set(told))


def _table(place: str, told: Any) -> Mapping[str, Any]:
    if not isinstance(told, Mapping):
        raise ConfigurationError(f"{place} is a table.")
    return told


def _known(place: str, name: str, known: Iterable[str], why: str) -> None:
    listed = sorted(known)
    if name in listed:
        return
    near = difflib.get_close_matches(name, listed, n=1)
    fix = f"Did you mean {near[0]}?" if near else "Known here: " + (", ".join(listed) or "none") + "."
    raise ConfigurationError(f"{place}: {why}", fix)


def _read(place: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ConfigurationError(f"{place} wants {error}.") from None
