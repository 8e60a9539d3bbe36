"""A line between an app and its PostgreSQL that can go dead: everything is taken, and nothing comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from sqlalchemy.engine import make_url

from flask_apiguard.db import BUSY_SECONDS, postgresql


class Between:
    """Listens on 127.0.0.1 and hands on to a server, or swallows both directions.

    ``direct`` is the SQLAlchemy URL of a database there.
    """

    def __init__(self, direct: str) -> None:
        self._dead = False
        self._direct = make_url(direct)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, **more: str) -> str:
        """The SQLAlchemy URL of the same database by way of here. ``more`` is for libpq."""
        query = {name: value for name, value in self._direct.query.items() if name not in ("host", "port")}
        here = self._direct.set(host="127.0.0.1", port=self.port, query={**query, **more})
        return here.render_as_string(hide_password=False)

    @contextmanager
    def dead(self) -> Iterator[None]:
        """Swallow everything inside. Nobody has patience then: that waiting ends is to be seen, not when."""
        grace, postgresql.GRACE_SECONDS, self._dead = postgresql.GRACE_SECONDS, 0.3 - BUSY_SECONDS, True
        try:
            yield
        finally:
            postgresql.GRACE_SECONDS, self._dead = grace, False

    def close(self) -> None:
        """End it, and whatever goes through it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            there = self._connect()
            self._open += [here, there]
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = str(self._direct.query.get("host") or self._direct.host), self._direct.port or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        there = socket.socket(socket.AF_UNIX)
        there.connect(f"{host}/.s.PGSQL.{port}")
        return there

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with ExitStack() as stack:
            stack.callback(source.close)
            with suppress(OSError):
                while data := source.recv(65536):
                    if not self._dead:
                        sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)


@contextmanager
def between(direct: str) -> Iterator[Between]:
    """One to the server of a database, by its SQLAlchemy URL."""
    made = Between(direct)
    try:
        yield made
    finally:
        made.close()
