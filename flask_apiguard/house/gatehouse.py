"""The rooms on a request's way: quotas, schemas, recording, and the gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from .. import events, quotas, schemas
from ..events import Recorder
from ..gate import DemandBook, Gate, Manners, Way, read_manners
from ..quotas import Quotas
from ..schemas import Schemas
from .authorization import Authorization
from .declared import SPOOL_FOLDER
from .host_users import HostUsers


class Gatehouse(Authorization):
    """What every call passes. Each room is built when it is first asked for, and kept."""

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
    def schemas(self) -> Schemas:
        app = self._app
        return Schemas(schemas.default_kinds(), lambda: app().json)  # type: ignore[union-attr]

    @property
    def spool_folder(self) -> Path:
        """Where access events wait to be shipped."""
        named = self.settings[events.SPOOL]
        return Path(named) if named else self.folder / SPOOL_FOLDER

    @cached_property
    def recorder(self) -> Recorder:
        return Recorder(
            self.spool_folder, self.events_store, self.clock,
            away=self.settings[events.EVENTS_AWAY], sinks=tuple(self.options.sinks),
            keep=dt.timedelta(seconds=self.settings[events.RETENTION]),
            keep_addresses=dt.timedelta(seconds=self.settings[events.ADDRESS_RETENTION]),
            background=not self.app.testing,
        )  # fmt: skip

    @cached_property
    def gate(self) -> Gate:
        way = Way(self.verifier, self.policies, self.quotas, self.attempts, self.manners)
        way.host_user = self.host_users.loader
        demands = DemandBook(self.app, self.book, self.policies, self.quotas, self.schemas, self.manners)
        return Gate(
            self.app, self.book, demands, way, self.verifier, self.policies, self.clock, self.manners,
            self.last_use.touch, self.recorder.ready,
        )  # fmt: skip

    @cached_property
    def manners(self) -> Manners:
        metadata_url = None if self.places is None else self.places.resource_metadata_url
        return read_manners(self.settings, self.app.config.get("MAX_CONTENT_LENGTH"), metadata_url)

    @cached_property
    def host_users(self) -> HostUsers:
        return HostUsers(self.options)
