"""The form in which an entry is hashed, precise enough to write a verifier from.

An entry's text is JSON in the manner of RFC 8785, narrower in two places so that it survives every store and log:

- members sorted by Unicode code point, no white space, strings in ASCII: whatever is not between U+0020 and U+007E
  is written ``\\uXXXX`` in lower-case hexadecimal (a surrogate pair beyond U+FFFF); ``"`` and ``\\`` and the five
  short escapes ``\\b \\f \\n \\r \\t`` as usual;
- no floats: numbers are integers of at most 53 bits, other numbers are texts. Times are RFC 3339 in UTC with six
  fractional digits and ``Z``.

Its members: ``v`` (1), ``seq``, ``at``, ``happening``, ``actor`` (``kind``, ``id``), ``organization_id``, ``subject``,
``before``, ``after``, ``evidence``, ``reason``, ``request_id``, ``personal`` (field name -> seal).

- leaf = SHA-256(0x00 || text), as a leaf of RFC 9162, section 2.1.1
- chain = SHA-256(0x01 || previous chain || leaf), of raw bytes; before the first entry 32 zero bytes
- seal = SHA-256(0x02 || salt || value in UTF-8); salt (16 bytes) and value stand beside the chain and can be erased

All digests are stored in lower-case hexadecimal.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from typing import Any

VERSION = 1
GENESIS = "00" * 32
#: What a caller sends may be on record, but not a megabyte of it.
TEXT_AT_MOST = 4096
DEPTH_AT_MOST = 16
_WHOLE_AT_MOST = 2**53 - 1


def canonical(document: Mapping[str, Any]) -> str:
    """The text of a document that ``plain`` has been through."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def leaf_of(text: str) -> str:
    """The leaf of an entry's text."""
    return hashlib.sha256(b"\x00" + text.encode("utf-8", "surrogatepass")).hexdigest()


def link(previous: str, leaf: str) -> str:
    """The chain after one more leaf.

    :raises ValueError: one of them is not hexadecimal.
    """
    return hashlib.sha256(b"\x01" + bytes.fromhex(previous) + bytes.fromhex(leaf)).hexdigest()


def seal(salt: str, value: str) -> str:
    """What binds a personal value to its entry without revealing it. ``salt`` is hexadecimal."""
    return hashlib.sha256(b"\x02" + bytes.fromhex(salt) + value.encode()).hexdigest()


def moment(at: dt.datetime) -> str:
    """RFC 3339 in UTC, always with microseconds."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def clean(text: str, most: int = TEXT_AT_MOST) -> str:
    """A text that every store takes: no NUL, no lone surrogate, bounded, saying how much was cut."""
    text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if len(text) <= most:
        return text
    note = f"… ({len(text)} characters)"
    return text[: most - len(note)] + note


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON that reads the same everywhere.

    :raises TypeError: it is of a kind that has no such form.
    """
    if depth > DEPTH_AT_MOST:
        return "…"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(name), 200): plain(part, depth + 1) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, depth + 1) for part in value]
    if isinstance(value, AbstractSet):
        return sorted((plain(part, depth + 1) for part in value), key=str)
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _WHOLE_AT_MOST else str(value)
    if isinstance(value, (float, Decimal)):
        return str(value)
    if isinstance(value, dt.datetime):
        return moment(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return f"{value // dt.timedelta(microseconds=1)}us"
    raise TypeError(f"a {type(value).__name__} does not go on record")
