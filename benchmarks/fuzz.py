"""Whatever is sent, no 5xx and nobody waits: ``python -m benchmarks.fuzz --requests 200000``.

gunicorn with two workers, and as many processes that send what ``oddities`` makes, to every endpoint of the
authorization server and to a guarded route. Counted are answers by status, answers of 500 and more, requests that got
none within 20 seconds, and connections that were closed without a word. The first such requests are printed as they
were sent. Status 1 when there is one.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwk

from .drafts import Draft
from .oddities import Oddities
from .served import PATIENCE, Connection, Held, Said, hold, make_app, served, stores
from .tables import section

WORKERS = SENDERS = 2
SHOWN = 10
HEAD = ("store, path", "requests", "2xx", "3xx", "4xx", "5xx", "no answer", "slowest ms")
#: A client as another process gets it: id, secret, private key, certificate.
Packed = tuple[str, str, dict[str, Any], str]


@dataclass
class Tally:
    """What became of requests, by path; ``shown`` holds the first faults with their bytes."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    shown: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, path: str, said: Said | None, took: float, data: bytes) -> None:
        """One request; None when no answer came."""
        status = 0 if said is None else said.status
        self.statuses.setdefault(path, Counter())[status] += 1
        self.slowest[path] = max(self.slowest.get(path, 0.0), took)
        if status == 0 or status >= 500:
            self.shown.append((f"{status or 'no answer'} after {took:.1f} s", data))

    def join(self, other: Tally) -> None:
        """Take in what somebody else counted."""
        for path, counted in other.statuses.items():
            self.statuses.setdefault(path, Counter()).update(counted)
            self.slowest[path] = max(self.slowest.get(path, 0.0), other.slowest[path])
        self.shown += other.shown

    @property
    def faults(self) -> int:
        """Everything that must not be."""
        return sum(n for counted in self.statuses.values() for status, n in counted.items() if not 0 < status < 500)

    def rows(self, store: str) -> list[tuple[str, ...]]:
        """The same for people, one row for each path."""
        found = []
        for path, counted in sorted(self.statuses.items()):
            classes = [sum(n for status, n in counted.items() if status // 100 == one) for one in (2, 3, 4, 5)]
            numbers = (sum(counted.values()), *classes, counted[0])
            found.append((f"{store}, {path}", *map(str, numbers), f"{self.slowest[path] * 1000:.0f}"))
        return found


def drive(host: str, port: int, seed: str, requests: int, paths: Sequence[str], packed: Sequence[Packed]) -> Tally:
    """Send so many requests, one after the other."""
    clients = [Held(name, secret, jwk.ECKey.import_key(key), shown) for name, secret, key, shown in packed]
    made, connection, tally = Oddities(seed, paths, clients), Connection(host, port), Tally()
    for _ in range(requests):
        draft = made.next()
        data, began = draft.as_bytes(), time.perf_counter()
        said = answered(connection, draft, data)
        took = time.perf_counter() - began
        path = draft.path if draft.path in paths else "another"
        if said is not None:
            made.learn(said, draft)
        elif draft.is_cut and took < PATIENCE:
            continue  # half a request, and no answer: nobody was left to answer
        tally.add(path, said, took, data)
    connection.close()
    return tally


def answered(connection: Connection, draft: Draft, data: bytes) -> Said | None:
    """The answer; None when there was none. A kept connection that was closed meanwhile is opened once more."""
    for _ in range(2):
        is_kept = connection.is_open
        try:
            connection.send(data)
            if draft.is_cut:
                connection.end()
            return connection.read(draft.method)
        except (OSError, http.client.HTTPException):
            connection.close()
            if not is_kept:
                return None
        finally:
            if draft.is_cut:
                connection.close()
    return None


def fuzz(folder: Path, url: str | None, requests: int, seed: int) -> tuple[Tally, str]:
    """All requests on one store; what became of them, and the server's log."""
    tally = Tally()
    with served(folder, url, WORKERS) as place:
        clients = [hold(place.house), hold(place.house, public=True), hold(place.house, token_format="jwt")]
        packed = [(one.id, one.secret, one.key.as_dict(private=True), one.certificate) for one in clients]
        paths = sorted({rule.rule for rule in make_app().url_map.iter_rules() if "<" not in rule.rule})
        share = -(-requests // SENDERS)
        with ProcessPoolExecutor(SENDERS, multiprocessing.get_context("spawn")) as pool:
            asked = [
                pool.submit(drive, place.server.host, place.server.port, f"{seed}/{one}", share, paths, packed)
                for one in range(SENDERS)
            ]
            for one in asked:
                tally.join(one.result())
        return tally, place.server.log


def main(arguments: Sequence[str] | None = None) -> int:
    """Send, print the table; status 1 when anything was answered with 5xx, or with nothing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000, help="to each store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", action="append", choices=("sqlite", "postgresql"))
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    options = parser.parse_args(arguments)
    rows, faults = [], 0
    with stores(options.store or ("sqlite",)) as found:
        for store, url in found:
            with tempfile.TemporaryDirectory(prefix="apiguard-bench-", ignore_cleanup_errors=True) as folder:
                tally, log = fuzz(Path(folder), url, options.requests, options.seed)
            rows += tally.rows(store)
            broken = log.count("Traceback") + log.count("WORKER TIMEOUT")
            faults += tally.faults + broken
            for what, data in tally.shown[:SHOWN]:
                print(f"\n{what}:\n{data[:2000]!r}")
            if broken:
                print(f"\n{log[-6000:]}")
    section(f"{options.requests} requests of seed {options.seed}, {WORKERS} workers", HEAD, rows, options.markdown)
    print(f"\n{faults} faults." if faults else "\nNo 5xx, and an answer to each.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
