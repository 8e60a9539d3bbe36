"""How our own checks are made: a function with a name, a title and the moves that wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...values import Evidence, Verdict
from ..dossier import Dossier

SANDBOX, PRODUCTION = "enter_sandbox", "enter_production"
BOTH = (SANDBOX, PRODUCTION)
Examine = Callable[[Dossier], Evidence]


@dataclass(slots=True, eq=False)
class Check:
    """One check, as ``contracts.OnboardingCheck`` wants it."""

    name: str
    title: str
    before: tuple[str, ...]
    look: Examine

    def examine(self, application: Dossier) -> Evidence:
        """Look at one application."""
        return self.look(application)


def check(name: str, title: str, before: tuple[str, ...] = BOTH) -> Callable[[Examine], Check]:
    """Make a function a check."""
    return lambda look: Check(name, title, before, look)


def passed(detail: str, **facts: Any) -> Evidence:
    """What was looked for was found."""
    return Evidence(Verdict.PASSED, detail, facts=facts)


def failed(detail: str, fix: str, **facts: Any) -> Evidence:
    """It was not; ``fix`` mends it."""
    return Evidence(Verdict.FAILED, detail, fix, facts)


def waiting(detail: str, fix: str, **facts: Any) -> Evidence:
    """Somebody has to do something first."""
    return Evidence(Verdict.WAITING, detail, fix, facts)
