"""What holds only if several processes agree: counts, revocations, records, and a store that survives kill -9."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest

from flask_apiguard import credentials
from flask_apiguard.clients import registry

from .conftest import Beside, call, fresh
from .served import TESTER


def test_a_limit_is_exact_across_four_workers(beside: Beside, workers: Callable[..., Any]) -> None:
    served = workers(4)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: call(f"{served.url}/api/counted", beside.key), range(240)))
    statuses = [status for status, _, _ in answers]
    assert statuses.count(200) == 100
    assert statuses.count(429) == 140
    assert len({body["pid"] for status, _, body in answers if status == 200}) > 1, "one worker answered everything"
    assert all("Retry-After" in headers for status, headers, _ in answers if status == 429)


def test_every_answer_of_every_worker_is_on_record_once(beside: Beside, workers: Callable[..., Any]) -> None:
    served = workers(4)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: call(f"{served.url}/api/orders", beside.key if n % 2 else None), range(80)))
    served.stop()
    ids = [headers["X-Request-Id"] for _, headers, _ in answers]
    recorded = [event["id"] for event in beside.house.recorder.query.calls(limit=1000).events]
    assert sorted(recorded) == sorted(ids)
    assert beside.house.recorder.verify()


@pytest.mark.alone
def test_a_revocation_denies_in_every_worker_at_once(beside: Beside, workers: Callable[..., Any]) -> None:
    served = workers(4, threads=1)
    worst: list[float] = []
    for how in ("credential", "client", "grant") * 3:
        key, client_id = fresh(beside.house)
        known: set[int] = set()
        while len(known) < 4:  # every worker remembers this caller
            known.add(call(f"{served.url}/api/orders", key)[2]["pid"])
        revoke(beside, client_id, how)
        revoked = time.monotonic()
        late = [time.monotonic() - revoked for _ in range(24) if call(f"{served.url}/api/orders", key)[0] == 200]
        worst.append(max(late, default=0.0))
    assert sorted(worst)[-2] < 0.1
    assert worst[-1] < 1.0


def revoke(beside: Beside, client_id: str, how: str) -> None:
    from flask_apiguard import access
    from flask_apiguard.values import Environment

    with beside.house.store.write() as tx:
        if how == "credential":
            credentials.revoke_all(tx, TESTER, client_id, "a test")
        elif how == "client":
            registry.suspend(tx, TESTER, client_id, "a test")
        else:
            application = registry.client(tx, client_id).application_id
            access.end(tx, TESTER, application, Environment.PRODUCTION, None, "a test")


@pytest.mark.slow
def test_killing_workers_at_any_point_leaves_a_store_that_opens_and_a_ledger_that_verifies(
    beside: Beside, workers: Callable[..., Any]
) -> None:
    served, answered, made = workers(3), [], []
    stop = threading.Event()

    def load(path: str, method: str, into: list[str], what: Callable[[Any, Any], str]) -> None:
        while not stop.is_set():
            try:
                status, headers, body = call(served.url + path, beside.key, method, timeout=5)
            except (OSError, HTTPException):
                continue  # the worker was killed before it answered
            if status == 200:
                into.append(what(headers, body))

    threads = [
        threading.Thread(target=load, args=("/api/orders", "GET", answered, lambda h, b: h["X-Request-Id"])),
        threading.Thread(target=load, args=("/api/govern", "POST", made, lambda h, b: b["made"])),
    ]
    for thread in threads:
        thread.start()
    dice = random.Random(20261121)
    killed, ends = 0, time.monotonic() + 60
    while (killed < 12 or len(answered) <= 20 or len(made) <= 5) and time.monotonic() < ends:
        time.sleep(dice.uniform(0.05, 0.4))
        if served.pids and killed < 12:
            os.kill(dice.choice(served.pids), signal.SIGKILL)
            killed += 1
    served.wait_for_workers()
    stop.set()
    for thread in threads:
        thread.join()
    served.stop()
    assert len(answered) > 20
    assert len(made) > 5
    verified = beside.house.ledger.verify()
    assert verified.ok, verified
    with beside.house.store.read() as conn:
        kept = {found.id for found in credentials.list_of(conn, beside.client_id)}
    assert set(made) <= kept, "an answer was given for something that is not stored"
    events = beside.house.recorder.query
    assert all(events.find(one) for one in answered[-200:])
    assert beside.house.recorder.verify()
