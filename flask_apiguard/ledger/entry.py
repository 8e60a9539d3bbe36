"""One entry as it is read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .canonical import moment


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of governance. ``personal`` holds what has not been erased; ``text`` is what was hashed."""

    seq: int
    at: dt.datetime
    happening: str
    actor_kind: str
    actor_id: str
    organization_id: str | None
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    evidence: Mapping[str, Any] | None
    reason: str
    request_id: str
    personal: Mapping[str, str]
    text: str
    leaf: str
    chain: str

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON knows it."""
        return {**asdict(self), "at": moment(self.at)}


def entry_of(text: str, leaf: str, chain: str, personal: Mapping[str, str]) -> Entry:
    """An entry from its canonical text.

    :raises ValueError: the text is not one of ours.
    """
    try:
        found = json.loads(text)
        return Entry(
            seq=int(found["seq"]),
            at=dt.datetime.fromisoformat(found["at"]),
            happening=found["happening"],
            actor_kind=found["actor"]["kind"],
            actor_id=found["actor"]["id"],
            organization_id=found["organization_id"],
            subject=found["subject"],
            before=found["before"],
            after=found["after"],
            evidence=found["evidence"],
            reason=found["reason"],
            request_id=found["request_id"],
            personal=dict(personal),
            text=text,
            leaf=leaf,
            chain=chain,
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("this is not the text of an entry") from error
