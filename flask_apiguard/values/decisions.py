"""What was decided, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from .reasons import Reason


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a document. ``pointer`` is an RFC 6901 JSON Pointer (``""`` is the whole document)."""

    pointer: str
    detail: str
    location: str = "json"

    def as_dict(self) -> dict[str, str]:
        """The member of a problem's ``errors`` list; a pointer of another location names that location."""
        if self.location == "json":
            return {"pointer": self.pointer, "detail": self.detail}
        return {"location": self.location, "pointer": self.pointer, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate answered, as a value: true or false, with a machine reason and a human sentence.

    ``need`` and ``have`` are short texts for whoever asks why (the missing scope, the scopes held). ``action`` is what
    to do next, in one sentence, where the reason's own would not help; empty for the reason's.
    """

    allowed: bool
    reason: Reason
    detail: str = ""
    need: str = ""
    have: str = ""
    retry_after: int | None = None
    flaws: tuple[Flaw, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    action: str = ""

    @property
    def advice(self) -> str:
        """What to do next: the decision's own sentence, or else its reason's."""
        return self.action or self.reason.action

    def __bool__(self) -> bool:
        return self.allowed


ALLOWED = Decision(True, Reason.ALLOWED)
