"""Checkpoints: the signed head, in the store and in a file outside of it, so that a store put back is noticed.

What is signed (Ed25519, RFC 8032) is the canonical text of ``v``, ``seq``, ``chain``, ``at``, ``extra``,
``public_key``. A line of the file is the same document with ``signature``, as JSON. Keys and signatures are in
hexadecimal. The key is derived from ``APIGUARD_SECRET``; a new secret makes a new key, and the former public key is
then named among the trusted ones.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..crypto import Secrets
from ..errors import ConfigurationError
from . import canonical as c

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PURPOSE = "ledger-signing"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head and what was signed along with it. ``public_key`` and ``signature`` are hexadecimal."""

    seq: int
    chain: str
    at: dt.datetime
    extra: Mapping[str, Any]
    public_key: str
    signature: str

    def text(self) -> str:
        """What the signature covers."""
        return c.canonical(self._document())

    def line(self) -> str:
        """One line of the checkpoint file, without its end."""
        return c.canonical({**self._document(), "signature": self.signature})

    def _document(self) -> dict[str, Any]:
        return {
            "v": c.VERSION,
            "seq": self.seq,
            "chain": self.chain,
            "at": c.moment(self.at),
            "extra": dict(self.extra),
            "public_key": self.public_key,
        }


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line of the file that is no checkpoint of ours."""

    line: int


class Signer:
    """Signs heads, and knows whose signatures count: its own and those of the ``trusted`` former public keys."""

    def __init__(self, secrets: Secrets, trusted: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self._trusted = trusted

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._secrets.key(PURPOSE))

    @cached_property
    def public_key(self) -> str:
        """In hexadecimal. Like the private one it is derived at first use: who never signs needs none."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, seq: int, chain: str, at: dt.datetime, extra: Mapping[str, Any]) -> Checkpoint:
        """A signed head."""
        unsigned = Checkpoint(seq, chain, at, extra, self.public_key, "")
        signature = self._key.sign(unsigned.text().encode()).hex()
        return Checkpoint(seq, chain, at, extra, self.public_key, signature)

    def signed(self, checkpoint: Checkpoint) -> bool:
        """Whether one of the keys that count signed exactly this."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        if checkpoint.public_key != self.public_key and checkpoint.public_key not in self._trusted:
            return False
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint.public_key))
            key.verify(bytes.fromhex(checkpoint.signature), checkpoint.text().encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def append_line(path: Path, checkpoint: Checkpoint) -> None:
    """Append one line in one write and see it on the disk.

    :raises ConfigurationError: the file can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            # A line that a crash cut short must not swallow the next one.
            start = "\n" if size and os.pread(handle, 1, size - 1) != b"\n" else ""
            os.write(handle, f"{start}{checkpoint.line()}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be written ({error.strerror}).", "Make it writable, or set APIGUARD_CHECKPOINTS."
        ) from None


def lines(path: Path) -> Iterator[Checkpoint | Damaged]:
    """The file's checkpoints in its order; none when there is no file."""
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, 1):
            if line.strip():
                found = _parsed(line)
                # What a crash cut short was never promised to anybody; its number was not taken as signed either.
                if found is not None or line.endswith("\n"):
                    yield found or Damaged(number)


def _parsed(line: str) -> Checkpoint | None:
    try:
        found = json.loads(line)
        at = dt.datetime.fromisoformat(found["at"])
        chain, public_key, signature = str(found["chain"]), str(found["public_key"]), str(found["signature"])
        return Checkpoint(int(found["seq"]), chain, at, dict(found["extra"]), public_key, signature)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
