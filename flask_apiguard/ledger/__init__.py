"""The ledger: what governance did, in an order and a wording that nobody can change unseen."""

from .append import enter
from .entry import Entry

__all__ = ["Entry", "enter"]
