"""Monitoring: from its first production call on, somebody notices when a client's calls are not as they should be."""

from __future__ import annotations

import datetime as dt

from ..settings import Setting, Settings, seconds, whole
from .anomalies import Anomaly, AnomalyState, Finding
from .bursts import RefusalBurst
from .watching import Monitor

BURST_REFUSALS = Setting(
    "APIGUARD_BURST_REFUSALS", 20, whole(1), "How many refused calls of one client make a refusal burst."
)
BURST_SHARE = Setting(
    "APIGUARD_BURST_SHARE", 50, whole(0, 99), "More than this percentage of a client's calls is refused in a burst."
)
BURST_WITHIN = Setting("APIGUARD_BURST_WITHIN", 300, seconds, "The time within which a refusal burst's calls lie.")
SETTINGS = (BURST_REFUSALS, BURST_SHARE, BURST_WITHIN)


def burst_of(settings: Settings) -> RefusalBurst:
    """The detector that the settings describe."""
    within = dt.timedelta(seconds=settings[BURST_WITHIN])
    return RefusalBurst(settings[BURST_REFUSALS], within, settings[BURST_SHARE] / 100)


__all__ = ["SETTINGS", "Anomaly", "AnomalyState", "Finding", "Monitor", "RefusalBurst", "burst_of"]
