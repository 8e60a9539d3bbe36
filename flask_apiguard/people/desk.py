"""What every part of this room is given, so that none of them reaches for anything."""

from __future__ import annotations

from dataclasses import dataclass

from ..clock import Clock
from ..crypto import Secrets, checksum, random_text
from ..db import Store
from .passwords import Passwords
from .throttle import Throttle

RANDOM = 32  # base 62 characters: 190 bits


@dataclass(frozen=True)
class Desk:
    """Store, secrets, clock and settings of this room. Lifetimes are seconds."""

    store: Store
    secrets: Secrets
    clock: Clock
    passwords: Passwords
    throttle: Throttle
    brand: str
    base_url: str | None
    token_lifetime: int
    session_lifetime: int

    def mint(self, word: str, row_id: str) -> tuple[str, str]:
        """A fresh secret ``<brand>_<word>_<id>_<random>_<crc>`` for one row, and the digest to keep."""
        body = f"{self.brand}_{word}_{row_id.partition('_')[2]}_{random_text(RANDOM)}"
        secret = f"{body}_{checksum(body)}"
        return secret, self.digest(word, secret)

    def digest(self, word: str, secret: str) -> str:
        """How a secret of this kind is kept: HMAC-SHA-256 in hexadecimal."""
        return self.secrets.digest("people:" + word, secret)

    def read(self, secret: object, *known: str) -> tuple[str, str] | None:
        """Word and id out of a presented secret; None when brand, word, shape or checksum don't fit."""
        if not isinstance(secret, str) or len(secret) > 200 or not secret.isascii():
            return None
        parts = secret.rsplit("_", 4)
        if len(parts) != 5 or parts[0] != self.brand or parts[1] not in known:
            return None
        if checksum(secret[:-7]) != parts[4] or not parts[2].isalnum():
            return None
        return parts[1], parts[2]


def row_of(secret: str) -> str:
    """The public part of a secret of ours, which names its row."""
    return secret.rsplit("_", 3)[1]
