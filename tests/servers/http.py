"""HTTP on real sockets: bytes as they are, and a Flask app behind Werkzeug's threaded server."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True)
class RawAnswer:
    """One HTTP answer. `headers` keeps order, case and repetitions; `body` is de-chunked."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The first value of that name, in any case; None when absent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        return self.body.decode()


def raw_http(host: str, port: int, data: bytes, *, timeout: float = PATIENCE, method: str | None = None) -> RawAnswer:
    """Sends exactly these bytes and reads one answer.

    `method` says whether the answer has a body (HEAD has none); by default it is the first word of `data`. Raises
    OSError or http.client.HTTPException when there is no answer or a broken one (RemoteDisconnected: closed unsaid).
    """
    with socket.create_connection((host, port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # A server may answer and close before it has read all: what it said is still to be read.
            pass
        answer = http.client.HTTPResponse(connection, method=method or data.split(b" ", 1)[0].decode("latin-1"))
        try:
            answer.begin()
            return RawAnswer(answer.status, answer.reason, answer.getheaders(), answer.read())
        finally:
            answer.close()


@contextmanager
def serve(app: WSGIApplication, host: str = "127.0.0.1") -> Iterator[str]:
    """Runs the app in this process, a thread per connection, on a free port. Gives the base URL."""
    server = make_server(host, 0, app, threaded=True)
    # A client that keeps its connection must not hold up the end of the test.
    server.daemon_threads = True  # type: ignore[attr-defined]
    server.block_on_close = False  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
