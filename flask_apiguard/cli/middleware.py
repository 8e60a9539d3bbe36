"""The chain of WSGI middleware around an app, as far as it can be followed, and what of it passes by the gate."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from ..perimeter import Perimeter

#: Where middleware keeps what it wraps.
_INNER = ("inner", "app", "_app", "wsgi_app", "_wsgi_app", "application", "_application", "wrapped", "__wrapped__")
DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Layer:
    """One piece of middleware, from the outside in. ``outside``: before our perimeter."""

    name: str
    outside: bool
    warning: str = ""


def chain_of(app: Flask) -> list[Layer]:
    """Every layer that a request meets before the app, and what to know about it."""
    found = list(_walk(app))
    perimeter = next((place for place, layer in enumerate(found) if isinstance(layer, Perimeter)), None)
    layers = []
    for place, layer in enumerate(found):
        outside = perimeter is None or place < perimeter
        layers.append(Layer(_name(layer), outside, _warning(layer, outside)))
    if perimeter is None:
        layers.append(Layer("the perimeter", False, "It is not found: something replaced app.wsgi_app, or hides it."))
    return layers


def layers_of(app: Flask, kind: type) -> int:
    """How many layers are of a kind."""
    return sum(isinstance(layer, kind) for layer in _walk(app))


def outside_of(app: Flask, kind: type) -> list[str]:
    """The host's layers that a request meets before the outermost one of a kind; none when there is none of it."""
    found = list(_walk(app))
    place = next((place for place, layer in enumerate(found) if isinstance(layer, kind)), 0)
    return [_name(layer) for layer in found[:place] if not isinstance(layer, Perimeter)]


def _walk(app: Flask) -> Iterator[Any]:
    at: Any = app.wsgi_app
    for _ in range(DEEPEST):
        if getattr(at, "__self__", None) is app or at is app:
            return
        yield at
        inner = _inner(at)
        if inner is None:
            return
        at = inner


def _inner(layer: Any) -> Any:
    if isinstance(layer, functools.partial):
        return next((one for one in (*layer.args, *layer.keywords.values()) if callable(one)), None)
    for name in _INNER:
        found = getattr(layer, name, None)
        if callable(found) and found is not layer and not isinstance(layer, type):
            return found
    for part in getattr(layer, "__closure__", None) or ():
        try:
            found = part.cell_contents
        except ValueError:  # not filled yet
            continue
        if callable(found) and not isinstance(found, type):
            return found
    return getattr(layer, "__self__", None) if callable(getattr(layer, "__self__", None)) else None


def _name(layer: Any) -> str:
    kind = type(layer)
    if kind.__module__ == "builtins":
        return f"{getattr(layer, '__module__', '')}.{getattr(layer, '__qualname__', repr(layer))}".lstrip(".")
    return f"{kind.__module__}.{kind.__qualname__}"


def _warning(layer: Any, outside: bool) -> str:
    mounts = getattr(layer, "mounts", None)
    if isinstance(mounts, dict) and mounts:
        paths = ", ".join(sorted(str(path) for path in mounts))
        return f"What is mounted at {paths} is served without passing the gate. Guard those apps themselves."
    exports = getattr(layer, "exports", None)
    if exports and hasattr(layer, "fallback_mimetype"):
        return "Files are served from here without passing the gate."
    if outside and not isinstance(layer, (Perimeter, ProxyFix)):
        return "It stands outside our perimeter: what it answers by itself is neither guarded nor recorded."
    return ""
