"""Which rule holds for a route and method: decorators, ``guard.protect``, ``guard.public``, and closed where none does.

"Inside" is decided on the matched rule and on the canonical path, never on the raw prefix.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from flask import Flask
from werkzeug.routing import Rule as UrlRule

from ..errors import ConfigurationError
from .rule import Draft, Rule, combine, draft_of
from .targets import Entry, Lost, lost_of

CLOSED = Rule(declared=False, sources=("closed",))
PROVEN = Rule(sources=("proven",))


def canonical(path: str) -> str:
    """The one form of a path: decoded until nothing changes (thrice at most), slashes merged, dots resolved."""
    for _ in range(3):
        decoded = unquote(path, errors="replace").replace("\\", "/")
        if decoded == path:
            break
        path = decoded
    segments = [segment.partition(";")[0] for segment in path.split("/")]
    return posixpath.normpath("/" + "/".join(segments).lstrip("/"))


class Book:
    """The rules of one app. Entries are added at set-up; routes are looked up at first sight and then remembered."""

    def __init__(self, paths: tuple[str, ...] | None, entries: list[Entry] | None = None) -> None:
        """``entries`` may be shared with other apps of the same extension object."""
        for path in paths or ():
            if not path.startswith("/"):
                raise ConfigurationError(f"{path!r} is not a path.", "Each starts with a slash.")
        self.paths = None if paths is None else tuple(path.rstrip("/") for path in paths)
        self._below = tuple(f"{path}/" for path in self.paths or ())
        self._entries: list[Entry] = [] if entries is None else entries
        self._own: dict[str, Rule] = {}

    def own(self, blueprint: str, *, recorded: bool = False, shared: bool = True) -> None:
        """Mark one of our own blueprints: it proves its callers, and no host's rule observes, limits or opens it.

        ``recorded``: its calls are access events. ``shared``: the host's CORS says who else may read its answers.
        """
        what = "an endpoint" if recorded else "a page"
        public = f"{what} of flask_apiguard's own"
        self._own[blueprint] = Rule(public=public, record=recorded, shared=shared, sources=("own",))

    @property
    def own_blueprints(self) -> frozenset[str]:
        """Names of our own blueprints."""
        return frozenset(self._own)

    def inside(self, path: str) -> bool:
        """Whether a canonical path lies under the guarded paths; without paths everything does."""
        return self.paths is None or path.startswith(self._below) or path in self.paths

    def find(self, app: Flask, url_rule: UrlRule, method: str) -> Rule | None:
        """The rule of a matched route for a method; None when the route is the host's own business.

        :raises ConfigurationError: what was said about it contradicts itself.
        """
        blueprint, dot, _ = url_rule.endpoint.partition(".")
        if dot and blueprint in self._own:
            return self._own[blueprint]
        inside = self.inside(url_rule.rule)
        drafts = tuple(drafts_of(app, url_rule, method))
        parts = [part for draft in drafts for part in draft.parts]
        parts += [entry.rule for entry in self._entries if entry.covers(app, url_rule)]
        if method == "OPTIONS" and getattr(url_rule, "provide_automatic_options", True):
            return replace(PROVEN, drafts=drafts) if inside or parts else None
        # A target that only sets the mode, or a body's bound, says nothing about who may.
        if not any(speaks(part) for part in parts):
            if not inside and not parts:
                return None
            parts.append(CLOSED)
        return combine(parts, drafts, f"{method} {url_rule.rule} ({url_rule.endpoint})")

    def lost(self, app: Flask, others: Iterable[Flask] = ()) -> list[Lost]:
        """Targets that meet no route: not of this app, nor of the ``others`` of the same extension object."""
        return lost_of(self._entries, app, others, self._own)

    def demand_targets(self, app: Flask, others: Iterable[Flask] = ()) -> None:
        """Go on only when every target meets a route: what is guarded in writing alone stays open.

        :raises ConfigurationError: naming the first, and what was meant perhaps.
        """
        for one in self.lost(app, others):
            raise ConfigurationError(f"{one.title} meets no route of {app.name}.", one.fix)

    def every(self, app: Flask) -> Iterator[Rule]:
        """The rule of every route and method that has one of its own."""
        return (rule for _, _, rule in self.walk(app))

    def walk(self, app: Flask) -> Iterator[tuple[UrlRule, str, Rule]]:
        """Every route and method that has a rule of its own: neither HEAD beside GET nor Flask's own OPTIONS.

        :raises ConfigurationError: a decorator stands above its route, or rules contradict each other.
        """
        for url_rule in app.url_map.iter_rules():
            view = app.view_functions.get(url_rule.endpoint)
            draft = draft_of(view)
            if draft is not None and view is draft.view:
                raise ConfigurationError(
                    f"The rules of {draft.place} stand above its route decorator, so the route never sees them.",
                    "Move them below it.",
                )
            methods = set(url_rule.methods or ())
            if "GET" in methods and not hasattr(getattr(view, "view_class", None), "head"):
                methods.discard("HEAD")
            if getattr(url_rule, "provide_automatic_options", True):
                methods.discard("OPTIONS")
            for method in sorted(methods):
                rule = self.find(app, url_rule, method)
                if rule is not None:
                    yield url_rule, method, rule


def is_own(rule: Rule) -> bool:
    """Whether a rule is that of one of our own blueprints."""
    return "own" in rule.sources


def speaks(rule: Rule) -> bool:
    """Whether a rule says who may call: ``require``, ``protect`` with or without scopes, ``public``."""
    return not set(rule.sources) <= {"accepts", "returns", "limit", "mode"}


def drafts_of(app: Flask, url_rule: UrlRule, method: str) -> Iterator[Draft]:
    """The drafts that decorators left on a view and, for a class of methods, on the method itself. HEAD is GET."""
    view: Any = app.view_functions.get(url_rule.endpoint)
    draft = draft_of(view)
    if draft is not None:
        yield draft
    view_class = getattr(view, "view_class", None)
    if view_class is None:
        return
    name = "get" if method == "HEAD" and not hasattr(view_class, "head") else method.lower()
    for holder in (getattr(view_class, name, None), getattr(view_class, "dispatch_request", None)):
        draft = draft_of(holder)
        if draft is not None:
            yield draft
