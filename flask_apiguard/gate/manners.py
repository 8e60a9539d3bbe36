"""The gate's settings, read once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from ..settings import Setting, Settings, choice, whole, words
from ..values import Mode

MAX_BODY_DEFAULT = 16 << 20


def day(value: Any) -> float:
    """A day as ``YYYY-MM-DD`` (UTC): the seconds since the epoch at its first moment."""
    try:
        return dt.datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=dt.UTC).timestamp()
    except ValueError:
        raise ValueError("a day such as 2027-01-31") from None


MODE = Setting("APIGUARD_MODE", "enforce", choice("enforce", "observe"), "Whether refusals bind or are only recorded.")
OBSERVE_UNTIL: Setting[float] = Setting(
    "APIGUARD_OBSERVE_UNTIL", float("inf"), day, "The day (YYYY-MM-DD, UTC) from which on refusals bind by themselves."
)
SANDBOX = Setting("APIGUARD_SANDBOX", "app", choice("app", "off"), "Who answers sandbox calls: the app, or nobody.")
MAX_BODY: Setting[int | None] = Setting(
    "APIGUARD_MAX_BODY",
    None,
    whole(1),
    "The largest body in bytes; by default the host's MAX_CONTENT_LENGTH, else 16 MiB.",
)
MAX_JSON = Setting("APIGUARD_MAX_JSON", 1 << 20, whole(1), "The largest JSON body in bytes on a route with a schema.")
CORS_ORIGINS: Setting[tuple[str, ...] | None] = Setting(
    "APIGUARD_CORS_ORIGINS", None, words, "Origins whose pages may call; unset leaves CORS to the host."
)
SETTINGS: tuple[Setting[Any], ...] = (CORS_ORIGINS, MAX_BODY, MAX_JSON, MODE, OBSERVE_UNTIL, SANDBOX)


@dataclass(frozen=True, slots=True)
class Manners:
    """How the gate behaves where rules leave it open. Sizes in bytes, ``observe_until`` in seconds since the epoch."""

    mode: str = Mode.ENFORCE
    observe_until: float = float("inf")
    sandbox: bool = True
    max_body: int = MAX_BODY_DEFAULT
    max_json: int = 1 << 20
    origins: frozenset[str] | None = None
    metadata_url: str | None = None

    def observes(self, mode: str, now: float) -> bool:
        """Whether a route of this mode is only observed at a moment (seconds since the epoch)."""
        return mode == Mode.OBSERVE and now < self.observe_until


def observing(routes: int, until: float) -> str:
    """What is said aloud at start while routes are only observed."""
    day_of_end = "" if until == float("inf") else f" {dt.datetime.fromtimestamp(until, dt.UTC):%Y-%m-%d}"
    end = f"It ends by itself on{day_of_end}." if day_of_end else "It has no end: set APIGUARD_OBSERVE_UNTIL."
    return f"The gate only observes {routes} routes: what it would refuse is recorded and let through. {end}"


def read_manners(settings: Settings, host_max_body: int | None, metadata_url: str | None = None) -> Manners:
    """The settings of one app; ``host_max_body`` is its own ``MAX_CONTENT_LENGTH``."""
    origins = settings[CORS_ORIGINS]
    return Manners(
        mode=settings[MODE],
        observe_until=settings[OBSERVE_UNTIL],
        sandbox=settings[SANDBOX] == "app",
        max_body=settings[MAX_BODY] or host_max_body or MAX_BODY_DEFAULT,
        max_json=settings[MAX_JSON],
        origins=None if origins is None else frozenset(origins),
        metadata_url=metadata_url,
    )
