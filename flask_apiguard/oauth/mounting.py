"""Whether the app is mounted where its clients are told that it is.

Whoever mounts an app under a prefix says so with each request (``SCRIPT_NAME``, WSGI), and the app takes that part off
its paths. What clients are told before they ask follows from settings. Where the two differ, every URL that is told
leads somewhere else, and nothing but a 404 would say so.
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask

from .places import Places

logger = logging.getLogger("flask_apiguard")


class Mounting:
    """Compares each request with the settings, and says a difference once in each process."""

    def __init__(self, places: Places) -> None:
        self._root = places.root
        self._own = places.rule("")
        self._said = False

    def look(self, environ: dict[str, Any]) -> None:
        """See where this request finds the app."""
        seen = environ.get("SCRIPT_NAME", "").rstrip("/")
        if self._said or seen == self._root or not (seen or self._concerns(environ.get("PATH_INFO", ""))):
            return
        self._said = True
        logger.error(
            "This app answers under %r, and APPLICATION_ROOT says %r: clients are told URLs of the authorization "
            "server that are not there. %s",
            seen or "/", self._root or "/", mending(seen, self._root),
        )  # fmt: skip

    def _concerns(self, path: str) -> bool:
        """Of requests that come without a prefix: not those of a probe that asks the app past its proxy."""
        return path.startswith((self._root + "/", self._own))


def mending(seen: str, root: str) -> str:
    """What to do about it."""
    if seen:
        return f"Set APPLICATION_ROOT to {seen!r}, and let APIGUARD_ISSUER be https://… with that path."
    return f"Let the server know the prefix: SCRIPT_NAME={root} for gunicorn, or ProxyFix(x_prefix=1) behind a proxy."


def attach_mounting(app: Flask, places: Places) -> None:
    """Look at every request where its context is made: behind all middleware, and before the gate."""
    mounting, before = Mounting(places), app.request_context
    root, look = places.root, mounting.look

    def request_context(environ: dict[str, Any]) -> Any:
        if environ.get("SCRIPT_NAME", "") != root:
            look(environ)
        return before(environ)

    app.request_context = request_context  # type: ignore[method-assign]
