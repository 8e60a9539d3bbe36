"""Randomness, digests and what is derived from the one secret. Nothing here knows what it protects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import ClassVar

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


#: For up to 256 bytes: ``os.urandom`` lets go of the interpreter's lock, and beside a busy thread waits to get it back.
_random: Callable[[int], bytes] = os.urandom
if sys.platform == "linux":
    with suppress(AttributeError, OSError):  # an old kernel, or a sandbox that does not know the call
        os.getrandom(1)
        _random = os.getrandom


def base62(number: int, width: int) -> str:
    """A number in base 62, padded with zeros to ``width`` characters."""
    digits = ""
    while number:
        number, rest = divmod(number, 3844)
        digits = _PAIRS_62[rest] + digits
    return digits.lstrip("0").rjust(width, "0")


def random_text(length: int) -> str:
    """``length`` characters of the base 62 alphabet, 5.95 bits each, from the system's generator."""
    drawn = _random(length + (length >> 1)).translate(_BYTES_62, _LEFT_OUT)
    while len(drawn) < length:  # hardly ever: one byte in 32 is left out
        drawn += _random(length).translate(_BYTES_62, _LEFT_OUT)
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

    They sort by time, to the microsecond.
    """
    at, within = divmod(time.time_ns() // 1000, 1000)
    low = _PAIRS_32[at >> 10 & 1023] + _PAIRS_32[at & 1023] + _PAIRS_32[within]
    return f"{prefix}_{_high(at >> 20)}{low}{_endings.take()}"


def id_of(prefix: str, digest: str) -> str:
    """The same of 130 bits of a digest, which is hexadecimal, so that what was digested is found by its id."""
    return f"{prefix}_{bytes.fromhex(digest[:52]).translate(_BYTES_32).decode('ascii')}"


@lru_cache(2)
def _high(quarter: int) -> str:
    """How the ids of about a quarter of an hour begin."""
    return _PAIRS_32[quarter >> 20] + _PAIRS_32[quarter >> 10 & 1023] + _PAIRS_32[quarter & 1023]


class Endings:
    """Random endings for ids, which are no secrets: many drawn at a time, each given once.

    A system call for each would cost more than the rest of an id. A child of a fork draws its own; `draw_anew` is for
    children that Python hears nothing of, as uWSGI's are.
    """

    AT_ONCE = 256
    _every: ClassVar[list[Endings]] = []

    def __init__(self, length: int, size: int, write: Callable[[bytes], str]) -> None:
        """Of so many characters, which ``write`` makes of ``size`` random bytes."""
        self._length = length
        self._size = size
        self._write = write
        #: What is drawn and not given yet. Whoever is in a hurry takes from its end what there is.
        self.left: list[str] = []
        self._every.append(self)

    @classmethod
    def draw_anew(cls) -> None:
        """Leave what is drawn, all of it."""
        for one in cls._every:
            one.left.clear()

    def take(self) -> str:
        """The next one."""
        while True:
            try:
                return self.left.pop()
            except IndexError:
                drawn, length = self._write(os.urandom(self.AT_ONCE * self._size)), self._length
                self.left.extend(drawn[start : start + length] for start in range(0, self.AT_ONCE * length, length))


os.register_at_fork(after_in_child=Endings.draw_anew)
_endings = Endings(14, 14, lambda drawn: drawn.translate(_BYTES_32).decode("ascii"))


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


class _Keyed:
    """HMAC-SHA-256 under one key (RFC 2104), with what the key alone makes of it made once.

    ``hmac.digest`` lets go of the interpreter's lock however little it is given, and beside a busy thread waits longer
    to get it back than it takes.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def hexdigest(self, data: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.hexdigest()


class Secrets:
    """What is derived from ``APIGUARD_SECRET``: one key per purpose (HKDF-SHA-256, RFC 5869). Never printed."""

    __slots__ = ("_keyed", "_keys", "_root", "_source")

    def __init__(self, secret: bytes | Callable[[], bytes]) -> None:
        """``secret``, or what is asked for it at first use."""
        self._source = secret
        self._root: bytes | None = None
        self._keys: dict[str, bytes] = {}
        self._keyed: dict[str, _Keyed] = {}
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
        keyed = self._keyed.get(purpose)
        if keyed is None:
            keyed = self._keyed[purpose] = _Keyed(self.key(purpose))
        return keyed.hexdigest(text.encode("utf-8", "surrogatepass"))

    def fingerprint(self, text: str) -> str:
        """16 hexadecimal characters that tell one presented secret from another without revealing it."""
        return self.digest("fingerprint", text)[:16]

    def same(self, left: str, right: str) -> bool:
        """Comparison in constant time."""
        return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))
