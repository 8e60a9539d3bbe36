"""Passwords: what may be one, and how it is kept. Slow on purpose, so it never runs inside a transaction by need."""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from ..errors import Invalid
from ..values import Flaw
from .common import too_common

SHORTEST = 12
LONGEST = 1024
#: How many are computed at once: 19 MiB each, so that a storm of sign-ins can't take the memory.
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password that was checked and hashed already, ready to be stored."""

    encoded: str = field(repr=False)


def owasp() -> PasswordHasher:
    """Argon2id as OWASP's cheat sheet has it: 19 MiB, two passes, one lane; about 25 ms."""
    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)


class Passwords:
    """Hashes and verifies. ``hasher`` may be a cheaper one in tests."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or owasp()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._nobody = ""

    def hashed(self, password: object, *, email: str = "", pointer: str = "/password") -> PasswordHash:
        """Check a new password and hash it (argon2id).

        :raises Invalid: 12 to 1024 characters, none of the common ones, not the e-mail address.
        """
        text = readable(password, pointer)
        if len(text) < SHORTEST:
            raise Invalid([Flaw(pointer, f"A password has at least {SHORTEST} characters.")])
        low = text.casefold()
        if too_common(text) or (email and low in (email, *email.split("@"))):
            raise Invalid([Flaw(pointer, "This password is among the first that are guessed.")])
        with self._slots:
            return PasswordHash(self._hasher.hash(text))

    def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is right. Works as long for nobody (None) as for somebody."""
        if encoded is None:
            encoded, somebody = self._hash_of_nobody(), False
        else:
            somebody = True
        with self._slots:
            try:
                return self._hasher.verify(encoded, password) and somebody
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, encoded: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def rehashed(self, password: str) -> PasswordHash:
        """Hash a password that was right just now, whatever today's rules say of it."""
        with self._slots:
            return PasswordHash(self._hasher.hash(password))

    def _hash_of_nobody(self) -> str:
        with self._lock:
            self._nobody = self._nobody or self._hasher.hash("nobody's password")
            return self._nobody


def readable(password: object, pointer: str = "/password") -> str:
    """The password in the one form that is hashed (NFKC: NIST SP 800-63B, section 5.1.1.2).

    :raises Invalid: not a text, longer than 1024 characters, or with half a character in it.
    """
    if not isinstance(password, str) or len(password) > LONGEST:
        raise Invalid([Flaw(pointer, f"A password is a text of at most {LONGEST} characters.")])
    if any("\ud800" <= char <= "\udfff" for char in password):
        raise Invalid([Flaw(pointer, "This contains half of a character.")])
    return unicodedata.normalize("NFKC", password)
