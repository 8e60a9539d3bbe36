"""What each route and method demands, compiled once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from flask import Flask, Request

from ..access import Policies, check_rule
from ..admission import NO_LINES
from ..quotas import Quotas, RouteLimits
from ..rules import Book, Rule
from ..rules.book import CLOSED, PROVEN, is_own
from ..schemas import RouteSchemas, Schemas
from ..values import Mode
from .manners import Manners, observing

logger = logging.getLogger("flask_apiguard")

FALLBACKS_AT_MOST = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Demands:
    """What one route and method demands. ``max_body`` in bytes."""

    rule: Rule
    route: str
    endpoint: str | None
    limits: RouteLimits
    schemas: RouteSchemas
    mode: str
    max_body: int
    #: Whether the route is one of our own.
    own: bool
    #: What the records of calls share that pass, by status; `NO_LINES` where it is observed.
    lines: dict[int, Any]
    #: Whether it may be observed for now, instead of guarded.
    watched: bool
    #: Whether nothing may be done that could then not be recorded.
    recorded_first: bool


class DemandBook:
    """The demands of one app's routes, looked up by what matched."""

    def __init__(
        self, app: Flask, book: Book, policies: Policies, quotas: Quotas, schemas: Schemas, manners: Manners
    ) -> None:
        self._app = app
        self._book = book
        self._policies = policies
        self._quotas = quotas
        self._schemas = schemas
        self._manners = manners
        self._demands: dict[tuple[str, str, str], Demands | None] = {}
        self._fallbacks: dict[tuple[str, str, str], Demands] = {}

    def of(self, request: Request, inside: bool) -> Demands | None:
        """What the matched route demands; None for the host's own business outside the paths."""
        url_rule = request.url_rule
        if url_rule is None:
            return self._fallback(PROVEN, "", "", request.method) if inside else None
        key = (url_rule.rule, url_rule.endpoint, request.method)
        try:
            found = self._demands[key]
        except KeyError:
            rule = self._book.find(self._app, url_rule, request.method)
            found = self._demands[key] = None if rule is None else self._compiled(rule, *key)
        # A converter can match what lies inside although its pattern does not say so: closed.
        if found is None and inside:
            return self._fallback(CLOSED, *key)
        return found

    def _fallback(self, rule: Rule, route: str, endpoint: str, method: str) -> Demands:
        """What holds where no rule of a route does. The method may be any text of a stranger's: few are kept."""
        key = (route, endpoint, method)
        found = self._fallbacks.get(key)
        if found is None:
            found = self._compiled(rule, *key)
            if len(self._fallbacks) < FALLBACKS_AT_MOST:
                self._fallbacks[key] = found
        return found

    def _compiled(self, rule: Rule, route: str, endpoint: str, method: str) -> Demands:
        check_rule(rule, self._policies)
        bound = self._manners.max_body if rule.max_body is None else rule.max_body
        if rule.max_body is None and any(accept.location == "json" for accept in rule.accepts):
            bound = min(bound, self._manners.max_json)
        own = is_own(rule)
        mode = Mode.ENFORCE if own else rule.mode or Mode(self._manners.mode)
        # HEAD is GET, and all the URLs of one endpoint are one route: neither is a second allowance.
        limits = self._quotas.route(rule, f"{endpoint} {'GET' if method == 'HEAD' else method}")
        lines: dict[int, Any] = NO_LINES if mode == Mode.OBSERVE else {}
        return Demands(
            rule, route, endpoint or None, limits, self._schemas.route(rule), mode, bound, own, lines,
            watched=mode == Mode.OBSERVE, recorded_first=rule.record and rule.public is None,
        )  # fmt: skip

    def compile_all(self, now: float) -> None:
        """Compile every route once, so that what is wrong is said at start; ``now`` in seconds since the epoch.

        :raises ConfigurationError: naming the route.
        """
        observed = set()
        for url_rule, method, rule in self._book.walk(self._app):
            demands = self._compiled(rule, url_rule.rule, url_rule.endpoint, method)
            if self._manners.observes(demands.mode, now) and rule.public is None:
                observed.add(url_rule.rule)
        if observed:
            logger.warning("%s", observing(len(observed), self._manners.observe_until))
