"""Authorization servers of others beside ours: django-oauth-toolkit, and oidc-provider on Node."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tests.servers.gunicorn import Gunicorn
from tests.servers.node import find_node, packages
from tests.servers.process import Process, Unavailable, free_port

from .toolkit import CLIENT, HASHED, PLAIN, SECRET

TOOLKIT = "django-oauth-toolkit, plain secret"
TOOLKIT_HASHED = "django-oauth-toolkit, hashed secret"
PROVIDER = "oidc-provider, in memory"
NODE = Path(__file__).parent / "node"

#: Host, port, and what ends it.
Running = tuple[str, int, Callable[[], object]]


def toolkit(folder: Path, kind: str) -> Running:
    """django-oauth-toolkit behind gunicorn, as the others.

    :raises Unavailable: it is not installed.
    """
    if find_spec("oauth2_provider") is None:
        raise Unavailable("it is not installed")
    server = Gunicorn(f"benchmarks.toolkit:toolkit({kind!r})", folder, threads=8, arguments=["--keep-alive", "120"])
    return server.host, server.port, server.stop


def provider(folder: Path) -> Running:
    """oidc-provider with the adapter that it comes with: its tokens are in memory and lost when it ends.

    :raises Unavailable: there is no Node, or its packages can't be fetched.
    """
    node, modules = find_node(), packages(NODE)
    (folder / "node_modules").symlink_to(modules)
    script = folder / "provider.mjs"
    script.write_bytes((NODE / "provider.mjs").read_bytes())
    port = free_port()
    process = Process([node, script, str(port), CLIENT, SECRET], folder / "log", cwd=folder)
    process.wait_until(lambda: _is_listening(port))
    return "127.0.0.1", port, process.stop


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


AUTHORITIES: tuple[tuple[str, Callable[[Path], Running]], ...] = (
    (TOOLKIT, lambda folder: toolkit(folder, PLAIN)),
    (TOOLKIT_HASHED, lambda folder: toolkit(folder, HASHED)),
    (PROVIDER, provider),
)
