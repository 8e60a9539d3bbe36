"""A burst of refusals of a production client is noticed at once, told once, and stays until somebody looks."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store
from flask_apiguard.errors import Conflict, Invalid, Missing
from flask_apiguard.events import Query, Recorder
from flask_apiguard.events.recorder import PACE
from flask_apiguard.ledger import Ledger
from flask_apiguard.monitor import SETTINGS, Anomaly, AnomalyState, Monitor, RefusalBurst, burst_of
from flask_apiguard.monitor.rounds import Rounds
from flask_apiguard.monitor.tables import monitoring
from flask_apiguard.settings import resolve
from flask_apiguard.values import SYSTEM, AccessEvent, Actor, By, Phase, Reason
from tests.waiting import wait_for

from .conftest import CLIENT, Seen, Told

ANN = By(Actor.PERSON, "per_ann", "Ann")
Call = Callable[..., None]


def test_a_burst_is_noticed_from_the_events_themselves_with_evidence(
    monitor: Monitor, recorder: Recorder, call: Call, book: Ledger, told: Told, signals: list[Anomaly]
) -> None:
    call(5)
    call(22, Reason.SCOPE_MISSING)
    call(1, Reason.CREDENTIAL_EXPIRED)
    recorder.settle()
    (anomaly,) = monitor.anomalies()
    assert (anomaly.client_id, anomaly.kind, anomaly.state) == (CLIENT, "refusal_burst", AnomalyState.OPEN)
    assert signals == [anomaly]
    what, where, todo = anomaly.sentences
    assert what == (
        "23 of 28 calls in the last 5 minutes were refused, 22 of them because a scope is missing (gate:scope:missing)."
    )
    assert "GET /orders" in where
    assert "suspend the client" in todo
    assert Reason.SCOPE_MISSING.action in todo
    assert len(anomaly.evidence) == 10
    assert {row["reason"] for row in anomaly.evidence} == {"gate:scope:missing"}
    assert "192.0.2" not in repr(anomaly.evidence)
    (entry,) = book.entries(happening="monitor:anomaly:").entries
    assert entry.subject == f"client:{CLIENT}"
    assert entry.evidence is not None
    assert entry.evidence["anomaly"] == anomaly.id
    (notice,) = told.notices
    assert notice.to == ("ops@example.org",)
    assert notice.text == "\n\n".join((f"This is about client {CLIENT}.", *anomaly.sentences))
    assert notice.severity == anomaly.severity == "warning"
    assert book.verify().ok


@pytest.mark.parametrize(
    ("allowed", "refused", "burst"),
    [(0, 19, False), (0, 20, True), (20, 20, False), (19, 20, True), (200, 100, False), (50, 0, False)],
)
def test_a_burst_is_many_refusals_and_mostly_refusals(
    monitor: Monitor, recorder: Recorder, call: Call, allowed: int, refused: int, burst: bool
) -> None:
    call(allowed)
    call(refused, Reason.LIMIT_EXCEEDED)
    recorder.settle()
    assert bool(monitor.anomalies()) is burst


def test_refusals_spread_over_time_are_no_burst(monitor: Monitor, recorder: Recorder, call: Call, clock: Clock) -> None:
    for _ in range(5):
        call(15, Reason.SCOPE_MISSING)
        recorder.settle()
        clock.advance(301)
    assert monitor.look() == ()
    assert monitor.anomalies() == ()


def test_a_burst_that_goes_on_is_one_anomaly_whose_score_grows(
    monitor: Monitor, recorder: Recorder, call: Call, told: Told, book: Ledger
) -> None:
    for _ in range(6):
        call(40, Reason.SCOPE_MISSING)
        recorder.settle()
    monitor.look()
    (anomaly,) = monitor.anomalies()
    assert anomaly.seen_at > anomaly.raised_at
    assert anomaly.score == 100
    assert len(told.notices) == 1
    assert len(book.entries(happening="monitor:anomaly:").entries) == 1


def test_the_tick_finds_what_no_delivery_brought(
    store: Store,
    event_store: Store,
    clock: Clock,
    tmp_path: Path,
    monitor: Monitor,
    call: Call,
    recorder: Recorder,
    seen: Seen,
) -> None:
    call(30, Reason.SCOPE_MISSING)
    seen.blind = True
    recorder.settle()
    assert monitor.anomalies() == ()
    (anomaly,) = monitor.look()
    assert monitor.look() == ()
    assert [one.id for one in monitor.anomalies()] == [anomaly.id]


def test_only_watched_clients_are_looked_at_and_only_from_their_start_on(
    store: Store, monitor: Monitor, recorder: Recorder, call: Call, seen: Seen
) -> None:
    call(30, Reason.SCOPE_MISSING, client="cli_sandbox")
    call(30, Reason.CREDENTIAL_UNKNOWN, client=None)
    recorder.settle()
    assert monitor.look() == ()
    with store.write() as tx:
        monitor.start(tx, ANN, "cli_sandbox")
    assert monitor.look() == ()
    call(20, Reason.SCOPE_MISSING, client="cli_sandbox")
    seen.blind = True
    recorder.settle()
    (anomaly,) = monitor.look()
    assert anomaly.client_id == "cli_sandbox"
    assert "20 of 20" in anomaly.sentences[0]


def test_monitoring_starts_and_ends_with_the_transaction_it_belongs_to(
    store: Store, monitor: Monitor, book: Ledger, clock: Clock
) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        monitor.start(tx, ANN, "cli_new")
        _ = 1 // 0
    assert monitor.since("cli_new") is None
    with store.write() as tx:
        monitor.start(tx, ANN, "cli_new")
        monitor.start(tx, ANN, "cli_new")
        began = tx.now
    assert monitor.since("cli_new") == began
    with store.write() as tx:
        monitor.end(tx, ANN, "cli_new")
        monitor.end(tx, ANN, "cli_new")
        monitor.end(tx, ANN, "cli_never")
    assert monitor.since("cli_new") is None
    clock.advance(1)
    with store.write() as tx:
        monitor.start(tx, ANN, "cli_new")
    assert monitor.since("cli_new") == clock.now() or monitor.since("cli_new") > began  # type: ignore[operator]
    told = [entry.happening for entry in book.entries(subject="client:cli_new").entries]
    assert told == ["monitor:monitoring:started", "monitor:monitoring:ended", "monitor:monitoring:started"]


def test_a_closed_anomaly_is_not_raised_by_old_calls_again_but_by_new_ones(
    store: Store, monitor: Monitor, recorder: Recorder, call: Call, book: Ledger, seen: Seen
) -> None:
    call(30, Reason.SCOPE_MISSING)
    recorder.settle()
    (first,) = monitor.anomalies()
    with store.write() as tx:
        closed = monitor.close(tx, ANN, first.id, "They know, and mend it.")
    assert closed.state is AnomalyState.CLOSED
    assert monitor.look() == ()
    call(30, Reason.SCOPE_MISSING)
    seen.blind = True
    recorder.settle()
    assert len(monitor.look()) == 1
    assert [one.state for one in monitor.anomalies()] == ["open", "closed"]
    assert [one.id for one in monitor.anomalies(state=AnomalyState.CLOSED)] == [first.id]
    entry = book.entries(happening="monitor:anomaly:closed").entries[0]
    assert (entry.actor_id, entry.reason) == ("per_ann", "They know, and mend it.")
    with pytest.raises(Conflict), store.write() as tx:
        monitor.close(tx, ANN, first.id, "again")


def test_a_muted_kind_is_silent_until_its_date(
    store: Store, monitor: Monitor, recorder: Recorder, call: Call, clock: Clock
) -> None:
    call(30, Reason.SCOPE_MISSING)
    recorder.settle()
    (first,) = monitor.anomalies()
    with store.write() as tx:
        muted = monitor.mute(tx, ANN, first.id, tx.now + dt.timedelta(hours=2), "A load test.")
    assert muted.state is AnomalyState.MUTED
    clock.advance(3600)
    call(30, Reason.SCOPE_MISSING)
    recorder.settle()
    assert monitor.look() == ()
    clock.advance(3601)
    call(30, Reason.SCOPE_MISSING)
    recorder.settle()
    assert len(monitor.anomalies()) == 2


def test_what_can_t_be_decided_says_why(store: Store, monitor: Monitor, recorder: Recorder, call: Call) -> None:
    call(30, Reason.SCOPE_MISSING)
    recorder.settle()
    (found,) = monitor.anomalies()
    day = dt.timedelta(days=1)
    with store.write() as tx:
        with pytest.raises(Missing):
            monitor.close(tx, ANN, "ano_none", "why")
        with pytest.raises(Invalid):
            monitor.close(tx, ANN, found.id, " ")
        for until in (tx.now, tx.now - day, tx.now + 91 * day):
            with pytest.raises(Invalid):
                monitor.mute(tx, ANN, found.id, until, "why")


def test_with_refusals_told_as_they_happen_the_notice_comes_by_itself_and_within_seconds(
    event_store: Store, monitor: Monitor, clock: Clock, tmp_path: Path, told: Told
) -> None:
    assert PACE < monitor._rounds._pause <= 2, "a look comes after the event, and soon"
    with closing(Recorder(tmp_path / "busy", event_store, clock)) as busy:
        for number in range(25):
            clock.advance(0.1)
            event = AccessEvent(
                f"req_busy{number}", Phase.CALL, clock.time(), "GET", "/orders", route="/orders", client=CLIENT,
                reason=str(Reason.SCOPE_MISSING), status=403,
            )  # fmt: skip
            busy.record(event)
            monitor.refused(CLIENT)
            monitor.refused("cli_sandbox")
        clock.advance(0.1)
        # Whoever is refused goes on calling: it is looked at again, should the first look have come before the events.
        wait_for(lambda: monitor.refused(CLIENT) or told.notices)
        monitor.stop()
    assert len(told.notices) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "apiguard-monitor"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_refusal_told_in_a_forked_child_is_looked_at_there(monitor: Monitor, tmp_path: Path) -> None:
    monitor.refused(CLIENT)
    child = os.fork()
    if child == 0:
        try:
            monitor._waiting.clear()
            monitor.refused(CLIENT)
            alive = monitor._rounds._thread is not None and monitor._rounds._thread.is_alive()
            os._exit(0 if alive else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_rounds_end_when_there_is_nothing_to_do_and_survive_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    answers = [True, False, ZeroDivisionError()]
    asked = threading.Semaphore(0)

    def act() -> bool:
        answer = answers.pop(0)
        asked.release()
        if isinstance(answer, Exception):
            raise answer
        return answer

    rounds = Rounds(act, 0.01, "rounds of the test")
    for _ in range(2):
        rounds.rouse()
        wait_for(lambda: rounds._thread is None)
    assert answers == []
    assert "A round of rounds of the test failed." in caplog.text


def test_two_processes_that_find_the_same_raise_it_once_on_postgresql(
    ready_postgres_url: str, event_store: Store, clock: Clock, recorder: Recorder, call: Call, seen: Seen
) -> None:
    call(30, Reason.SCOPE_MISSING)
    seen.blind = True
    recorder.settle()
    store = Store(STATE, lambda: ready_postgres_url, clock.now)
    monitors = [Monitor(store, Query(event_store, lambda: True), clock) for _ in range(4)]
    with store.write() as tx:
        monitors[0].start(tx, SYSTEM, CLIENT)
        tx.execute(monitoring.update().values(since=clock.now() - dt.timedelta(hours=1)))
    raised: list[Anomaly] = []
    threads = [threading.Thread(target=lambda one=one: raised.extend(one.look())) for one in monitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(raised) == len(monitors[0].anomalies()) == 1
    store.close()


def test_the_settings_describe_the_detector() -> None:
    assert burst_of(resolve({}, SETTINGS, {})) == RefusalBurst()
    config = {"APIGUARD_BURST_REFUSALS": 5, "APIGUARD_BURST_SHARE": 10, "APIGUARD_BURST_WITHIN": "1m"}
    assert burst_of(resolve(config, SETTINGS, {})) == RefusalBurst(5, dt.timedelta(minutes=1), 0.1)
