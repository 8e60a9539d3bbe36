"""The rooms of governance: onboarding, monitoring, notices, and what they see of the rest of the house."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from flask import Flask

from .. import monitor, notices, onboarding, signals
from ..clients import registry
from ..events import Query
from ..monitor import Anomaly, Monitor
from ..monitor.rounds import Rounds
from ..notices import Delivered, Outbox
from ..oauth.expiring import expiring
from ..onboarding import Call, Onboarding
from ..rules import Rule
from ..values import Caller, Environment
from .gatehouse import Gatehouse

if TYPE_CHECKING:
    from ..oauth.visitors import Visitors


class Governance(Gatehouse):
    """Who gets in, who watches, who is told. Each room is built when it is first asked for, and kept."""

    @cached_property
    def outbox(self) -> Outbox:
        notifiers = (*self.options.notifiers, *notices.notifiers_of(self.settings, self.clock))
        return Outbox(self.store, self.clock, notifiers)

    @cached_property
    def posting(self) -> Rounds:
        """Sends what is queued beside the requests; one at a time, so that an end never waits for many."""
        return Rounds(lambda: self.outbox.deliver(1) != Delivered(), 0.0, "apiguard-post")

    @property
    def tells(self) -> bool:
        """Whether there is a way out for notices at all."""
        return any(one.name != "null" for one in self.outbox.notifiers)

    @property
    def tells_in_confidence(self) -> bool:
        """Whether there is a way out for what is for its addressee alone, such as an invitation."""
        return any(getattr(one, "personal", False) for one in self.outbox.notifiers)

    def post(self) -> None:
        """Have what is queued sent a moment later: a link that lives for minutes can't wait for the next tick."""
        if self.tells and not self.app.testing:
            self.posting.rouse()

    @cached_property
    def visitors(self) -> Visitors:
        """Who comes to the pages of the authorization server."""
        from ..oauth.visitors import Cookie, Visitors

        return Visitors(
            lambda: self.host_users.loader, lambda: self.people, Cookie(self.issuing_places, self.brand),
            lambda: self.tells_in_confidence, self.post, self.clock.now,
        )  # fmt: skip

    @cached_property
    def monitor(self) -> Monitor:
        # A query that does not wait for the newest events: this one is asked beside the requests, and asked again.
        query = Query(self.events_store, lambda: True)
        return Monitor(
            self.store, query, self.clock, self.outbox,
            burst=monitor.burst_of(self.settings), to=self._contacts_of, raised=self._anomaly_raised,
        )  # fmt: skip

    @cached_property
    def onboarding(self) -> Onboarding:
        return Onboarding(onboarding.Desk(
            self.store, self.clock, self.scopes, self.keys, self.secrets, self.throttle,
            onboarding.registry_of(self.options.checks),
            observed=self._observed, scopes_of_route=self._scopes_of_route, reachable=self._reachable,
            demanded=self._demanded,
            monitor_start=lambda tx, by, client: self.monitor.start(tx, by, client.id),
            monitor_end=lambda tx, by, client: self.monitor.end(tx, by, client.id),
            # Where there is no authorization server, public keys and certificates prove nothing.
            expiring=(lambda source, now, until: ()) if self.places is None else expiring,
            policy=onboarding.ReviewPolicy(
                expiry=dt.timedelta(seconds=self.settings[onboarding.REVIEW_EXPIRY]),
                sample=self.settings[onboarding.REVIEW_SAMPLE],
                reference_in_production=self.settings[onboarding.REFERENCE_REQUIRED],
            ),
            certification=self.certification,
            door=self.settings[onboarding.ONBOARDING],
        ))  # fmt: skip

    def _observed(self, application_id: str, environment: Environment, since: dt.datetime | None) -> Iterable[Call]:
        return self.recorder.query.telling(application_id, environment.value, since)

    @cached_property
    def _named(self) -> dict[tuple[str, str], Rule | None]:
        """Rules by route or endpoint, and method, as far as they were asked for; routes stay what they are."""
        return {}

    def _scopes_of_route(self, route: str, method: str, held: frozenset[str]) -> frozenset[str]:
        """The scopes that a recorded call exercised: those its route's rule demands.

        Of scopes any one of which opens the route, the one that the client holds; of several nobody can say which.
        """
        rule = self._rule_of(route, method)
        if rule is None:
            return frozenset()
        chosen = (wanted & held for wanted in rule.any_of)
        return rule.scopes.union(*(one for one in chosen if len(one) == 1))

    def _rule_of(self, route: str, method: str) -> Rule | None:
        if (route, method) in self._named:
            return self._named[route, method]
        app = self.app
        for url_rule in app.url_map.iter_rules():
            if route in (url_rule.rule, url_rule.endpoint) and method in (url_rule.methods or ()):
                self._named[route, method] = found = self.book.find(app, url_rule, method)
                return found
        return None

    def _demanded(self) -> frozenset[str]:
        """Every scope that a rule of this app names."""
        return frozenset().union(*(rule.every_scope for rule in self.book.every(self.app)))

    def _reachable(self, new: frozenset[str], old: frozenset[str]) -> Iterable[str]:
        """Routes that ``new`` scopes open and ``old`` ones did not, as ``METHOD /route``."""
        app, found = self.app, []
        for url_rule in app.url_map.iter_rules():
            for method in sorted((url_rule.methods or set()) - {"HEAD", "OPTIONS"}):
                rule = self.book.find(app, url_rule, method)
                if rule is None or rule.public is not None or not rule.every_scope:
                    continue
                opened = [all_in(rule.scopes, rule.any_of, held) for held in (new, old)]
                if opened == [True, False]:
                    found.append(f"{method} {url_rule.rule}")
        return sorted(found)

    def _contacts_of(self, client_id: str) -> Iterable[str]:
        """Whom an anomaly of a client concerns: who answers for it, and who may suspend it."""
        with self.store.read() as conn:
            contact = registry.application(conn, registry.client(conn, client_id).application_id).contact_email
            judges = onboarding.judges_addresses(conn, self.clock.now())
        return sorted({*judges, contact} - {""})

    def _anomaly_raised(self, anomaly: Anomaly) -> None:
        signals.anomaly_detected.send(self.app, anomaly=anomaly)

    def _refused(self, _: Flask, caller: Caller, **__: object) -> None:
        """The gate refused somebody; if that is a client, the monitor looks at it a moment later."""
        if caller.client is not None and caller.client.environment is Environment.PRODUCTION:
            self.monitor.refused(caller.client.id)


def all_in(scopes: frozenset[str], any_of: tuple[frozenset[str], ...], held: frozenset[str]) -> bool:
    """Whether held scopes satisfy a rule's."""
    return scopes <= held and all(not wanted.isdisjoint(held) for wanted in any_of)
