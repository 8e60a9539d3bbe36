"""A monitor over a real event store, and calls to fill it with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.contracts import Notice
from flask_apiguard.crypto import Secrets
from flask_apiguard.db import EVENTS, STATE, Store
from flask_apiguard.events import Query, Recorder
from flask_apiguard.ledger import Ledger
from flask_apiguard.monitor import Anomaly, Monitor
from flask_apiguard.notices import Outbox
from flask_apiguard.values import SYSTEM, AccessEvent, Phase, Reason

CLIENT = "cli_acme"


class Told:
    """A notifier that keeps what it is given."""

    name = "told"

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def send(self, notice: Notice) -> None:
        self.notices.append(notice)


class Still(Clock):
    """Moves only when told to: how long a look takes decides how soon the next one may come."""

    def time(self) -> float:
        return 1_795_000_000.5 + self.offset

    def monotonic(self) -> float:
        return self.offset


@pytest.fixture
def clock() -> Clock:
    return Still()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(STATE, lambda: f"sqlite:///{tmp_path}/apiguard.db", clock.now)
    yield store
    store.close()


@pytest.fixture
def event_store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(EVENTS, lambda: f"sqlite:///{tmp_path}/events.db", clock.now)
    yield store
    store.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def signals() -> list[Anomaly]:
    return []


@pytest.fixture
def monitor(store: Store, event_store: Store, clock: Clock, told: Told, signals: list[Anomaly]) -> Iterator[Monitor]:
    """Watches `cli_acme`."""
    query = Query(event_store, lambda: True)
    outbox = Outbox(store, clock, [told])
    found = Monitor(store, query, clock, outbox, to=lambda client: ("ops@example.org",), raised=signals.append)
    with store.write() as tx:
        found.start(tx, SYSTEM, CLIENT)
    yield found
    found.stop()


class Seen:
    """A sink that shows the monitor what arrived."""

    name = "seen"
    required = False

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.blind = False

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        if not self.blind:
            self.monitor.saw(events)


@pytest.fixture
def seen(monitor: Monitor) -> Seen:
    return Seen(monitor)


@pytest.fixture
def recorder(event_store: Store, seen: Seen, clock: Clock, tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path / "spool", event_store, clock, sinks=[seen], background=False)
    yield recorder
    recorder.close()


@pytest.fixture
def book(store: Store, clock: Clock) -> Ledger:
    return Ledger(store, Secrets(b"a secret of the tests that is long enough"), clock)


@pytest.fixture
def call(recorder: Recorder, clock: Clock) -> Callable[..., None]:
    """`call(20, Reason.SCOPE_MISSING)` records so many calls, a tenth of a second apart."""
    numbers = itertools.count()

    def calling(
        count: int, reason: Reason = Reason.ALLOWED, client: str | None = CLIENT, route: str = "/orders"
    ) -> None:
        for _ in range(count):
            clock.advance(0.1)
            event = AccessEvent(
                f"req_{next(numbers)}", Phase.CALL, clock.time(), "GET", route + "?x", route=route, client=client,
                environment="production", allowed=reason is Reason.ALLOWED, reason=str(reason), status=reason.status,
                address="192.0.2.7",
            )  # fmt: skip
            recorder.record(event)

    return calling
