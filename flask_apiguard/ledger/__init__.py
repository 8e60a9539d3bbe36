"""The ledger: what governance did, in an order and a wording that nobody can change unseen."""

from ..settings import Setting, optional_text, words
from .append import enter, enter_refused
from .book import Ledger, Page
from .checkpoints import Checkpoint
from .entry import Entry
from .verify import Verification

CHECKPOINTS: Setting[str | None] = Setting(
    "APIGUARD_CHECKPOINTS",
    None,
    optional_text,
    "The file outside the store that signed heads of the ledger are appended to; by default "
    "apiguard-checkpoints.jsonl in the instance folder.",
)
TRUSTED_KEYS: Setting[tuple[str, ...]] = Setting(
    "APIGUARD_LEDGER_KEYS",
    (),
    words,
    "Public keys of former secrets, in hexadecimal, whose checkpoints of the ledger still count.",
)
SETTINGS = (CHECKPOINTS, TRUSTED_KEYS)
CHECKPOINTS_NAME = "apiguard-checkpoints.jsonl"

__all__ = [
    "CHECKPOINTS_NAME",
    "SETTINGS",
    "Checkpoint",
    "Entry",
    "Ledger",
    "Page",
    "Verification",
    "enter",
    "enter_refused",
]
