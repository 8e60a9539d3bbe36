"""One finding of the doctor: what, why it matters, what mends it, and where it was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...house import House
from .kinds import Kind, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """``source`` names the setting, file or room that was looked at."""

    kind: Kind
    severity: Severity
    what: str
    why: str
    fix: str
    source: str

    @property
    def name(self) -> str:
        """The kind's name."""
        return self.kind.slug

    def told(self) -> dict[str, str]:
        """As it is answered. ``number`` stays the same in every release."""
        return {
            "number": self.kind.number, "name": self.name, "severity": self.severity.value, "what": self.what,
            "why": self.why, "fix": self.fix, "standard": self.kind.standard, "source": self.source,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """Whom the doctor looks at. ``deploy``: this is what will serve; what is fine at a desk is not fine there."""

    house: House
    deploy: bool = False

    def found(
        self, kind: Kind, source: str, what: str = "", *, severity: Severity | None = None, why: str = "", fix: str = ""
    ) -> Finding:
        """A finding; what is not said of this very one is what its kind says."""
        grave = kind.serving if self.deploy else kind.desk
        return Finding(kind, severity or grave, what or f"{kind.title}.", why or kind.why, fix or kind.fix, source)

    def setting(self, name: str) -> str:
        """A setting as a source: its name and where its value comes from."""
        settings = self.house.settings
        return f"{name} ({settings.source(next(one for one in settings.declared if one.name == name))})"


Examination = Callable[[Look], Iterable[Finding]]
