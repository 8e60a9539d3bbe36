"""A notice is queued with its cause, reaches every notifier, and is tried again until it is given up visibly."""

from __future__ import annotations

import datetime as dt
import logging
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.contracts import Notice
from flask_apiguard.db import STATE, Store
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.notices import CONFIDENTIAL, Delivered, LogNotifier, NullNotifier, Outbox, notify
from flask_apiguard.notices.outbox import LEASE, TRIES_AT_MOST, delivery, notice
from tests.waiting import PATIENCE

from .conftest import Recorder


def test_a_notice_leaves_once_through_every_notifier(store: Store, clock: Clock, queue: Callable[..., str]) -> None:
    one, other = Recorder("one"), Recorder("other")
    outbox = Outbox(store, clock, [one, other])
    sent_id = queue(to=("a@example.org",), facts={"n": 1})
    assert outbox.deliver() == Delivered(sent=2)
    assert outbox.deliver() == Delivered()
    assert one.sent == other.sent
    assert one.sent[0].facts == {"n": 1, "count": 1, "notice_id": sent_id}
    assert one.sent[0].to == ("a@example.org",)
    assert outbox.recent()[0].sent == ("one", "other")


def test_a_notice_of_a_change_that_failed_is_never_sent(store: Store, clock: Clock, recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        notify(tx, Notice("key", "subject", "text"))
        _ = 1 // 0
    assert Outbox(store, clock, [recorder]).deliver() == Delivered()


def test_repetitions_within_the_window_are_counted_and_told_once(
    store: Store, clock: Clock, queue: Callable[..., str], recorder: Recorder
) -> None:
    outbox = Outbox(store, clock, [recorder])
    ids = {queue() for _ in range(3)}
    assert len(ids) == 1
    assert queue(to=("b@example.org",)) not in ids
    assert queue(key="another") not in ids
    outbox.deliver()
    assert sorted(notice.facts["count"] for notice in recorder.sent) == [1, 1, 3]
    assert sum("This happened 3 times." in notice.text for notice in recorder.sent) == 1
    clock.advance(3601)
    assert queue() not in ids


def test_a_window_of_zero_sends_each_time(store: Store, clock: Clock, recorder: Recorder) -> None:
    for _ in range(2):
        with store.write() as tx:
            notify(tx, Notice("key", "subject", "text"), window=dt.timedelta(0))
    assert Outbox(store, clock, [recorder]).deliver() == Delivered(sent=2)


def test_a_failed_delivery_waits_longer_each_time_and_is_given_up_visibly(
    store: Store, clock: Clock, queue: Callable[..., str], recorder: Recorder
) -> None:
    recorder.broken = True
    healthy = Recorder("healthy")
    outbox = Outbox(store, clock, [recorder, healthy])
    queue()
    assert outbox.deliver() == Delivered(sent=1, failed=1)
    waits = []
    for _ in range(TRIES_AT_MOST - 1):
        assert outbox.deliver() == Delivered()
        with store.read() as conn:
            row = conn.execute(sa.select(delivery).where(delivery.c.notifier == "recorder")).one()
        assert row.error == "ConnectionError: nobody there"
        waits.append((row.next_try_at - clock.now()).total_seconds())
        clock.advance(waits[-1] + 1)
        last = outbox.deliver()
    assert waits == sorted(waits)
    assert waits[0] <= 30 < 21_000 < waits[-1] + 20_000
    assert last == Delivered(dead=1)
    clock.advance(10**6)
    recorder.broken = False
    assert outbox.deliver() == Delivered()
    assert outbox.recent()[0].dead == ("recorder",)
    assert len(healthy.sent) == 1


def test_a_delivery_whose_process_died_is_taken_over_after_its_lease(
    store: Store, clock: Clock, queue: Callable[..., str], recorder: Recorder
) -> None:
    outbox = Outbox(store, clock, [recorder])
    queue()
    outbox._prepare(["recorder"])
    assert outbox._claim(["recorder"]) is not None
    assert outbox.deliver() == Delivered()
    clock.advance(LEASE.total_seconds() + 1)
    assert outbox.deliver() == Delivered(sent=1)


def test_a_notifier_configured_later_is_not_fed_with_the_past(
    store: Store, clock: Clock, queue: Callable[..., str], recorder: Recorder
) -> None:
    queue(key="old")
    clock.advance(4 * 86400)
    queue(key="new")
    outbox = Outbox(store, clock, [recorder])
    assert outbox.deliver() == Delivered(sent=1)
    assert recorder.sent[0].key == "new"


def test_without_notifiers_notices_stay_in_the_outbox(store: Store, clock: Clock, queue: Callable[..., str]) -> None:
    queue(key="first")
    clock.advance(1)
    queue(key="second", subject="a\nb")
    outbox = Outbox(store, clock, [NullNotifier()])
    assert outbox.deliver() == Delivered()
    assert [one.notice.key for one in outbox.recent()] == ["second", "first"]
    assert outbox.recent()[0].notice.subject == "a b"
    assert [one.notice.key for one in outbox.recent(before=outbox.recent()[0].id)] == ["first"]
    with store.write() as tx:
        assert outbox.forget(tx, clock.now() + dt.timedelta(seconds=1)) == 2
    assert outbox.recent() == ()


def test_a_confidential_text_goes_to_its_person_only_and_is_erased_once_sent(
    store: Store, clock: Clock, queue: Callable[..., str], recorder: Recorder
) -> None:
    personal = Recorder("personal")
    personal.personal = True
    personal.broken = True
    outbox = Outbox(store, clock, [recorder, personal])
    queue(text="https://example.org/#secret", facts={CONFIDENTIAL: True})
    assert outbox.deliver() == Delivered(failed=1)
    assert "secret" not in repr(outbox.recent())
    assert "secret" in dump(store)
    personal.broken = False
    clock.advance(31)
    assert outbox.deliver() == Delivered(sent=1)
    assert "#secret" in personal.sent[0].text
    assert recorder.sent == []
    assert "secret" not in dump(store)


def test_a_confidential_text_that_nobody_sends_is_erased_when_stale(
    store: Store, clock: Clock, queue: Callable[..., str]
) -> None:
    outbox = Outbox(store, clock)
    queue(text="https://example.org/#secret", facts={CONFIDENTIAL: True})
    clock.advance(3 * 86400 + 1)
    with store.write() as tx:
        assert outbox.forget(tx, clock.now() - dt.timedelta(days=30)) == 0
    assert "secret" not in dump(store)


def dump(store: Store) -> str:
    with store.read() as conn:
        return repr(conn.execute(sa.select(notice)).all())


def test_two_notifiers_of_one_name_are_an_error_at_start(store: Store, clock: Clock) -> None:
    with pytest.raises(ConfigurationError):
        Outbox(store, clock, [Recorder("mail"), Recorder("mail")])


def test_the_log_gets_one_line_whatever_the_notice_contains(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flask_apiguard.notices")
    LogNotifier().send(Notice("k\ney", "forged\r\nERROR root\x1b[2J\u2028", "text", severity="critical"))
    assert len(caplog.messages[0].splitlines()) == 1
    assert caplog.messages[0].isprintable()
    assert caplog.records[0].levelno == logging.ERROR


class Writer:
    """A notifier that writes each key into a file that all processes share."""

    name = "writer"

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, notice: Notice) -> None:
        with self.path.open("a") as file:
            file.write(notice.key + "\n")


def deliver(url: str, path: Path) -> None:
    clock = Clock()
    store = Store(STATE, lambda: url, clock.now)
    Outbox(store, clock, [Writer(path)]).deliver(1000)
    store.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_processes_that_deliver_at_once_send_each_notice_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/apiguard.db" if database == "sqlite" else request.getfixturevalue("ready_postgres_url")
    store = Store(STATE, lambda: url, Clock().now)
    keys = [f"key{number}" for number in range(20)]
    with store.write() as tx:
        for key in keys:
            notify(tx, Notice(key, "subject", "text"))
            notify(tx, Notice(key, "subject", "text"))
    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=deliver, args=(url, tmp_path / "sent"), daemon=True) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE)
    store.close()
    assert [process.exitcode for process in started] == [0, 0, 0]
    assert sorted((tmp_path / "sent").read_text().split()) == sorted(keys)
