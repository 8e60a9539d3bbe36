"""The app behind a threaded server in a process of its own: ``python -m example_app.demo.server FD``.

Ends when its standard input does, so that it never outlives whoever started it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from .client import PATIENCE, Client, StoryBroken
from .screen import Screen


class Server:
    """The child process. The socket is ours, so that nobody takes the port before the child listens."""

    def __init__(self, port: int | None) -> None:
        self._socket = socket.create_server(("127.0.0.1", port or 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str], log: Path) -> None:
        """Start, and wait until the health check answers.

        :raises StoryBroken: it does not; the log says why.
        """
        number = self._socket.fileno()
        command = [sys.executable, "-m", "example_app.demo.server", str(number)]
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=file, stderr=file, pass_fds=(number,),
                start_new_session=True,  # Ctrl-C is for the story, which then lets the server end in order
            )  # fmt: skip
        self._socket.close()
        client, until = Client(Screen(), self.port), time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                client.get("/api/v1/health")
            except StoryBroken:
                time.sleep(0.05)
            else:
                return
        raise StoryBroken(f"The server did not start; {log} says why:\n{log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Let it end by itself, or else end it."""
        if self._process is None:
            self._socket.close()
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(number: int) -> None:
    """Serve until standard input ends."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    from example_app import create_app

    class Handler(WSGIRequestHandler):
        """HTTP/1.1 with a line in the log for each request."""

        protocol_version = "HTTP/1.1"

    app = create_app()
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler, fd=number)

    def wait() -> None:
        while os.read(0, 1024):
            pass
        server.shutdown()

    threading.Thread(target=wait, daemon=True).start()

    server.serve_forever(0.05)
    app.extensions["apiguard"].close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
