"""What holds only if several processes agree: counts, revocations, records, and a store that survives kill -9."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import pytest

from flask_apiguard import credentials
from flask_apiguard.clients import registry
from tests.waiting import wait_for

from .conftest import Beside, call, fresh
from .served import TESTER


def test_a_limit_is_exact_across_four_workers(beside: Beside, workers: Callable[..., Any]) -> None:
    served, answers = workers(4), []
    for pid in served.pids:
        with served.only(pid):
            answers += [call(f"{served.url}/api/counted", beside.key) for _ in range(10)]
    assert {body["pid"] for _, _, body in answers} == set(served.pids)
    with ThreadPoolExecutor(16) as pool:
        answers += pool.map(lambda _: call(f"{served.url}/api/counted", beside.key), range(200))
    statuses = [status for status, _, _ in answers]
    assert statuses.count(200) == 100
    assert statuses.count(429) == 140
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


def test_a_revocation_denies_in_every_worker_at_once(beside: Beside, workers: Callable[..., Any]) -> None:
    served = workers(4, threads=1)
    for how, status in (("credential", 401), ("client", 401), ("grant", 403)):
        key, client_id = fresh(beside.house)
        for pid in served.pids:
            with served.only(pid):
                assert call(f"{served.url}/api/orders", key)[0] == 200, "and this worker remembers the caller"
        revoke(beside, client_id, how)
        for pid in served.pids:
            with served.only(pid):
                assert call(f"{served.url}/api/orders", key)[0] == status, f"{how}: the first call that begins after it"


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
                status, headers, body = call(served.url + path, beside.key, method)
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
    try:
        for _ in range(12):
            time.sleep(dice.uniform(0.05, 0.4))
            with suppress(ProcessLookupError):  # it was killed the last time, and only ends now
                os.kill(dice.choice(wait_for(lambda: served.pids)), signal.SIGKILL)
        wait_for(lambda: len(answered) > 20 and len(made) > 5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    served.stop()
    verified = beside.house.ledger.verify()
    assert verified.ok, verified
    with beside.house.store.read() as conn:
        kept = {found.id for found in credentials.list_of(conn, beside.client_id)}
    assert set(made) <= kept, "an answer was given for something that is not stored"
    events = beside.house.recorder.query
    assert all(events.find(one) for one in answered[-200:])
    assert beside.house.recorder.verify()
