"""The codes that people read from one screen and type on another (RFC 8628, section 6.1)."""

from __future__ import annotations

import re
import secrets

#: No vowels, so that no words come of it; no digits, so that none is taken for a letter.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
#: 34.6 bits: a million guesses at a thousand waiting devices find one in 4 cases of 100 (section 5.1).
LENGTH = 8
#: Longer than anybody would type a code with, whatever they put between its letters.
TYPED_AT_MOST = 40
_BETWEEN = re.compile(r"[\s.,:_/\\\-\u2010-\u2015]+")
_CODE = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")


def make() -> str:
    """A new code, without what is written between its letters."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def written(code: str) -> str:
    """A code as people read it: ``WDJB-MJHT``."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def read(typed: str) -> str | None:
    """The code that somebody typed, in any case and with anything usual in between; None when it is none."""
    code = _BETWEEN.sub("", typed[:TYPED_AT_MOST]).upper()
    return code if _CODE.fullmatch(code) else None
