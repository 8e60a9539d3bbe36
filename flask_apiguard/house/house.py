"""One app's house: everything wired, opened before the first request, closed at the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flask import Flask

from .. import signals
from ..crypto import Endings
from ..errors import ConfigurationError, StoreAway
from ..events import Recorder
from ..perimeter import Perimeter, StillAdmitted
from ..rules import Book
from .declared import DATABASE_URL
from .footing import Trouble, troubles
from .governance import Governance
from .shut import ShutGate, Unrecorded

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

logger = logging.getLogger("flask_apiguard")

#: Parts in the order in which they end: those that still write first.
_CLOSING = (
    ("posting", "end"), ("monitor", "stop"), ("last_use", "flush"), ("recorder", "close"), ("watch", "close"),
    ("store", "close"), ("events_store", "close"), ("counter", "close"), ("once_counter", "close"),
    ("asked_counter", "close"), ("tried_counter", "close"),
)  # fmt: skip


#: Seconds between two looks at what is to be mended.
LOOK_AGAIN = 1.0


class House(Governance):
    """The rooms of one app; hangs at ``app.extensions["apiguard"]``.

    The rooms know nothing of Flask's app and of each other; what one needs of another is handed over where it is built.
    """

    _troubles: Sequence[Trouble] = ()
    _looked_at: float | None = None

    def open(self) -> tuple[Recorder, StillAdmitted]:
        """Before the first request: compile every route, so that what is wrong is said at start, and build the rooms.

        :raises ConfigurationError: naming what is wrong, and the fix.
        """
        with self._lock:
            if not self.is_open:
                exempt_from_csrf(self.app, self.book)
                for refusal in (signals.access_denied, signals.quota_exceeded):
                    refusal.connect(self._refused, sender=self.app)
                self.book.demand_targets(self.app, self.options.apps)
                self.gate.compile_all()
                self.is_open = True
            return self.recorder, self.gate.still

    def perimeter(self, inner: WSGIApplication) -> Perimeter:
        """The middleware around what ``app.wsgi_app`` was; kept as ``edge``."""
        self.edge = Perimeter(inner, self.book, self.clock, self.trusts, self.start)
        return self.edge

    def start(self) -> tuple[Recorder, StillAdmitted]:
        """``open`` for the perimeter: whatever is wrong shuts the gate, and is no matter of the host's own pages."""
        Endings.draw_anew()  # in each process that serves, whatever was drawn before it was forked
        try:
            parts = self.open()
            self.look()
            return parts
        except Exception as error:  # noqa: BLE001 - also what a part raises that is not ours
            with self._lock:
                real = self.__dict__.get("gate")
                if not isinstance(real, ShutGate):
                    self.gate = ShutGate(self.app, self.book, error, real)
                try:
                    return self.recorder, self.gate.still
                except Exception:  # noqa: BLE001 - the same again, which is told already
                    return Unrecorded(), self.gate.still

    def look(self) -> None:
        """Before the first request is answered: say what this house can't stand on, and shut what is guarded."""
        with self._lock:
            if self._looked_at is not None or (self.app.testing and self.settings[DATABASE_URL] is None):
                return  # what a test gets for itself alone can be written, and is of this package's making
            self._find_troubles()
            for trouble in self._troubles:
                if trouble.shuts:
                    logger.critical("Nothing that is guarded is served until this is mended: %s", trouble.said)
                else:
                    logger.error("%s", trouble.said)
            if any(trouble.shuts for trouble in self._troubles):
                self.gate.hold(self.demand_footing)

    def demand_footing(self) -> None:
        """Go on only while there is something to stand on. Looked at again once in a while: mending it is enough.

        :raises StoreAway: until it is mended.
        """
        if not any(trouble.shuts for trouble in self._troubles):
            return
        with self._lock:
            if self._looked_at is None or self.clock.monotonic() - self._looked_at >= LOOK_AGAIN:
                self._find_troubles()
        if any(trouble.shuts for trouble in self._troubles):
            raise StoreAway("state", retry_after=ConfigurationError.retry_after)

    def _find_troubles(self) -> None:
        self._troubles, self._looked_at = troubles(self), self.clock.monotonic()

    def close(self) -> None:
        """Ship what is recorded and let go of every file and connection of this process."""
        with self._lock:
            for name, how in _CLOSING:
                part = self.__dict__.get(name)
                if part is not None:
                    try:
                        getattr(part, how)()
                    except StoreAway as error:  # one store that is away keeps no other open
                        logger.warning("%s was not closed in order: %s", name, error)


def exempt_from_csrf(app: Flask, book: Book) -> None:
    """Take our blueprints out of the host's CSRF protection: they prove their callers by other means."""
    protection = app.extensions.get("csrf")
    exempt = getattr(protection, "exempt", None)
    if exempt is None:
        return
    for name in book.own_blueprints:
        blueprint = app.blueprints.get(name)
        if blueprint is not None:
            exempt(blueprint)
