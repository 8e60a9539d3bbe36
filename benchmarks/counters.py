"""What counting one call costs: ``python -m benchmarks.counters``.

Each counter takes one call against a rate and a daily quota, of a thousand keys in turn; the ``limits`` library and
a Valkey server's PING stand beside them, all in turn within each round. Then four processes count against one limit
at once, and the sum must be exact.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask_apiguard.quotas import Counter, Memory, SharedFile, counter_for
from flask_apiguard.quotas.counting import Demand
from tests.servers.process import Unavailable
from tests.servers.valkey import running_valkey

from .measure import Variant, measure
from .tables import section

SHARED, MANY_KEYS, MEMORY = "this shared file", "this shared file, 100000 keys", "this memory"
LIMITS_MEMORY = "limits, memory, moving window"
VALKEY, LIMITS_VALKEY, PING = "this Valkey counter", "limits, Valkey, moving window", "one PING by redis-py"
PROCESSES = 4
COSTS = ("counter", "µs per call", "x shared file")
RATIOS = ("target", "what", "found", "at most", "met")
EXACT = ("processes", "calls each", "limit", "allowed", "µs per call", "exact")
PLENTY = 10**12
DAY = 86_400_000


def demands_of(count: int) -> list[list[Demand]]:
    """A rate and a quota of as many holders."""
    ends = (int(time.time() * 1000) // DAY + 1) * DAY
    return [
        [
            Demand(b"{client-%d}/rate/60" % number, PLENTY, 60_000),
            Demand(b"{client-%d}/day/day" % number, PLENTY, DAY, ends),
        ]
        for number in range(count)
    ]  # fmt: skip


def taking(name: str, counter: Counter, keys: int) -> Variant:
    """One call after the other against a counter."""
    all_demands, at = demands_of(keys), 0

    def call() -> None:
        nonlocal at
        at += 1
        counter.take(all_demands[at % keys], time.time())

    return Variant(name, call, warm=keys)


def hitting(name: str, storage_url: str, keys: int) -> Variant:
    """The same two limits with the `limits` library, which takes them one by one."""
    from limits import RateLimitItemPerDay, RateLimitItemPerMinute
    from limits.storage import storage_from_string
    from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

    storage: Any = storage_from_string(storage_url)
    moving, fixed = MovingWindowRateLimiter(storage), FixedWindowRateLimiter(storage)
    rate, quota, at = RateLimitItemPerMinute(10**9), RateLimitItemPerDay(10**9), 0

    def call() -> None:
        nonlocal at
        at += 1
        key = f"client-{at % keys}"
        moving.hit(rate, key)
        fixed.hit(quota, key)

    return Variant(name, call, warm=keys)


def pinging(url: str) -> Variant:
    import redis

    return Variant(PING, redis.Redis.from_url(url).ping)  # type: ignore[arg-type]


def _count(path: str, calls: int, limit: int, results: Any) -> None:
    """In a process of its own."""
    counter = SharedFile(path)
    end = (int(time.time() * 1000) // DAY + 1) * DAY
    demand = [Demand(b"{one}/day/day", limit, DAY, end)]
    began = time.perf_counter()
    allowed = sum(counter.take(demand, time.time())[0].retry is None for _ in range(calls))
    results.put((allowed, time.perf_counter() - began))


def together(folder: Path, calls: int) -> tuple[int, float]:
    """Calls that four processes were allowed of a limit of half of them, and seconds per call."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    limit = calls * PROCESSES // 2
    arguments = (str(folder / "together"), calls, limit, results)
    others = [context.Process(target=_count, args=arguments) for _ in range(PROCESSES)]
    for other in others:
        other.start()
    found = [results.get(timeout=120) for _ in others]
    for other in others:
        other.join()
    return sum(allowed for allowed, _ in found), sum(spent for _, spent in found) / (calls * PROCESSES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables; status 1 when counting is not exact or a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counters", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slice", type=float, default=10, metavar="MS")
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=20_000, help="of each of the four processes")
    parser.add_argument("--cpu", action="store_true", help="processor time; without meaning for Valkey's rows")
    parser.add_argument("--markdown", action="store_true", help="print the tables for the documentation")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apiguard-bench-")))
        variants = [
            taking(SHARED, SharedFile(folder / "few"), options.keys),
            taking(MANY_KEYS, SharedFile(folder / "many"), options.keys * 100),
            taking(MEMORY, Memory(), options.keys),
            hitting(LIMITS_MEMORY, "memory://", options.keys),
        ]
        try:
            url = stack.enter_context(running_valkey(0)).url
            variants += [
                taking(VALKEY, counter_for(url, folder), options.keys),
                hitting(LIMITS_VALKEY, url, options.keys),
                pinging(url),
            ]
        except Unavailable as error:
            print(f"No Valkey: {error}")
        measure(variants, variants[0], options.rounds, options.slice / 1000, options.cpu)
        rows = [(one.name, f"{one.median * 1e6:.2f}", f"{one.over(variants[0]):.2f}") for one in variants]
        section("What counting one call costs (a rate and a quota)", COSTS, rows, options.markdown)
        checked = _checked({one.name: one for one in variants})
        section("Targets", RATIOS, checked, options.markdown)
        allowed, each = together(folder, options.calls)
    limit = options.calls * PROCESSES // 2
    exact = allowed == limit
    row = (
        str(PROCESSES), str(options.calls), str(limit), str(allowed), f"{each * 1e6:.1f}", "yes" if exact else "NO"
    )  # fmt: skip
    section("Four processes, one limit", EXACT, [row], options.markdown)
    return 0 if exact else 1


def _checked(by_name: dict[str, Variant]) -> list[tuple[str, ...]]:
    """The targets of which both sides were measured."""
    shared = by_name[SHARED]
    found = [
        ("T10", "this shared file, µs", shared.median * 1e6, 3.0),
        ("T20", "100 times as many keys / few", by_name[MANY_KEYS].over(shared), 1.5),
    ]
    if PING in by_name:
        found.append(("T11", "this Valkey counter / one PING", by_name[VALKEY].over(by_name[PING]), 2.6))
    return [
        (number, what, f"{value:.2f}", f"{most:.2f}", "yes" if value <= most else "NO")
        for number, what, value, most in found
    ]


if __name__ == "__main__":
    sys.exit(main())
