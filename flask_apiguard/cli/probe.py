"""Asking again and again whether a key is let in: in this process, and over HTTP of workers elsewhere."""

from __future__ import annotations

import http.client
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException

from ..house import House
from .common import USAGE, Refused

#: Seconds for which is asked on after a revocation, at least and at most.
AT_LEAST, AT_MOST = 0.3, 3.0
#: So many refusals of each worker in a row count as an end.
QUIET = 12
TIMEOUT = 5.0
#: Between two calls of one asker: every call is recorded, and a drill is no load test.
PAUSE = 0.003


class Probe(Protocol):
    """Where to ask. ``askers`` is how many ask at once, ``workers`` how many processes answer."""

    name: str
    askers: int
    workers: int

    def asker(self) -> Callable[[str], int]:
        """A function of one thread's own: the status that a key is answered with."""
        ...


class LocalProbe:
    """This process's own gate, by WSGI."""

    name = "this process"
    askers = workers = 1

    def __init__(self, app: Flask, path: str) -> None:
        self._app, self._path = app, path

    def asker(self) -> Callable[[str], int]:
        """Through the whole app, perimeter and all."""
        client = self._app.test_client()
        return lambda key: client.get(self._path, headers={"X-API-Key": key}).status_code


class HttpProbe:
    """Workers behind a URL; each call is a connection of its own, so that whoever is free takes it."""

    def __init__(self, url: str, path: str, workers: int) -> None:
        found = urlsplit(url)
        if found.scheme not in ("http", "https") or not found.hostname:
            raise Refused(f"{url[:200]!r} is not where workers are reached.", "Write http://127.0.0.1:8000", USAGE)
        self.name = f"{found.scheme}://{found.netloc.rpartition('@')[2]}"
        self.workers, self.askers = workers, min(8, max(2, workers))
        self._kind = http.client.HTTPSConnection if found.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = found.hostname, found.port
        self._path = found.path.rstrip("/") + path

    def asker(self) -> Callable[[str], int]:
        """One request after the other."""
        return self._ask

    def _ask(self, key: str) -> int:
        connection = self._kind(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", self._path, headers={"X-API-Key": key, "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"{self.name} does not answer ({error}).", "Start the workers, or correct the URL.") from None
        finally:
            connection.close()


@dataclass
class Seen:
    """What was seen of one key. ``late`` is seconds from the revocation to the start of the last call let in."""

    late: float = 0.0
    asked: int = 0
    admitted: int = 0
    refusals: int = 0
    trouble: list[Exception] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, since: float, admitted: bool) -> None:
        """One call that began ``since`` seconds after the revocation."""
        with self.lock:
            self.asked += 1
            if admitted:
                self.admitted += 1
                self.late = max(self.late, since)
                self.refusals = 0
            else:
                self.refusals += 1


def let_in(status: int, where: str) -> bool:
    """Whether a status means that the credential opened the door; what lay behind does not matter.

    :raises Refused: the status tells neither.
    """
    if status >= 500:
        raise Refused(f"{where} answers {status}.", "See its log, then run the drill again.")
    return status != 401


def watched(probe: Probe, key: str, revoke: Callable[[], None]) -> Seen:
    """See a key get in everywhere, revoke it while it is being used, and ask on until nobody lets it in.

    :raises Refused: it never got in, or somebody does not answer.
    """
    _demand_let_in(probe, key)
    seen, ended, revoked_at = Seen(), threading.Event(), [float("inf")]

    def asks() -> None:
        mine = probe.asker()
        try:
            while not ended.wait(PAUSE):
                began = time.perf_counter()
                admitted = let_in(mine(key), probe.name)
                if began >= revoked_at[0]:
                    seen.take(began - revoked_at[0], admitted)
        except Exception as error:  # noqa: BLE001 - a thread's error is raised again by who waits for it
            seen.trouble.append(error)
            ended.set()

    threads = [threading.Thread(target=asks, daemon=True) for _ in range(probe.askers)]
    for thread in threads:
        thread.start()
    try:
        revoke()
        revoked_at[0] = time.perf_counter()
        _wait(seen, ended, revoked_at[0], QUIET * probe.workers)
    finally:
        ended.set()
        for thread in threads:
            thread.join(TIMEOUT * 2)
    if seen.trouble:
        raise seen.trouble[0]
    return seen


def _demand_let_in(probe: Probe, key: str) -> None:
    """See that the door is one, and that every worker opens it for this key; that also fills their memories."""
    ask = probe.asker()
    if ask("no-key-of-anybody") not in (401, 429):
        raise Refused(f"{probe.name} asks for no credential there.", "Name a guarded path with --path.", USAGE)
    for _ in range(4 * probe.workers):
        if not let_in(ask(key), probe.name):
            raise Refused(
                f"{probe.name} does not let the canary in.",
                "Has it the same store and secret? Is the path a guarded one? --path names another.",
            )


def _wait(seen: Seen, ended: threading.Event, start: float, quiet: int) -> None:
    while not ended.wait(0.02):
        passed = time.perf_counter() - start
        if passed >= AT_MOST or (passed >= AT_LEAST and seen.refusals >= quiet):
            return


def drill_path(house: House) -> str:
    """A guarded path that no route takes: who is let in hears 404 there, who is not hears 401, and nothing happens.

    :raises Refused: every path is taken.
    """
    prefix = (house.book.paths or ("",))[0].rstrip("/")
    path = f"{prefix}/apiguard-drill-{secrets.token_hex(4)}"
    try:
        house.app.url_map.bind("localhost").match(path, method="GET")
    except HTTPException:
        return path
    raise Refused(f"A route takes every path below {prefix or '/'}.", "Name a harmless one with --path.", USAGE)
