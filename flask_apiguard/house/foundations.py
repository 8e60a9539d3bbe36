"""The lower rooms of one app: stores, secrets, people, credentials."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from .. import access, credentials, ledger, oauth, onboarding, people, signals
from ..access import ScopeBook
from ..clients import Client, Watch
from ..credentials.standing import Entitle
from ..crypto import Secrets
from ..db import EVENTS, STATE, Store, Transaction
from ..errors import Conflict
from ..ledger import Entry, Ledger
from ..people import People, Throttle
from ..people.throttle import WINDOW
from ..quotas import Tries
from ..values import By, account
from .counters import Counters
from .declared import BRAND, SCOPES, Options


class Foundations(Counters):
    """Stores and what stands directly on them. Each room is built when it is first asked for, and kept.

    Except what only reads what it was told: that says at once what is wrong with it.
    """

    def __init__(self, app: Flask, options: Options) -> None:
        super().__init__(app, options)
        configured: Mapping[str, Any] = self.settings[SCOPES]
        self.scopes = ScopeBook({**configured, **(options.scopes or {})})
        self.format = credentials.Format(self.brand)

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets(self.read_secret)

    @cached_property
    def throttle(self) -> Throttle:
        return Throttle(Tries(lambda: self.tried_counter, self.clock, self.secrets, WINDOW))

    @cached_property
    def store(self) -> Store:
        made = Store(STATE, self._state_url, self.clock.now)
        made.committed.append(self._tell)
        return made

    def _tell(self, tx: Transaction) -> None:
        """Send the signals that a transaction left, now that it is durable."""
        for name, payload in tx.notes.get("signals", ()):
            signals.SIGNALS[name].send(self.app, **payload)

    @cached_property
    def events_store(self) -> Store:
        return Store(EVENTS, self._events_url, self.clock.now)

    @cached_property
    def watch(self) -> Watch:
        return Watch(self.store, mapped=not self.app.testing)

    @cached_property
    def ledger(self) -> Ledger:
        named = self.settings[ledger.CHECKPOINTS]
        trusted: tuple[str, ...] = self.settings[ledger.TRUSTED_KEYS]
        file = Path(named) if named else self.folder / ledger.CHECKPOINTS_NAME
        return Ledger(
            self.store,
            self.secrets,
            self.clock,
            file=file,
            trusted=trusted,
            appended=self._appended,
        )

    def _appended(self, entry: Entry) -> None:
        signals.ledger_appended.send(self.app, entry=entry)

    @cached_property
    def people(self) -> People:
        return People(
            self.store, self.secrets, self.clock, self.throttle,
            brand=self.brand, base_url=self.settings[people.BASE_URL],
            token_lifetime=self.settings[people.PERSON_TOKEN_LIFETIME],
            session_lifetime=self.settings[people.SESSION_LIFETIME], disabled=_disconnect,
        )  # fmt: skip

    @property
    def brand(self) -> str:
        """The first word of keys and tokens."""
        return self.settings[BRAND] or self.options.brand or "apiguard"

    @cached_property
    def keys(self) -> credentials.Keys:
        return credentials.Keys(self.format, self.secrets, self.settings[credentials.KEY_LIFETIME])

    @cached_property
    def tokens(self) -> credentials.Tokens:
        return credentials.Tokens(self.format, self.secrets, self.settings[credentials.TOKEN_LIFETIME])

    @cached_property
    def certification(self) -> onboarding.Certification:
        day = dt.timedelta(days=1)
        return onboarding.Certification(every=max(dt.timedelta(seconds=self.settings[onboarding.RECERTIFY]), day))

    @cached_property
    def entitle(self) -> Entitle:
        """What clients hold now: roles end with silence as grants do."""

        def ends(conn: sa.Connection, application_id: str, names: set[str]) -> Mapping[str, dt.datetime]:
            return onboarding.role_ends(conn, self.certification, self.scopes, application_id, names)

        return partial(access.entitle, role_ends=ends)

    def demand_held(self, tx: Transaction, client: Client, scopes: Iterable[str]) -> None:
        """Go on only when a client holds these scopes now: a credential narrowed to others would promise in vain.

        :raises Conflict: naming those that it doesn't hold.
        """
        held = self.entitle(tx.conn, client.application_id, client.id, client.environment, None, tx.now).scopes
        beyond = sorted(set(scopes) - held)
        if beyond:
            raise Conflict(f"The client doesn't hold {' '.join(beyond)[:200]}.", "Ask for more scopes first.")

    @cached_property
    def last_use(self) -> credentials.LastUse:
        return credentials.LastUse(self.store, self.clock, background=not self.app.testing)

    @cached_property
    def access_tokens(self) -> credentials.AccessTokenType:
        resource = None if self.places is None else self.places.resource
        return credentials.AccessTokenType(self.store, self.tokens, self.clock, self.entitle, resource)


def _disconnect(tx: Transaction, by: By, person_id: str) -> None:
    """Whoever may not sign in any more has nobody act for them either."""
    oauth.withdraw_all(tx, by, account(person_id), "The account was disabled.")
