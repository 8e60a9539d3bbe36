"""One app's rooms, wired. Every part is built at first use, so that nothing is opened before the first request.

The lower rooms know nothing of Flask's app and of each other; what one needs of another is handed over here.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets as system_random
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask

from . import access, credentials, events, gate, ledger, monitor, notices, oauth, onboarding, people, quotas, schemas
from .access import ScopeBook
from .clients import Watch
from .clock import Clock
from .contracts import CredentialType, EventSink, Notifier, OnboardingCheck, Registry
from .crypto import Secrets
from .db import EVENTS, STATE, Store
from .errors import ConfigurationError
from .events import Recorder
from .gate import Gate, Manners, Way, read_manners
from .ledger import Ledger
from .people import People
from .perimeter import Perimeter, StillAdmitted
from .quotas import Attempts, Counter, Quotas
from .rules import Book
from .rules.book import Entry
from .schemas import Schemas
from .settings import Setting, Settings, mapping, optional_text, resolve, text, words
from .values import HostUser

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask_limiter import Limiter

    from .oauth.server import Server

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
    "APIGUARD_TRUSTED_PROXIES", (), words, "Addresses of proxies whose identity headers count."
)
ROOMS = (credentials, events, gate, ledger, monitor, notices, oauth, onboarding, people, quotas, schemas)
SETTINGS: tuple[Setting[Any], ...] = (
    BRAND, CLI_NAME, DATABASE_URL, PATHS, SCOPES, SECRET, TRUSTED_PROXIES,
    *(setting for room in ROOMS for setting in room.SETTINGS),
)  # fmt: skip


@dataclass
class Options:
    """What the code gives to ``APIGuard(...)``; shared by every app of the same extension object."""

    paths: Sequence[str] | None = None
    scopes: Mapping[str, Any] = field(default_factory=dict)
    brand: str | None = None
    limiter: Limiter | None = None
    credentials: Sequence[CredentialType] = ()
    checks: Sequence[OnboardingCheck] = ()
    sinks: Sequence[EventSink] = ()
    notifiers: Sequence[Notifier] = ()
    entries: list[Entry] = field(default_factory=list)
    policies: access.Policies = field(default_factory=access.Policies)
    host_user: Callable[[], HostUser | None] | None = None


class House:
    """The rooms of one app. Attributes are built on first access and kept."""

    def __init__(self, app: Flask, options: Options) -> None:
        self._app = weakref.ref(app)
        self.options = options
        self.settings: Settings = resolve(app.config, SETTINGS)
        paths = self.settings[PATHS] if self.settings[PATHS] is not None else options.paths
        self.book = Book(tuple(paths) if paths is not None else None, options.entries)
        self.policies = options.policies
        self.clock = Clock()
        self._lock = threading.RLock()
        self._is_open = False
        self._demand_secret()

    @property
    def app(self) -> Flask:
        """The app whose house this is."""
        app = self._app()
        if app is None:
            raise RuntimeError("the app is gone")
        return app

    # -- places ----------------------------------------------------------------------------------------------------

    @cached_property
    def folder(self) -> Path:
        """Where our files are: the instance folder, or a private temporary one under ``TESTING`` without a URL."""
        if self.app.testing and self.settings[DATABASE_URL] is None:
            made = tempfile.mkdtemp(prefix="apiguard-")
            self._temporary = weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
            return Path(made)
        return Path(self.app.instance_path)

    def _state_url(self) -> str:
        return self.settings[DATABASE_URL] or f"sqlite:///{self.folder / STATE_FILE}"

    def _events_url(self) -> str:
        url = self.settings[DATABASE_URL]
        if url is None:
            return f"sqlite:///{self.folder / EVENTS_FILE}"
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///"))
            return f"sqlite:///{path.with_name(path.stem + '-events' + path.suffix)}"
        return url

    def _demand_secret(self) -> None:
        url = self.settings[DATABASE_URL] or ""
        if self.settings[SECRET] is None and url.startswith("postgres"):
            raise ConfigurationError(
                "APIGUARD_SECRET is missing; a store that several hosts share needs one that they share.",
                'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"',
            )

    def _read_secret(self) -> bytes:
        given = self.settings[SECRET]
        if given is not None:
            return given.encode()
        return self_made(self.folder / SECRET_FILE)

    # -- rooms, from the bottom ------------------------------------------------------------------------------------

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets(self._read_secret)

    @cached_property
    def store(self) -> Store:
        return Store(STATE, self._state_url, self.clock.now)

    @cached_property
    def events_store(self) -> Store:
        return Store(EVENTS, self._events_url, self.clock.now)

    @cached_property
    def watch(self) -> Watch:
        beside_redis = (self.settings[quotas.COUNTERS_URL] or "").startswith(("redis", "valkey"))
        return Watch(self.store, 0.5 if beside_redis else 0.05, mapped=not self.app.testing)

    @cached_property
    def ledger(self) -> Ledger:
        named = self.settings[ledger.CHECKPOINTS]
        trusted: tuple[str, ...] = self.settings[ledger.TRUSTED_KEYS]
        file = Path(named) if named else self.folder / ledger.CHECKPOINTS_NAME
        return Ledger(self.store, self.secrets, self.clock, file=file, trusted=trusted)

    @cached_property
    def people(self) -> People:
        return People(
            self.store, self.secrets, self.clock, brand=self.brand, base_url=self.settings[people.BASE_URL],
            token_lifetime=self.settings[people.PERSON_TOKEN_LIFETIME],
            session_lifetime=self.settings[people.SESSION_LIFETIME],
        )  # fmt: skip

    @property
    def brand(self) -> str:
        """The first word of keys and tokens."""
        return self.settings[BRAND] or self.options.brand or "apiguard"

    @cached_property
    def scopes(self) -> ScopeBook:
        configured: Mapping[str, Any] = self.settings[SCOPES]
        return ScopeBook({**configured, **self.options.scopes})

    @cached_property
    def format(self) -> credentials.Format:
        return credentials.Format(self.brand)

    @cached_property
    def keys(self) -> credentials.Keys:
        return credentials.Keys(self.format, self.secrets, self.settings[credentials.KEY_LIFETIME])

    @cached_property
    def tokens(self) -> credentials.Tokens:
        return credentials.Tokens(self.format, self.secrets, self.settings[credentials.TOKEN_LIFETIME])

    @cached_property
    def last_use(self) -> credentials.LastUse:
        return credentials.LastUse(self.store, self.clock)

    @cached_property
    def access_tokens(self) -> credentials.AccessTokenType:
        resource = None if self.places is None else self.places.resource
        return credentials.AccessTokenType(self.store, self.tokens, self.clock, access.entitle, resource)

    @cached_property
    def verifier(self) -> credentials.Verifier:
        common = (self.store, self.format, self.secrets, self.clock, access.entitle)
        types: Registry[CredentialType] = Registry("credential type", lambda kind: kind.name)
        types.add(credentials.ApiKeyType(*common))
        types.add(self.access_tokens)
        for kind in self.options.credentials:
            types.add(kind)
        types.add(credentials.ImportedKeyType(*common, self.watch))
        return credentials.Verifier(types, self.watch, self.secrets, self.clock)

    @cached_property
    def counter(self) -> Counter:
        url = self.settings[quotas.COUNTERS_URL]
        if url is None and self.app.testing and self.settings[DATABASE_URL] is None:
            return quotas.Memory()
        return quotas.counter_for(url, self.folder)

    @cached_property
    def quotas(self) -> Quotas:
        made = Quotas(
            self.store, self.counter, self.clock,
            away=self.settings[quotas.COUNTERS_AWAY], default_plan=self.settings[quotas.DEFAULT_PLAN],
        )  # fmt: skip

        def forget(subjects: Iterable[str]) -> None:
            for subject in subjects:
                made.forget(subject)

        self.watch.attach(forget, made.flush)
        return made

    @cached_property
    def attempts(self) -> Attempts:
        return Attempts(self.clock, self.settings[quotas.FAILED_ATTEMPTS])

    @cached_property
    def schemas(self) -> Schemas:
        return Schemas(schemas.default_kinds(), lambda: self.app.json)

    @cached_property
    def recorder(self) -> Recorder:
        named = self.settings[events.SPOOL]
        return Recorder(
            Path(named) if named else self.folder / SPOOL_FOLDER, self.events_store, self.clock,
            away=self.settings[events.EVENTS_AWAY], sinks=tuple(self.options.sinks),
            keep=dt.timedelta(seconds=self.settings[events.RETENTION]),
            keep_addresses=dt.timedelta(seconds=self.settings[events.ADDRESS_RETENTION]),
            background=not self.app.testing,
        )  # fmt: skip

    @cached_property
    def gate(self) -> Gate:
        way = Way(self.verifier, self.policies, self.quotas, self.attempts, self.schemas, self.manners)
        way.host_user = self.options.host_user
        return Gate(
            self.app, self.book, way, self.verifier, self.policies, self.quotas, self.schemas, self.clock,
            self.manners, self.last_use.touch,
        )  # fmt: skip

    @cached_property
    def manners(self) -> Manners:
        metadata_url = None if self.places is None else self.places.resource_metadata_url
        return read_manners(self.settings, self.app.config.get("MAX_CONTENT_LENGTH"), metadata_url)

    @cached_property
    def places(self) -> oauth.Places | None:
        """Where the authorization server is; None while it is off."""
        issuer = self.settings[oauth.ISSUER]
        if issuer is None:
            return None
        return oauth.places(issuer, self.settings[oauth.RESOURCE], self.app.config["APPLICATION_ROOT"])

    @cached_property
    def oauth(self) -> Server:
        """The authorization server.

        :raises ConfigurationError: it is off.
        """
        from .oauth.server import Server  # and with it the OAuth library, which nobody else needs

        if self.places is None:
            raise ConfigurationError("There is no authorization server.", "Set APIGUARD_ISSUER.")
        return Server(
            self.places, self.brand, self.store, self.tokens, self.secrets, self.clock, self.watch, access.entitle,
            self.attempts, self.access_tokens.facts, self.last_use.touch, [scope.name for scope in self.scopes],
        )  # fmt: skip

    def perimeter(self, inner: WSGIApplication) -> Perimeter:
        """The middleware around what ``app.wsgi_app`` was."""
        return Perimeter(inner, self.book, self.clock, self.trusts, self.open)

    def trusts(self, peer: str) -> bool:
        """Whether identity headers from this peer count."""
        return peer in self.settings[TRUSTED_PROXIES]

    def open(self) -> tuple[Recorder, StillAdmitted]:
        """Before the first request: compile every route, so that what is wrong is said at start, and build the rooms.

        :raises ConfigurationError: naming what is wrong, and the fix.
        """
        with self._lock:
            if not self._is_open:
                exempt_from_csrf(self.app, self.book)
                self.gate.compile_all()
                self._is_open = True
            return self.recorder, self.gate.still

    def close(self) -> None:
        """Ship what is recorded and let go of every file and connection of this process."""
        with self._lock:
            for name in ("last_use", "recorder", "watch", "store", "events_store"):
                part = self.__dict__.get(name)
                if part is not None:
                    (part.flush if name == "last_use" else part.close)()


def self_made(path: Path) -> bytes:
    """The secret in a file of ours, made at first use; two processes starting at once end with the same one."""
    try:
        return path.read_bytes().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        os.write(handle, system_random.token_urlsafe(48).encode())
        os.fsync(handle)
        os.close(handle)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return path.read_bytes().strip()
    finally:
        os.unlink(fresh)
    return path.read_bytes().strip()


def exempt_from_csrf(app: Flask, book: Book) -> None:
    """Take our blueprints out of the host's CSRF protection: they prove their callers by other means."""
    protection = app.extensions.get("csrf")
    exempt = getattr(protection, "exempt", None)
    if exempt is None:
        return
    for name in book.own_blueprints:
        blueprint = app.blueprints.get(name)
        if blueprint is not None:
            exempt(blueprint)
