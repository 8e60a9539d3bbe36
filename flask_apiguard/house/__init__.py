"""One app's rooms, wired: the one floor that knows all the rooms below it."""

from .declared import (
    BRAND,
    CLI_NAME,
    DATABASE_URL,
    NAME,
    PATHS,
    SCOPES,
    SECRET,
    SETTINGS,
    TRUSTED_PROXIES,
    UNIX,
    Options,
)
from .house import House
from .places import self_made

__all__ = [
    "BRAND",
    "CLI_NAME",
    "DATABASE_URL",
    "NAME",
    "PATHS",
    "SCOPES",
    "SECRET",
    "SETTINGS",
    "TRUSTED_PROXIES",
    "UNIX",
    "House",
    "Options",
    "self_made",
]
