"""What people type: cleaned, or told what is wrong with it. Nothing else in this room looks at raw input."""

from __future__ import annotations

import re
import unicodedata

from ..errors import Invalid, Missing
from ..values import Flaw

EMAIL_BYTES = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
LOCAL_BYTES = 64
NAME_AT_MOST = 200
_ID = re.compile(r"[a-z]{2,4}_[0-9a-z]{26}")
_ORGANIZATION = re.compile(r"[A-Za-z0-9_-]{1,40}")
#: Would need quoting in an address, or would end a header or a list of addresses.
_SPECIAL = frozenset('"(),:;<>[\\]')


def normal_email(value: object) -> str | None:
    """The one form under which an address is known (NFC, lower case, IDN kept as it is); None when it is none."""
    if not isinstance(value, str) or len(value) > EMAIL_BYTES:
        return None
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", value.strip(" ")).lower())
    if text.count("@") != 1 or any(char in _SPECIAL or unicodedata.category(char)[0] in "CZ" for char in text):
        return None
    local, domain = text.split("@")
    if not 0 < len(local.encode()) <= LOCAL_BYTES or len(text.encode()) > EMAIL_BYTES:
        return None
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return None
    labels = domain.split(".")
    return text if len(labels) > 1 and all(_label(label) for label in labels) else None


def _label(label: str) -> bool:
    # Beyond ASCII anything goes: whether a name is registered is for the mail server to find out.
    plain = all(char == "-" or char.isalnum() for char in label if char.isascii())
    return plain and 0 < len(label.encode()) <= 63 * 4 and label[0] != "-" and label[-1] != "-"


def email(value: object, pointer: str = "/email") -> str:
    """A normalised address.

    :raises Invalid: one ``@``, at most 254 bytes, no control characters or blanks, a domain of several labels.
    """
    found = normal_email(value)
    if found is None:
        raise Invalid([Flaw(pointer, "This is not an e-mail address, such as ann@example.com.")])
    return found


def line(value: object, pointer: str, *, least: int = 0, most: int = NAME_AT_MOST) -> str:
    """One line of printable text without blanks around it.

    :raises Invalid: not a text, too short, too long, or with characters that don't show.
    """
    if not isinstance(value, str):
        raise Invalid([Flaw(pointer, "This is not a text.")])
    text = value.strip()
    if not least <= len(text) <= most:
        raise Invalid([Flaw(pointer, f"This has {len(text)} characters; {least} to {most} are allowed.")])
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text):
        raise Invalid([Flaw(pointer, "This contains a control character or half of a character.")])
    return text


def known_id(value: object, prefix: str) -> str:
    """An id of ours.

    :raises Missing: it can't be one, so there is nothing behind it.
    """
    if isinstance(value, str) and value.startswith(prefix + "_") and _ID.fullmatch(value):
        return value
    raise Missing


def organization(value: object) -> str | None:
    """An organization's id, or None for the house.

    :raises Missing: it can't be one.
    """
    if value is None or (isinstance(value, str) and _ORGANIZATION.fullmatch(value)):
        return value
    raise Missing
