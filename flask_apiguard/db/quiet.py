"""How many commits of this process moved nothing that anybody remembers, so that who looks for changes need not ask."""

from __future__ import annotations

import os
import threading
import weakref

_ALL: weakref.WeakSet[Quiet] = weakref.WeakSet()


class Quiet:
    """Two counters. Of commits that are seen to have happened, at least ``done`` and at most ``begun`` were quiet ones.

    That holds for whoever reads ``done`` before, and ``begun`` after looking at what happened.
    """

    def __init__(self) -> None:
        self.begun = 0
        self.done = 0
        self._lock = threading.Lock()
        _ALL.add(self)

    def begin(self) -> None:
        """One is about to be made; it may fail yet."""
        with self._lock:
            self.begun += 1

    def end(self) -> None:
        """It is durable."""
        with self._lock:
            self.done += 1

    def fail(self) -> None:
        """It was not made. Who looked meanwhile took it for possible, which hides nothing."""
        with self._lock:
            self.begun -= 1

    def forked(self) -> None:
        """In a child: whoever held the lock is not here."""
        self._lock = threading.Lock()


def _after_fork() -> None:
    for quiet in list(_ALL):
        quiet.forked()


os.register_at_fork(after_in_child=_after_fork)
