"""How our own checks are made: a function with a name, a title and the moves that wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...values import Evidence, Verdict
from ..dossier import Dossier

SANDBOX, PRODUCTION = "enter_sandbox", "enter_production"
BOTH = (SANDBOX, PRODUCTION)
NAMES_AT_MOST = 1000
Examine = Callable[..., Evidence]


@dataclass(frozen=True, slots=True)
class Takes:
    """Something that a house's file may say to a check. ``read`` gives the value, or raises ValueError saying what it
    wants; ``doc`` is one sentence.
    """

    name: str
    default: Any
    read: Callable[[Any], Any]
    doc: str


@dataclass(slots=True, eq=False)
class Check:
    """One check, as ``contracts.OnboardingCheck`` wants it. ``look`` gets what the check takes by keyword."""

    name: str
    title: str
    before: tuple[str, ...]
    look: Examine
    takes: tuple[Takes, ...] = ()

    def examine(self, application: Dossier) -> Evidence:
        """Look at one application."""
        told = application.policy.checks.get(self.name, {})
        return self.look(application, **{one.name: told.get(one.name, one.default) for one in self.takes})


def check(
    name: str, title: str, before: tuple[str, ...] = BOTH, takes: tuple[Takes, ...] = ()
) -> Callable[[Examine], Check]:
    """Make a function a check."""
    return lambda look: Check(name, title, before, look, takes)


def number(least: int, most: int) -> Callable[[Any], int]:
    """Reads a whole number within bounds, as TOML has them: no text, no true."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


def yes_or_no(value: Any) -> bool:
    """Reads true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def names(value: Any) -> list[str]:
    """Reads a list of names, small and in order."""
    good = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    if not good or len(value) > NAMES_AT_MOST:
        raise ValueError(f"a list of at most {NAMES_AT_MOST} texts")
    return sorted({one.strip().casefold() for one in value})


def passed(detail: str, **facts: Any) -> Evidence:
    """What was looked for was found."""
    return Evidence(Verdict.PASSED, detail, facts=facts)


def failed(detail: str, fix: str, **facts: Any) -> Evidence:
    """It was not; ``fix`` mends it."""
    return Evidence(Verdict.FAILED, detail, fix, facts)


def waiting(detail: str, fix: str, **facts: Any) -> Evidence:
    """Somebody has to do something first."""
    return Evidence(Verdict.WAITING, detail, fix, facts)
