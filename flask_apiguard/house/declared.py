"""What a house is told: settings from the deployment, options from the code."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Flask

from .. import access, credentials, events, gate, ledger, monitor, notices, oauth, onboarding, people, quotas, schemas
from ..contracts import CredentialType, EventSink, Notifier, OnboardingCheck
from ..rules.targets import Entry
from ..settings import Setting, mapping, optional_text, text, words
from ..values import HostUser
from .parts import demand_limiter, read_parts, read_paths, read_scopes

if TYPE_CHECKING:
    from flask_limiter import Limiter

#: Where the house hangs: ``app.extensions[NAME]``.
NAME = "apiguard"
STATE_FILE, EVENTS_FILE, SECRET_FILE, SPOOL_FOLDER = (
    "apiguard.db", "apiguard-events.db", "apiguard.secret", "apiguard-spool",
)  # fmt: skip

BRAND: Setting[str | None] = Setting("APIGUARD_BRAND", None, optional_text, "The first word of every key we make.")
CLI_NAME: Setting[str] = Setting(
    "APIGUARD_CLI_NAME", "apiguard", text, "The name of the command group: flask NAME keys create …"
)
DATABASE_URL: Setting[str | None] = Setting(
    "APIGUARD_DATABASE_URL", None, optional_text,
    "Where the state is kept: postgresql://… or sqlite:///…; by default apiguard.db in the instance folder.",
    secret=True,
)  # fmt: skip
PATHS: Setting[tuple[str, ...] | None] = Setting(
    "APIGUARD_PATHS", None, words, "The URL prefixes that are guarded; unset guards everything."
)
SCOPES: Setting[Mapping[str, Any]] = Setting(
    "APIGUARD_SCOPES", {}, mapping, "Scopes and what they mean, beside those in code."
)
SECRET: Setting[str | None] = Setting(
    "APIGUARD_SECRET", None, text,
    "The one secret that everything is derived from; self-made in the instance folder when the store is SQLite.",
    secret=True,
)  # fmt: skip
TRUSTED_PROXIES: Setting[tuple[str, ...]] = Setting(
    "APIGUARD_TRUSTED_PROXIES", (), words,
    "Addresses of proxies whose identity headers count; unix: is whoever comes over a Unix socket.",
)  # fmt: skip
#: Names peers without an address.
UNIX = "unix:"
ROOMS = (credentials, events, gate, ledger, monitor, notices, oauth, onboarding, people, quotas, schemas)
SETTINGS: tuple[Setting[Any], ...] = (
    BRAND, CLI_NAME, DATABASE_URL, PATHS, SCOPES, SECRET, TRUSTED_PROXIES,
    *(setting for room in ROOMS for setting in room.SETTINGS),
)  # fmt: skip


@dataclass
class Options:
    """What the code gives to ``APIGuard(...)``; shared by every app of the same extension object.

    :raises ConfigurationError: a part or a scope that can't work, named with the fix.
    """

    paths: Sequence[str] | None = None
    scopes: Mapping[str, Any] | None = None
    brand: str | None = None
    limiter: Limiter | None = None
    credentials: Sequence[CredentialType] = ()
    checks: Sequence[OnboardingCheck] = ()
    sinks: Sequence[EventSink] = ()
    notifiers: Sequence[Notifier] = ()
    entries: list[Entry] = field(default_factory=list)
    policies: access.Policies = field(default_factory=access.Policies)
    host_user: Callable[[], HostUser | None] | None = None
    #: The apps of the extension object that live.
    apps: weakref.WeakSet[Flask] = field(default_factory=weakref.WeakSet)

    def __post_init__(self) -> None:
        self.paths = read_paths(self.paths)
        self.scopes = {name: access.read_scope(name, told) for name, told in read_scopes(self.scopes).items()}
        self.credentials = read_parts("credentials", self.credentials)
        self.checks = read_parts("checks", self.checks)
        self.sinks = read_parts("sinks", self.sinks)
        self.notifiers = read_parts("notifiers", self.notifiers)
        demand_limiter(self.limiter)
