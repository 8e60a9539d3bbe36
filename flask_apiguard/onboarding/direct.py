"""What is given outside a review: scopes of low risk, roles of such scopes, and a plan; and taking them back.

More than one pair of eyes looks at the rest: a review gives it, or an operator of the machine with a reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from .. import access
from ..access import Grant, Risk, grants_of, roles_of
from ..clients import Application, Client, registry
from ..db import Transaction
from ..errors import Conflict, Forbidden, Invalid
from ..people import Act, demand
from ..quotas.plans import plan_of
from ..values import Actor, By, Environment, Flaw, State
from .counter import Counter
from .desk import Desk


class Direct(Counter):
    """The counter's side for grants, roles and plans that no review stands behind."""

    def give_scopes(
        self,
        tx: Transaction,
        by: By,
        application_id: str,
        environment: Environment,
        scopes: Collection[str],
        *,
        until: dt.datetime | None = None,
        reason: str,
    ) -> list[Grant]:
        """Give scopes until a moment, or without end; or give what is held another end.

        :raises Invalid: an undeclared scope, or a moment that has passed. :raises Forbidden: it takes a review.
        :raises Conflict: retired, or not in production yet.
        """
        owner = registry.application(tx, application_id)
        demand(by, Act.ACCESS_GRANT_WRITE, owner.organization_id)
        demand_place(owner, environment)
        unknown = sorted(set(scopes) - set(self._desk.scopes.all(tx)))
        if unknown:
            raise Invalid([Flaw("/scopes", f"Nobody declared {unknown[0][:100]}.")])
        if until is not None and until <= tx.now:
            raise Invalid([Flaw("/until", "This moment has passed.")])
        _demand_direct(tx, self._desk, by, owner, _more(tx, owner, environment, scopes, until))
        return access.give(tx, by, owner.id, environment, scopes, until=until, reason=reason)

    def end_scopes(
        self, tx: Transaction, by: By, application_id: str, environment: Environment, scopes: Iterable[str], reason: str
    ) -> list[Grant]:
        """End scopes: from the next request on they open nothing."""
        owner = registry.application(tx, application_id)
        demand(by, Act.ACCESS_GRANT_WRITE, owner.organization_id)
        return access.end(tx, by, owner.id, environment, scopes, reason)

    def set_roles(self, tx: Transaction, by: By, client_id: str, names: Collection[str], reason: str) -> None:
        """Give a client exactly these roles.

        :raises Invalid: there is no such role. :raises Forbidden: one holds a scope that takes a review.
        :raises Conflict: retired, or not in production yet.
        """
        client, owner = _client(tx, by, client_id, Act.ACCESS_GRANT_WRITE)
        known, wanted = access.roles(tx), set(names)
        unknown = sorted(wanted - set(known))
        if unknown:
            raise Invalid([Flaw("/roles", f"There is no role {unknown[0][:60]}.")])
        more = wanted - roles_of(tx, client.id)
        if more:
            demand_place(owner, client.environment)
            _demand_direct(tx, self._desk, by, owner, {scope for name in more for scope in known[name].scopes})
        access.set_roles(tx, by, client.id, names, reason)

    def set_plan(self, tx: Transaction, by: By, client_id: str, plan: str | None, reason: str) -> Client:
        """Entitle a client to a plan, or to none. :raises Invalid: there is no such plan."""
        client, _ = _client(tx, by, client_id, Act.QUOTAS_PLAN_WRITE)
        if plan is not None and plan_of(tx.conn, plan) is None:
            raise Invalid([Flaw("/plan", "There is no such plan.")])
        return registry.set_plan(tx, by, client.id, plan, reason)


def _client(tx: Transaction, by: By, client_id: str, act: Act) -> tuple[Client, Application]:
    client = registry.client(tx, client_id)
    owner = registry.application(tx, client.application_id)
    demand(by, act, owner.organization_id)
    return client, owner


def demand_place(owner: Application, environment: Environment) -> None:
    """Go on only where this application may receive scopes and roles in this environment.

    :raises Conflict: it is retired, or is not in production yet: only a review takes it there.
    """
    if owner.state is State.RETIRED:
        raise Conflict("A retired application receives nothing.", "Register a new application.")
    if environment is Environment.PRODUCTION and owner.state is not State.PRODUCTION:
        raise Conflict("This application is not in production yet.", "Open a review for production.")


def _demand_direct(tx: Transaction, desk: Desk, by: By, owner: Application, scopes: Iterable[str]) -> None:
    """Go on only when these scopes may be given outside a review.

    :raises Forbidden: naming those that take one.
    """
    if by.kind in (Actor.OPERATOR, Actor.SYSTEM):
        return
    risky = [scope.name for scope in desk.scopes.find(tx, set(scopes)) if scope.risk is not Risk.LOW]
    if risky:
        raise Forbidden(
            f"Only a review gives scopes that are not of low risk: {' '.join(risky)[:200]}.", "an approved review",
            "Open a review.", owner.organization_id,
        )  # fmt: skip


def _more(
    tx: Transaction, owner: Application, environment: Environment, scopes: Iterable[str], until: dt.datetime | None
) -> set[str]:
    """Which of these scopes are not held as long as that already: to shorten what is held gives nothing."""
    held = {one.scope: one.until for one in grants_of(tx, owner.id, environment)}
    never = dt.datetime.max.replace(tzinfo=dt.UTC)
    return {name for name in scopes if name not in held or (until or never) > (held[name] or never)}
