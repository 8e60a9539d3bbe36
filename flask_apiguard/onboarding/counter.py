"""What the parts of this room's counter share: the desk behind it, the moment, and the record of refused attempts."""

from __future__ import annotations

import datetime as dt

from ..clients import registry
from ..db import Transaction
from ..values import By, Happening
from . import records
from .desk import Desk, Source, refusals

MOVE, REVIEW = Happening.ONBOARDING_MOVE_REFUSED, Happening.ONBOARDING_REVIEW_REFUSED


class Counter:
    """One side of the counter; the work is done at the desk."""

    _desk: Desk

    def _attempt(
        self, tx: Transaction, by: By, happening: Happening, kind: str, thing_id: str, /, **tried: str | None
    ) -> refusals:
        """Put a refused attempt at an application, client or review on record, as its organization's.

        :raises Missing: there is no such thing.
        """
        if kind == "application":
            whose: str | None = registry.application(tx, thing_id).organization_id
        elif kind == "client":
            whose = registry.owner_of(tx, client_id=registry.client(tx, thing_id).id)
        else:
            whose = records.get(tx, thing_id, tx.now).organization_id
        return refusals(tx, by, happening, f"{kind}:{thing_id}", whose, **tried)

    def _now(self, source: Source) -> dt.datetime:
        return source.now if isinstance(source, Transaction) else self._desk.clock.now()
