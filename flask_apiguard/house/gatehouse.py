"""The rooms on a request's way: counting, schemas, recording, the gate, and the authorization server beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .. import access, events, oauth, quotas, schemas
from ..errors import ConfigurationError
from ..events import Recorder
from ..gate import Gate, Manners, Way, read_manners
from ..perimeter import Perimeter, StillAdmitted
from ..quotas import Attempts, Counter, Quotas
from ..schemas import Schemas
from ..values import HostUser
from .declared import DATABASE_URL, SPOOL_FOLDER, TRUSTED_PROXIES
from .foundations import Foundations

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from ..oauth.server import Server


class Gatehouse(Foundations):
    """What every call passes. Each room is built when it is first asked for, and kept."""

    @cached_property
    def counter(self) -> Counter:
        url, limiter = self.settings[quotas.COUNTERS_URL], self.options.limiter
        if url is None and limiter is None and self.app.testing and self.settings[DATABASE_URL] is None:
            return quotas.Memory()
        return quotas.counter_for(url, self.folder, limiter)

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
    def oauth(self) -> Server:
        """The authorization server.

        :raises ConfigurationError: it is off.
        """
        from ..oauth.server import Server  # and with it the OAuth library, which nobody else needs

        if self.places is None:
            raise ConfigurationError("There is no authorization server.", "Set APIGUARD_ISSUER.")
        return Server(
            self.places, self.brand, self.store, self.tokens, self.secrets, self.clock, self.watch, access.entitle,
            self.attempts, self.access_tokens.facts, self.last_use.touch, self.scopes,
            self.settings[oauth.REFRESH_LIFETIME], self.signing_keys,
        )  # fmt: skip

    def host_user(self) -> HostUser | None:
        """The host's signed-in user, if the host told us how to find out."""
        return self.options.host_user() if self.options.host_user is not None else None

    def perimeter(self, inner: WSGIApplication) -> Perimeter:
        """The middleware around what ``app.wsgi_app`` was; kept as ``edge``."""
        self.edge = Perimeter(inner, self.book, self.clock, self.trusts, self.open)
        return self.edge

    def trusts(self, peer: str) -> bool:
        """Whether identity headers from this peer count."""
        return peer in self.settings[TRUSTED_PROXIES]

    def open(self) -> tuple[Recorder, StillAdmitted]:
        """What the perimeter asks for before the first request.

        :raises ConfigurationError: naming what is wrong, and the fix.
        """
        raise NotImplementedError
