"""What this room reads from the configuration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ..settings import Setting, seconds
from ..values import Environment
from .lifetimes import GRANT_TYPES, Lifetimes, Within

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


_DEFAULT: Mapping[str, int] = {"sandbox": 90 * _DAY, "production": 365 * _DAY}

KEY_LIFETIME: Setting[Mapping[str, int]] = Setting(
    "APIGUARD_KEY_LIFETIME",
    _DEFAULT,
    lifetimes,
    "How long a new credential lives: one span of time, or one by environment.",
)
_TOKEN_LIFETIMES = Within(600, 1, TOKEN_LIFETIME_AT_MOST, GRANT_TYPES)
TOKEN_LIFETIME: Setting[Lifetimes] = Setting(
    "APIGUARD_TOKEN_LIFETIME", _TOKEN_LIFETIMES.default, _TOKEN_LIFETIMES, "How long an access token lives."
)
SETTINGS = (KEY_LIFETIME, TOKEN_LIFETIME)
