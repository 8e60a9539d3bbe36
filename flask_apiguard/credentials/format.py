"""The written form of what we hand out: recognizable, checkable without a store, findable by secret scanners.

====================  ==========================================================
API key               ``<brand>_<sandbox|production>_<id>_<random>_<checksum>``
client secret         ``<brand>_cs_<id>_<random>_<checksum>``
access token          ``<brand>_at_<random>_<checksum>``
refresh token         ``<brand>_rt_<random>_<checksum>``
====================  ==========================================================

``id`` is 12 and ``random`` 43 base 62 characters (256 bits); the checksum covers everything before its underscore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from ..crypto import checksum, random_text
from ..errors import ConfigurationError
from ..values import Environment

BRAND = re.compile(r"[a-z][a-z0-9]{1,19}")
LENGTH_AT_MOST = 200
ID_LENGTH = 12
RANDOM_LENGTH = 43
_ID = rf"[0-9A-Za-z]{{{ID_LENGTH}}}"
_REST = rf"[0-9A-Za-z]{{{RANDOM_LENGTH}}}_[0-9A-Za-z]{{6}}"


class Written(StrEnum):
    """What kind of thing a text is, and the word in it that says so."""

    ACCESS = "at"
    CLIENT_SECRET = "cs"  # noqa: S105 - a word, no password
    KEY = "key"
    REFRESH = "rt"


class Malformed(ValueError):
    """Ours by its first characters, and not whole."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new text, and its first characters, which may be shown and logged."""

    text: str = field(repr=False)
    hint: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a whole text says of itself. Proves nothing yet."""

    written: Written
    environment: Environment | None = None
    id: str = ""


class Format:
    """The forms of one brand.

    :raises ConfigurationError: the brand is not 2 to 20 lower-case letters and digits, starting with a letter.
    """

    def __init__(self, brand: str) -> None:
        if not BRAND.fullmatch(brand):
            raise ConfigurationError(
                f"{brand[:40]!r} is no brand for keys.", "Use 2 to 20 lower-case letters and digits, a letter first."
            )
        self.brand = brand
        self.key_prefixes = tuple(f"{brand}_{environment}_" for environment in Environment)
        self.access_prefix = f"{brand}_at_"
        self._prefixes = (*self.key_prefixes, self.access_prefix, f"{brand}_cs_", f"{brand}_rt_")
        self._whole = re.compile(
            rf"{brand}_(?:(?P<word>sandbox|production|cs)_(?P<id>{_ID})|(?P<token>at|rt))_{_REST}", re.ASCII
        )

    def make_key(self, environment: Environment) -> Made:
        """A new API key."""
        return self._made(f"{self.brand}_{environment}_{random_text(ID_LENGTH)}")

    def make_client_secret(self) -> Made:
        """A new client secret."""
        return self._made(f"{self.brand}_cs_{random_text(ID_LENGTH)}")

    def make_token(self, written: Written, random: str | None = None) -> str:
        """A new access or refresh token; ``random`` is its secret part where it must not come by chance."""
        return _whole(f"{self.brand}_{written}", random or random_text(RANDOM_LENGTH))

    def parse(self, text: str) -> Parsed | None:
        """Read a text; None when it is not of this brand's forms at all.

        :raises Malformed: it begins like ours, but is not whole or its checksum is wrong.
        """
        if not text.startswith(self._prefixes):
            return None
        found = self._whole.fullmatch(text) if len(text) <= LENGTH_AT_MOST else None
        if found is None:
            raise Malformed("not of the whole form")
        body, _, check = text.rpartition("_")
        if checksum(body) != check:
            raise Malformed("the checksum is wrong")
        if found["token"] is not None:
            return Parsed(Written(found["token"]))
        if found["word"] == "cs":
            return Parsed(Written.CLIENT_SECRET, id=found["id"])
        return Parsed(Written.KEY, Environment(found["word"]), found["id"])

    @staticmethod
    def _made(start: str) -> Made:
        return Made(_whole(start, random_text(RANDOM_LENGTH)), start)


def _whole(start: str, random: str) -> str:
    body = f"{start}_{random}"
    return f"{body}_{checksum(body)}"


def pattern(brand: str) -> str:
    """A regular expression that finds this brand's secrets in any text, in the subset that RE2 and PCRE share."""
    Format(brand)
    return rf"\b{brand}_(?:(?:sandbox|production|cs)_{_ID}|at|rt)_{_REST}\b"
