"""The settings of this room."""

from __future__ import annotations

from ..settings import Setting, choice, flag, seconds, whole

_DAY = 86400

ONBOARDING: Setting[str] = Setting(
    "APIGUARD_ONBOARDING",
    "invited",
    choice("invited", "open"),
    "Which door is open: invited (an operator brings applications in) or open (people register them).",
)
RECERTIFY: Setting[int] = Setting(
    "APIGUARD_RECERTIFY", 365 * _DAY, seconds, "How long after an approval its owner must confirm an application again."
)
REFERENCE_REQUIRED: Setting[bool] = Setting(
    "APIGUARD_REFERENCE_REQUIRED",
    False,
    flag,
    "Whether an application must be bound to a customer of the host's before production.",
)
REVIEW_EXPIRY: Setting[int] = Setting(
    "APIGUARD_REVIEW_EXPIRY", 30 * _DAY, seconds, "How long a review waits for its next word before it closes itself."
)
REVIEW_SAMPLE: Setting[int] = Setting(
    "APIGUARD_REVIEW_SAMPLE",
    10,
    whole(0, 100),
    "Of a hundred approvals by policy, how many are marked to be looked at afterwards.",
)
SETTINGS = (ONBOARDING, RECERTIFY, REFERENCE_REQUIRED, REVIEW_EXPIRY, REVIEW_SAMPLE)
