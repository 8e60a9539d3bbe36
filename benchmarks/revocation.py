"""How long a revoked key still opens doors in the other processes of a host: ``python -m benchmarks.revocation``.

gunicorn with four workers. For each of them somebody keeps a connection and calls without pause with one key. Then
the key is revoked, from this process. Measured is the time from just before that commit to the first 401 in each
worker's answers; that no worker allows a call after its first 401 is checked as well.
"""

from __future__ import annotations

import argparse
import gc
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Connection as Connectable
from sqlalchemy import event

from flask_apiguard import APIGuard, credentials, require
from flask_apiguard.credentials.tables import credential
from flask_apiguard.extension import house_of
from flask_apiguard.house import House
from flask_apiguard.values import SYSTEM
from tests.servers.gunicorn import Gunicorn

from .measure import percentile
from .ours import SCOPES, keys_of
from .served import SECRET, fill, put_back, stores
from .tables import section

WORKERS = 4
BUDGET = 100.0
HEAD = ("store", "refusals seen", "p50 ms", "p99 ms", "at most", "met")


def make_app() -> Flask:
    """The guarded app of one worker, or of this process. Where its store is stands in the environment."""
    app = Flask("revocation", instance_path=os.environ["BENCHMARK_INSTANCE"])
    APIGuard(app, paths=["/api"], scopes=SCOPES)

    @app.get("/api/orders")
    @require("reports:read")
    def orders() -> tuple[str, int, dict[str, str]]:
        return "", 200, {"X-Worker": str(os.getpid())}

    return app


def make_worker() -> Flask:
    """The app as a worker serves it, with the collector told what the page about deployment says."""
    app = make_app()
    gc.freeze()
    return app


class Connection:
    """One kept connection, so one worker: gunicorn's threaded worker keeps whom it accepted."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.worker = ""

    def status(self, key: str) -> int:
        """Call once."""
        self._socket.sendall(f"GET /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._received()
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
        while len(body) < int(fields.get("content-length", 0)):
            body += self._received()
        self.worker = fields.get("x-worker", self.worker)
        return int(head[9:12])

    def _received(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the worker hung up")
        return data

    def close(self) -> None:
        self._socket.close()


def one_for_each_worker(server: Gunicorn, key: str) -> list[Connection]:
    """Connect until every worker has accepted once."""
    found: dict[str, Connection] = {}
    ends = time.monotonic() + 60
    while len(found) < WORKERS:
        if time.monotonic() > ends:
            raise TimeoutError("not every worker accepted a connection")
        fresh = Connection(server.host, server.port)
        if fresh.status(key) != 200:
            raise RuntimeError("the key is refused before it is revoked")
        if found.setdefault(fresh.worker, fresh) is not fresh:
            fresh.close()
    return list(found.values())


def _until_refused(connection: Connection, key: str, ready: threading.Barrier, times: list[float]) -> None:
    assert connection.status(key) == 200
    ready.wait()
    while connection.status(key) == 200:
        time.sleep(0.001)
    times.append(time.perf_counter())
    assert connection.status(key) == 401, "allowed again after a refusal"


def trial(house: House, connections: Sequence[Connection], key: str) -> list[float]:
    """Revoke one key while all workers are called with it; milliseconds until each refused."""
    with house.store.read() as conn:
        hint = key.rsplit("_", 2)[0]
        found = conn.execute(
            credential.select().where(credential.c.hint == hint)
        ).one()  # fmt: skip
    times: list[float] = []
    ready = threading.Barrier(len(connections) + 1)
    threads = [threading.Thread(target=_until_refused, args=(one, key, ready, times)) for one in connections]
    for thread in threads:
        thread.start()
    ready.wait()
    time.sleep(0.02)
    began = _revoked(house, found.id)
    for thread in threads:
        thread.join()
    if len(times) != len(connections):
        raise RuntimeError("a caller failed; its words are above")
    return [(at - began) * 1000 for at in times]


def _revoked(house: House, credential_id: str) -> float:
    """Revoke, and the moment just before the database was told to commit: what led there nobody waits for."""
    moments: list[float] = []

    def committing(_: Connectable) -> None:
        moments.append(time.perf_counter())

    event.listen(house.store.engine, "commit", committing)
    try:
        with house.store.write() as tx:
            credentials.revoke(tx, SYSTEM, credential_id, "a benchmark")
    finally:
        event.remove(house.store.engine, "commit", committing)
    return moments[0]


def on_store(folder: Path, url: str | None, trials: int) -> list[float]:
    """All trials on one store."""
    env = {"BENCHMARK_INSTANCE": str(folder), "APIGUARD_SECRET": SECRET}
    if url is not None:
        env["APIGUARD_DATABASE_URL"] = url
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    with ExitStack() as stack:
        stack.callback(put_back, before)
        app = make_app()
        house = house_of(app)
        if url is not None:
            fill(url)
        keys = keys_of(house, trials + 1, "reports:read")
        (folder / "gunicorn").mkdir()
        server = Gunicorn(
            "benchmarks.revocation:make_worker()", folder / "gunicorn", workers=WORKERS, threads=8, env=env,
            arguments=["--keep-alive", "60"],
        )  # fmt: skip
        stack.callback(house.close)
        stack.callback(server.stop)
        connections = one_for_each_worker(server, keys.pop())
        return [one for key in keys for one in trial(house, connections, key)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table; status 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revocation", description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--store", action="append", choices=("sqlite", "postgresql"))
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    options = parser.parse_args(arguments)
    rows: list[tuple[Any, ...]] = []
    kept = True
    with stores(options.store or ("sqlite", "postgresql")) as found:
        for name, url in found:
            with tempfile.TemporaryDirectory(prefix="apiguard-bench-", ignore_cleanup_errors=True) as folder:
                times = on_store(Path(folder), url, options.trials)
            high = percentile(times, 0.99)
            kept = kept and high <= BUDGET
            met = "yes" if high <= BUDGET else "NO"
            low = percentile(times, 0.5)
            rows.append((name, str(len(times)), f"{low:.1f}", f"{high:.1f}", f"{BUDGET:.0f}", met))
    section(f"From the revoking commit to the first 401, {WORKERS} workers", HEAD, rows, options.markdown)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
