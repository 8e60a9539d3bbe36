"""Doing something a moment later, beside the requests: a thread that lives only as long as there is something to do."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

log = logging.getLogger("flask_apiguard.monitor")


class Rounds:
    """Calls ``act`` after ``pause`` seconds, and again as long as it returns true. Safe for threads and forks."""

    def __init__(self, act: Callable[[], bool], pause: float, name: str) -> None:
        self._act = act
        self._pause = pause
        self._name = name
        self._thread: threading.Thread | None = None
        self._pid = -1
        self._forget()

    def rouse(self) -> None:
        """Make sure that a round comes after now."""
        if self._pid != os.getpid():
            self._forget()  # the thread and whoever held the lock are the parent's
        with self._lock:
            self._more = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Let the running round finish, and wait for it."""
        self._ended.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._ended.clear()

    def _run(self) -> None:
        while not self._ended.wait(self._pause):
            self._more = False
            try:
                again = self._act()
            except Exception:
                # Whoever roused us is not there any more to be told; the next one rouses us again.
                log.exception("A round of %s failed.", self._name)
                again = False
            with self._lock:
                if not again and not self._more:
                    self._thread = None
                    return
        with self._lock:
            self._thread = None

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._thread = None
        self._ended = threading.Event()
        self._more = False
        self._pid = os.getpid()
