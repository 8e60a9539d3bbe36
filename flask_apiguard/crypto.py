"""Randomness, digests and what is derived from the one secret. Nothing here knows what it protects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
import zlib
from collections.abc import Callable
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import ConfigurationError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_BYTES_AT_LEAST = 32
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
#: Two digits at a time, and what random bytes become: of the 256 there are, base 62 leaves 8 out, base 32 none.
_PAIRS_62 = [left + right for left in ALPHABET for right in ALPHABET]
_PAIRS_32 = [left + right for left in _CROCKFORD for right in _CROCKFORD]
_BYTES_62 = bytes(ord(ALPHABET[byte % 62]) for byte in range(256))
_LEFT_OUT = bytes(range(256 - 256 % 62, 256))
_BYTES_32 = bytes(ord(_CROCKFORD[byte % 32]) for byte in range(256))


def base62(number: int, width: int) -> str:
    """A number in base 62, padded with zeros to ``width`` characters."""
    digits = ""
    while number:
        number, rest = divmod(number, 3844)
        digits = _PAIRS_62[rest] + digits
    return digits.lstrip("0").rjust(width, "0")


def random_text(length: int) -> str:
    """``length`` characters of the base 62 alphabet, 5.95 bits each, from the system's generator."""
    drawn = b""
    while len(drawn) < length:  # once, nearly always: one byte in 32 is left out
        drawn += os.urandom(length + (length >> 1)).translate(_BYTES_62, _LEFT_OUT)
    return drawn[:length].decode("ascii")


def checksum(text: str) -> str:
    """Six base 62 characters of CRC-32: finds typing and copying mistakes, proves nothing."""
    number, last = divmod(zlib.crc32(text.encode()), 3844)
    first, middle = divmod(number, 3844)
    return _PAIRS_62[first] + _PAIRS_62[middle] + _PAIRS_62[last]


def sha256(text: str) -> bytes:
    """The raw SHA-256 digest of a text; characters that UTF-8 has no form for are kept apart, never an error."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def new_id(prefix: str) -> str:
    """``prefix_`` and 26 of Crockford's base 32: 50 bits of milliseconds, 10 of microseconds in them, 70 random ones.

    They sort by time, those of one process also within a millisecond.
    """
    at, within = divmod(time.time_ns() // 1000, 1000)
    low = _PAIRS_32[at >> 10 & 1023] + _PAIRS_32[at & 1023] + _PAIRS_32[within]
    return f"{prefix}_{_high(at >> 20)}{low}{os.urandom(14).translate(_BYTES_32).decode('ascii')}"


@lru_cache(2)
def _high(quarter: int) -> str:
    """How the ids of about a quarter of an hour begin."""
    return _PAIRS_32[quarter >> 20] + _PAIRS_32[quarter >> 10 & 1023] + _PAIRS_32[quarter & 1023]


def base64url(data: bytes) -> str:
    """URL-safe base 64 without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def strong(secret: bytes) -> bytes:
    """The secret itself.

    :raises ConfigurationError: it is too short to hold.
    """
    if len(secret) < SECRET_BYTES_AT_LEAST:
        raise ConfigurationError(
            f"APIGUARD_SECRET has {len(secret)} bytes; at least {SECRET_BYTES_AT_LEAST} are needed.",
            'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"',
        )
    return secret


class Secrets:
    """What is derived from ``APIGUARD_SECRET``: one key per purpose (HKDF-SHA-256, RFC 5869). Never printed."""

    __slots__ = ("_keys", "_root", "_source")

    def __init__(self, secret: bytes | Callable[[], bytes]) -> None:
        """``secret``, or what is asked for it at first use."""
        self._source = secret
        self._root: bytes | None = None
        self._keys: dict[str, bytes] = {}
        if isinstance(secret, bytes):
            self._root = strong(secret)

    def __repr__(self) -> str:
        return "<Secrets>"

    def key(self, purpose: str) -> bytes:
        """32 bytes for one purpose, the same in every process."""
        key = self._keys.get(purpose)
        if key is None:
            if self._root is None:
                self._root = strong(self._source if isinstance(self._source, bytes) else self._source())
            info = b"flask_apiguard:" + purpose.encode()
            key = self._keys[purpose] = HKDF(SHA256(), 32, salt=None, info=info).derive(self._root)
        return key

    def digest(self, purpose: str, text: str) -> str:
        """HMAC-SHA-256 of a text under the purpose's key, in hexadecimal: how high-entropy secrets are stored."""
        return hmac.digest(self.key(purpose), text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def fingerprint(self, text: str) -> str:
        """16 hexadecimal characters that tell one presented secret from another without revealing it."""
        return self.digest("fingerprint", text)[:16]

    def same(self, left: str, right: str) -> bool:
        """Comparison in constant time."""
        return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))
