"""What this house demands: how many look at what, how long things wait, what graduation asks for. Plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..access import Access, Risk, Scope

#: Graduation steps that nobody owes unless the house's file says so, by risk or plan.
ROTATION, UNAUTHORIZED, FORBIDDEN, OBEYED = "rotation", "unauthorized", "forbidden", "obeyed-429"
STEPS = frozenset({ROTATION, UNAUTHORIZED, FORBIDDEN, OBEYED})

_ORDER = (Risk.LOW, Risk.SENSITIVE, Risk.CRITICAL)


def _by_risk() -> Mapping[Risk, int]:
    return {Risk.LOW: 0, Risk.SENSITIVE: 1, Risk.CRITICAL: 2}


def _confirming() -> Mapping[Risk, int]:
    return {Risk.LOW: 0, Risk.SENSITIVE: 0, Risk.CRITICAL: 1}


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """How many people must approve, by risk; zero means that the policy itself approves, on record."""

    needed: Mapping[Risk, int] = field(default_factory=_by_risk)
    #: The same for an owner's confirmation of what is held already.
    confirming: Mapping[Risk, int] = field(default_factory=_confirming)
    #: A plan, or the return of a suspended client, carries no scope to judge by.
    plan_risk: Risk = Risk.SENSITIVE
    resume_risk: Risk = Risk.SENSITIVE
    expiry: dt.timedelta = dt.timedelta(days=30)
    #: How long the only administrator of a house waits after the notice, where two people can't be had.
    lone_wait: dt.timedelta = dt.timedelta(hours=24)
    undo: dt.timedelta = dt.timedelta(minutes=10)
    waiver_at_most: dt.timedelta = dt.timedelta(days=365)
    sample: int = 10
    reference_in_production: bool = False
    #: Further graduation steps by risk of what is asked for: unauthorized, forbidden, obeyed-429, rotation.
    steps: Mapping[Risk, frozenset[str]] = field(default_factory=dict)
    #: The same by plan.
    plan_steps: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Whether one refusal must have been repaired before production.
    repair: bool = True
    #: What checks are told by an operator's file, by check and option; what is missing is the check's own default.
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def seats_needed(self, risk: Risk, *, confirming: bool = False) -> int:
        """How many people must approve something of this risk."""
        return (self.confirming if confirming else self.needed).get(risk, 2)

    def extra_steps(self, risk: Risk, plan: str | None) -> frozenset[str]:
        """The further graduation steps for an application of this risk and plan."""
        return self.steps.get(risk, frozenset()) | self.plan_steps.get(plan or "", frozenset())


@dataclass(frozen=True, slots=True)
class Certification:
    """How silence degrades: announced before the date, overdue after it, then reduced, then suspended."""

    every: dt.timedelta = dt.timedelta(days=365)
    ahead: dt.timedelta = dt.timedelta(days=30)
    reduced_after: dt.timedelta = dt.timedelta(days=14)
    suspended_after: dt.timedelta = dt.timedelta(days=44)
    #: Whether invited applications degrade too, or are only reminded of.
    invited_too: bool = False


def highest(scopes: Iterable[Scope]) -> Risk:
    """The highest risk among them; low when there are none."""
    return max((scope.risk for scope in scopes), key=_ORDER.index, default=Risk.LOW)


def worse(left: Risk, right: Risk) -> Risk:
    """The higher of two risks."""
    return max(left, right, key=_ORDER.index)


def mild(scope: Scope) -> bool:
    """Whether a scope survives the first step of degradation: low risk, and it only shows."""
    return scope.risk is Risk.LOW and scope.access is Access.READ
