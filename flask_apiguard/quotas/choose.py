"""This room's settings, and the counter that they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..settings import Setting, choice, optional_text
from .counting import Counter, Memory
from .remote import SCHEMES, Valkey
from .sharedfile import SharedFile

if TYPE_CHECKING:
    from flask_limiter import Limiter

COUNTERS_NAME = "apiguard-counters"


def per_minute(value: Any) -> int:
    """``"30/minute"`` or ``30``: whole failures per minute; 0 is none at all."""
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*(?:(?:/|per)\s*minute)?\s*", str(value), re.IGNORECASE)
    if isinstance(value, bool) or found is None:
        raise ValueError('so many a minute, such as "30/minute"; 0 switches the throttle off')
    return int(found[1])


COUNTERS_URL: Setting[str | None] = Setting(
    "APIGUARD_COUNTERS_URL",
    None,
    optional_text,
    "Where calls are counted: redis:// or valkey:// across hosts, apiguard-file:///path on one host, memory:// in one "
    "process; by default apiguard-counters in the instance folder.",
    secret=True,
)
COUNTERS_AWAY: Setting[str] = Setting(
    "APIGUARD_COUNTERS_AWAY",
    "closed",
    choice("closed", "open"),
    "What happens to a call that can't be counted: closed answers 503, open lets it pass and says so in the record.",
)
DEFAULT_PLAN: Setting[str | None] = Setting(
    "APIGUARD_DEFAULT_PLAN", None, optional_text, "The plan of clients that have none of their own."
)
FAILED_ATTEMPTS: Setting[int] = Setting(
    "APIGUARD_FAILED_ATTEMPTS",
    30,
    per_minute,
    "How many bad credentials one address may present in a minute before it has to wait; 0 switches the throttle off.",
)
SETTINGS = (COUNTERS_AWAY, COUNTERS_URL, DEFAULT_PLAN, FAILED_ATTEMPTS)


def counter_for(url: str | None, folder: str | Path, limiter: Limiter | None = None) -> Counter:
    """The counter that ``APIGUARD_COUNTERS_URL`` names, or the host's own ``limiter``; nothing is opened yet.

    :raises ConfigurationError: the URL names no counter that we know.
    """
    if limiter is not None:
        from .host import LimitsStorage  # here because `limits` takes long to import

        return LimitsStorage(limiter)
    if url is None:
        return SharedFile(Path(folder) / COUNTERS_NAME)
    scheme, separator, rest = url.partition("://")
    if scheme == "memory":
        return Memory()
    if scheme == "apiguard-file" and rest.startswith("/") and rest.strip("/"):
        return SharedFile(rest)
    if scheme in SCHEMES and separator:
        return Valkey(url)
    raise ConfigurationError(
        "APIGUARD_COUNTERS_URL names no counter.",
        "Write redis://host:6379/0, valkey://host:6379/0, apiguard-file:///path or memory://.",
    )


def apart(counter: Counter, what: str) -> Counter:
    """Where to count what must take no room from calls, nor they from it: a file of its own beside the shared one.

    On a server, and with the host's own ``limiter``, it is the same counter.
    """
    if isinstance(counter, SharedFile):
        return SharedFile(counter.path.with_name(f"{counter.path.name}-{what}"))
    return Memory() if isinstance(counter, Memory) else counter
