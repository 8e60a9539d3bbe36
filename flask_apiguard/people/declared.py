"""The settings of this room."""

from __future__ import annotations

from ..settings import Setting, optional_text, seconds

BASE_URL: Setting[str | None] = Setting(
    "APIGUARD_BASE_URL", None, optional_text, "Where this app is reached from outside; links in mails begin with it."
)
PERSON_TOKEN_LIFETIME: Setting[int] = Setting(
    "APIGUARD_PERSON_TOKEN_LIFETIME", 90 * 86400, seconds, "How long a person token lives by default, and at most."
)
SESSION_LIFETIME: Setting[int] = Setting(
    "APIGUARD_SESSION_LIFETIME", 12 * 3600, seconds, "How long a person stays signed in."
)
SETTINGS = (BASE_URL, PERSON_TOKEN_LIFETIME, SESSION_LIFETIME)
