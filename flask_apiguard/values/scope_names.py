"""What a scope can be called."""

from __future__ import annotations

import re
from typing import Any

#: RFC 6749, section 3.3; the stores keep 120 characters.
_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,120}")
SCOPE_RULE = (
    "A scope is up to 120 visible ASCII characters without spaces, quotes and backslashes (RFC 6749, section 3.3)."
)


def is_scope(name: Any) -> bool:
    """Whether this can be a scope's name: of other characters no token could carry it."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None
