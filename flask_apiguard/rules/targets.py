"""What ``guard.protect`` and ``guard.public`` spoke for, and what of it no route answers to.

A target that meets no route guards nothing, and nobody would notice: it is an error at start. What was said after
``init_app`` is about that app. What was said before is about every app of the extension object, and holds when it meets
a route of one of them: of the app that starts, of another that stands already, or of one that stood once.
"""

from __future__ import annotations

import difflib
import fnmatch
import weakref
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask
from werkzeug.routing import Rule as UrlRule

from ..errors import ConfigurationError
from .rule import Rule


@dataclass(eq=False)
class Entry:
    """What ``guard.protect`` or ``guard.public`` said about a target.

    ``said_for`` is the app that had the guard last when it was said; None before the first one had it. ``met`` says
    whether a route of any app was seen that is meant.
    """

    target: Any
    rule: Rule
    missing_ok: bool = False
    said_for: weakref.ref[Flask] | None = None
    met: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        known = isinstance(self.target, (str, Blueprint, type)) or callable(self.target)
        if not known or self.target == "":
            raise ConfigurationError(
                f"{self.target!r} can't be protected.",
                "Name an endpoint pattern, a blueprint, a view class or a prefix.",
            )

    def covers(self, app: Flask, url_rule: UrlRule) -> bool:
        """Whether a route is meant: by prefix of its URL, pattern of its endpoint, blueprint, view class or view."""
        target, endpoint = self.target, url_rule.endpoint
        if isinstance(target, str):
            if target.startswith("/"):
                return under(url_rule.rule, target)
            return fnmatch.fnmatchcase(endpoint, target)
        if isinstance(target, Blueprint):
            return endpoint.rpartition(".")[0].split(".")[-1] == target.name or f".{target.name}." in f".{endpoint}"
        view = app.view_functions.get(endpoint)
        return view is target or getattr(view, "view_class", None) is target

    @property
    def title(self) -> str:
        """As it stands in the code."""
        spoken = "public" if "public" in self.rule.sources else "protect"
        if isinstance(self.target, str):
            return f'guard.{spoken}("{self.target}")'
        named = getattr(self.target, "__qualname__", None)
        return f"guard.{spoken}({named or f'blueprint {self.target.name}'})"


@dataclass(frozen=True, slots=True)
class Lost:
    """A target that meets no route: how it was said, and the fix."""

    title: str
    fix: str


def lost_of(entries: Iterable[Entry], app: Flask, others: Iterable[Flask], own: Container[str]) -> list[Lost]:
    """What was said for this app, or for all, and meets no route; blueprints of our ``own`` no host's rule reaches."""
    found = []
    for entry in entries:
        if _meets(entry, app, own) or entry.missing_ok:
            continue
        if entry.said_for is None:  # it is about all of them
            is_lost = not entry.met and not any(_meets(entry, other, own) for other in others if other is not app)
        else:  # another app's is looked at when that one starts
            is_lost = entry.said_for() is app
        if is_lost:
            found.append(Lost(entry.title, _fix(entry, app, own)))
    return found


def _meets(entry: Entry, app: Flask, own: Container[str]) -> bool:
    if any(entry.covers(app, url_rule) for url_rule in _routes(app, own)):
        entry.met = True
        return True
    return False


def _routes(app: Flask, own: Container[str]) -> Iterator[UrlRule]:
    for url_rule in app.url_map.iter_rules():
        blueprint, dot, _ = url_rule.endpoint.partition(".")
        if not dot or blueprint not in own:
            yield url_rule


def _fix(entry: Entry, app: Flask, own: Container[str]) -> str:
    routes = list(_routes(app, own))
    if isinstance(entry.target, str) and entry.target.startswith("/"):
        known = {prefix for url_rule in routes for prefix in _prefixes(url_rule.rule)}
    else:
        known = {url_rule.endpoint for url_rule in routes}
        known |= {f"{endpoint.rpartition('.')[0]}.*" for endpoint in known if "." in endpoint}
    wanted = entry.target if isinstance(entry.target, str) else getattr(entry.target, "__name__", entry.target)
    wanted = f"{wanted.name}.*" if isinstance(wanted, Blueprint) else str(wanted)
    near = difflib.get_close_matches(wanted, sorted(known), n=1)
    begin = f'Did you mean "{near[0]}"?' if near else "Name what is there: flask apiguard coverage lists it."
    return f"{begin} Write missing_ok=True where it may be missing."


def _prefixes(rule: str) -> Iterator[str]:
    segments = rule.split("/")
    return ("/".join(segments[:count]) for count in range(2, len(segments) + 1))


def under(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or below it, by whole segments."""
    prefix = prefix.rstrip("/")
    return path == prefix or path.startswith(prefix + "/")
