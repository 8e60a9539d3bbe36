"""The processes of the counting tests: a foreman that imports once and forks.

``worker.py count PATH|URL LIMIT TRIES THREADS PROCESSES`` prints for each process how many of its calls passed.
``worker.py die PATH`` forks two processes for each line that it reads, which count until they are killed.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flask_apiguard.quotas import Counter, Demand, SharedFile, Valkey

HOUR = 3_600_000
NOW = 1_763_000_000.0


def demands(limit: int) -> list[Demand]:
    return [
        Demand(b"{c}/burst", limit, HOUR),
        Demand(b"{c}/daily", limit, 24 * HOUR, int(NOW * 1000) + HOUR),
    ]


def count(counter: Counter, limit: int, tries: int, threads: int) -> int:
    passed: list[int] = []

    def run() -> None:
        passed.append(sum(counter.take(demands(limit), NOW)[0].retry is None for _ in range(tries)))

    crew = [threading.Thread(target=run) for _ in range(threads)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    return sum(passed)


def count_in_processes(where: str, limit: int, tries: int, threads: int, processes: int) -> None:
    gate, opener = os.pipe()
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            os.close(opener)
            os.read(gate, 1)  # until the foreman lets all go together
            counter = Valkey(where) if "://" in where else SharedFile(where, slots_at_first=16, slots_at_most=4096)
            os.write(1, b"%d\n" % count(counter, limit, tries, threads))
            os._exit(0)
        children.append(child)
    os.close(opener)
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit("a process failed")


def count_until_killed(path: str) -> None:
    counter = SharedFile(path, slots_at_first=16, slots_at_most=4096)
    number = os.getpid() * 1000
    while True:
        number += 1
        # New keys that soon expire, so that the file grows and is rebuilt while we are killed.
        counter.take([*demands(10**9), Demand(b"{c}/%d" % number, 10**9, 1000)], NOW + number % 1000 * 2)


def die(path: str) -> None:
    for _ in sys.stdin:
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                count_until_killed(path)
            children.append(child)
        os.write(1, b"%d %d\n" % tuple(children))
        for child in children:
            os.waitpid(child, 0)


if __name__ == "__main__":
    if sys.argv[1] == "die":
        die(sys.argv[2])
    else:
        count_in_processes(sys.argv[2], *map(int, sys.argv[3:7]))
