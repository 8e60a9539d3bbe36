"""One finding of the doctor: what, why it matters, what mends it, and where it was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from ...house import House


class Severity(StrEnum):
    """How bad: an error must be mended, a warning be known, a note may be."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True, slots=True)
class Finding:
    """``source`` names the setting, file or room that was looked at."""

    severity: Severity
    name: str
    what: str
    why: str
    fix: str
    source: str


@dataclass(frozen=True, slots=True)
class Look:
    """Whom the doctor looks at. ``deploy``: this is what will serve; what is fine at a desk is not fine there."""

    house: House
    deploy: bool = False

    def graver(self, otherwise: Severity = WARNING) -> Severity:
        """An error where it will serve, else that."""
        return ERROR if self.deploy else otherwise


Examination = Callable[[Look], Iterable[Finding]]
