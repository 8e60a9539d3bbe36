"""Whose rows a caller may see."""

from __future__ import annotations

from flask_apiguard import current_caller
from flask_apiguard.values import Caller

from .data import SANDBOX


def region_of(caller: Caller) -> str | None:
    """All (None) for our own people, the samples in the sandbox, else the region in the partner's contract.

    That region is the application's reference, which only our operators set; without one a partner sees nothing.
    """
    if caller.is_first_party:
        return None
    return SANDBOX if caller.environment == SANDBOX else caller.reference or ""


def region() -> str | None:
    """The same for whoever is calling now."""
    return region_of(current_caller)
