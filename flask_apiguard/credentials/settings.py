"""What this room reads from the configuration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ..settings import Setting, seconds
from ..values import Environment

LIFETIME_AT_MOST = dt.timedelta(days=3650)
TOKEN_LIFETIME_AT_MOST = 86400
_DAY = 86400


def lifetimes(value: Any) -> Mapping[str, int]:
    """One span of time for both environments, or a mapping from environment to span. Seconds by environment."""
    names = [environment.value for environment in Environment]
    spans = dict.fromkeys(names, value) if not isinstance(value, Mapping) else {**_DEFAULT, **value}
    wanted = f"a span such as '90d', at most {LIFETIME_AT_MOST.days}d, or a mapping from {' and '.join(names)} to spans"
    if set(spans) != set(names):
        raise ValueError(wanted)
    read = {name: seconds(span) for name, span in spans.items()}
    if not all(0 < span <= LIFETIME_AT_MOST.total_seconds() for span in read.values()):
        raise ValueError(wanted)
    return read


def token_lifetime(value: Any) -> int:
    """A span of at least a second and at most a day, in seconds."""
    read = seconds(value)
    if not 0 < read <= TOKEN_LIFETIME_AT_MOST:
        raise ValueError('a span from one second to a day, such as "10m"')
    return read


_DEFAULT: Mapping[str, int] = {"sandbox": 90 * _DAY, "production": 365 * _DAY}

KEY_LIFETIME: Setting[Mapping[str, int]] = Setting(
    "APIGUARD_KEY_LIFETIME",
    _DEFAULT,
    lifetimes,
    "How long a new credential lives: one span of time, or one by environment.",
)
TOKEN_LIFETIME: Setting[int] = Setting(
    "APIGUARD_TOKEN_LIFETIME", 600, token_lifetime, "How long an access token lives, in seconds or as a span of time."
)
SETTINGS = (KEY_LIFETIME, TOKEN_LIFETIME)
