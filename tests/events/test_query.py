"""Questions to the event store, with every answer containing the newest call."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from flask_apiguard.db import Store
from flask_apiguard.events import Observed, Recorder, query
from flask_apiguard.onboarding.graduation import watch
from flask_apiguard.values import Phase, instant

from .making import NOW, event

Make = Callable[..., Recorder]


@pytest.fixture
def recorder(any_store: Store, make_recorder: Make) -> Recorder:
    """Ten calls, a second apart, of two clients; every third is refused."""
    made = make_recorder(any_store)
    for number in range(10):
        refused = number % 3 == 0
        made.record(
            event(
                number,
                time=NOW + number,
                client=f"cli_{number % 2}",
                application=f"app_{number % 2}",
                environment="production" if number >= 5 else "sandbox",
                status=403 if refused else 200,
                allowed=not refused,
                reason="gate:scope:missing" if refused else "gate:request:allowed",
            )
        )
    return made


def ids(recorder: Recorder, **wanted: object) -> list[int]:
    page = recorder.query.calls(**wanted)  # type: ignore[arg-type]
    return [int(found["id"].removeprefix("req_")) for found in page.events]


def test_calls_come_newest_first_and_by_every_filter(recorder: Recorder) -> None:
    assert ids(recorder) == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert ids(recorder, client="cli_1") == [9, 7, 5, 3, 1]
    assert ids(recorder, application="app_0", environment="sandbox") == [4, 2, 0]
    assert ids(recorder, since=instant(NOW + 3), until=instant(NOW + 6)) == [5, 4, 3]
    assert ids(recorder, status_class=4) == [9, 6, 3, 0]
    assert ids(recorder, reason="gate:scope:missing", client="cli_0") == [6, 0]
    assert ids(recorder, client="cli_none") == []


@pytest.mark.parametrize("looked_at", [1, 2, 3, 4, 9, 10, 11, 1000])
@pytest.mark.parametrize("stands_still", [False, True])
def test_a_page_looks_at_so_many_events_and_the_next_one_goes_on_behind_them(
    any_store: Store, make_recorder: Make, monkeypatch: pytest.MonkeyPatch, looked_at: int, stands_still: bool
) -> None:
    """What nothing answers goes through everything there is, but not while one request waits."""
    monkeypatch.setattr(query, "LOOKED_AT", looked_at)
    recorder = make_recorder(any_store)
    for number in range(10):
        time = NOW if stands_still else NOW + number // 2
        recorder.record(event(number, time=time, status=403 if number in (1, 2, 7) else 200, client="cli_1"))
    for wanted, expected in (
        ({"status_class": 4}, [7, 2, 1]), ({"status_class": 4, "client": "cli_1"}, [7, 2, 1]),
        ({"environment": "production"}, []), ({"status_class": 4, "until": instant(NOW + 1)}, [7, 2, 1]), ({}, None),
    ):  # fmt: skip
        for limit in (1, 2, 50):
            seen, pages, cursor = [], 0, None
            while True:
                page = recorder.query.calls(limit=limit, cursor=cursor, **wanted)  # type: ignore[arg-type]
                seen += [int(found["id"].removeprefix("req_")) for found in page.events]
                pages, cursor = pages + 1, page.cursor
                assert pages < 50, "it comes to an end"
                if cursor is None:
                    break
            if "until" in wanted and not stands_still:
                assert seen == [1]
            else:
                assert seen == (list(range(9, -1, -1)) if expected is None else expected), (wanted, limit)


def test_how_long_a_question_takes_that_nothing_answers_does_not_grow_with_what_there_is(
    any_store: Store, make_recorder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in the events that each page reads, whatever the machine."""
    monkeypatch.setattr(query, "LOOKED_AT", 5)
    recorder = make_recorder(any_store)
    for number in range(40):
        recorder.record(event(number, time=NOW + number))
    asked: list[str] = []
    recorder.settle()
    listen = sa.event.listens_for(any_store.engine, "before_cursor_execute")
    listen(lambda conn, cursor, statement, *_: asked.append(statement))
    page = recorder.query.calls(reason="gate:nothing:such")
    assert page.cursor == f"{int((NOW + 35) * 1e6)}.0.0"
    selects = [one for one in asked if "FROM apiguard_access_event" in one]
    assert [">= " in one.rpartition("WHERE")[2] for one in selects] == [False, True], "by the first"


def test_pages_follow_each_other_without_gap_or_repetition(any_store: Store, recorder: Recorder) -> None:
    seen, cursor = [], None
    for _ in range(4):
        page = recorder.query.calls(limit=3, cursor=cursor)
        seen += [found["id"] for found in page.events]
        recorder.record(event(f"new{len(seen)}", time=NOW + 100))  # newer ones do not disturb
        cursor = page.cursor
    assert seen == [f"req_{number}" for number in range(9, -1, -1)]
    assert cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "1.2", "1.2.3.4", "-1.2.3", "1.2.x", "999999999999999999.1.1", "1.1.²"])
def test_a_strange_cursor_is_a_value_error(recorder: Recorder, cursor: str) -> None:
    with pytest.raises(ValueError):
        recorder.query.calls(cursor=cursor)


def test_a_stream_is_found_under_one_id_and_counted_once(any_store: Store, make_recorder: Make) -> None:
    recorder = make_recorder(any_store)
    recorder.record(event(1, phase=Phase.OPENED))
    recorder.record(event(1, phase=Phase.CLOSED, bytes_out=10**12))
    recorder.record(event(2))
    assert [found["phase"] for found in recorder.query.find("req_1")] == ["opened", "closed"]
    assert recorder.query.find("req_3") == []
    assert recorder.query.summary().total == 2
    assert len(recorder.query.telling("app_1")) == 1


def test_what_was_only_observed_is_told_from_what_was_refused(recorder: Recorder) -> None:
    recorder.record(event(20, time=NOW + 20, mode="observe", allowed=False, reason="gate:scope:missing"))
    recorder.record(event(21, time=NOW + 21, mode="observe", allowed=True))
    assert ids(recorder, mode="observe") == [21, 20]
    assert ids(recorder, mode="observe", allowed=False) == [20]
    assert ids(recorder, mode="enforce", allowed=False) == [9, 6, 3, 0]
    assert ids(recorder, allowed=True, client="cli_0", limit=2) == [8, 4]


def test_the_summary_counts(recorder: Recorder) -> None:
    summary = recorder.query.summary(since=instant(NOW + 1))
    assert (summary.total, summary.allowed) == (9, 6)
    assert summary.by_status == {200: 6, 403: 3}
    assert summary.by_reason == {"gate:request:allowed": 6, "gate:scope:missing": 3}
    assert summary.by_route == {("GET", "/api/v1/orders/<int:id>"): 9}
    assert (summary.first, summary.last) == (instant(NOW + 1), instant(NOW + 9))
    assert recorder.query.summary(client="cli_none").first is None


def test_telling_calls_are_the_first_of_their_kind_and_the_first_after_a_refusal(recorder: Recorder) -> None:
    rows = recorder.query.telling("app_1")
    assert [row.time for row in rows] == [instant(NOW + number) for number in (1, 3, 5)]
    route = "/api/v1/orders/<int:id>"
    assert rows[1] == (route, "GET", 403, "gate:scope:missing", "orders:read", instant(NOW + 3), "req_3")
    assert [row.id for row in recorder.query.telling("app_1", "production", instant(NOW + 6))] == ["req_7", "req_9"]


CALLS = [(200, "gate:request:allowed"), (201, "gate:request:allowed"), (404, "gate:request:allowed"),
         (422, "gate:body:invalid"), (401, "gate:credential:unknown"), (403, "gate:scope:missing"),
         (429, "gate:limit:reached"), (200, "gate:scope:missing")]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_the_telling_calls_show_all_that_every_call_shows(any_store: Store, make_recorder: Make, seed: int) -> None:
    dice, recorder = random.Random(seed), make_recorder(any_store)
    every = []
    for number in range(60):
        status, reason = dice.choice(CALLS)
        route, time = dice.choice(["/a", "/b", None]), NOW + number // 3  # three calls at each moment
        recorder.record(event(number, time=time, route=route, status=status, reason=reason))
        every.append(Observed(route, "GET", status, reason, "", instant(time), f"req_{number}"))
    desk = SimpleNamespace(scopes_of_route=lambda route, method, held: frozenset({route}))
    missing = frozenset({"what nothing shows"})  # so that it looks at every call
    telling = recorder.query.telling("app_1")
    assert watch(desk, telling, missing) == watch(desk, every, missing)  # type: ignore[arg-type]
    assert len(telling) <= 3 * len(CALLS) + 2 * 3


def test_a_look_at_many_calls_reads_few_rows(any_store: Store, make_recorder: Make) -> None:
    recorder = make_recorder(any_store)
    for number in range(500):
        recorder.record(event(number, time=NOW + number, status=200 if number % 2 else 201))
    assert [row.id for row in recorder.query.telling("app_1")] == ["req_0", "req_1"]


def test_hostile_texts_are_stored_and_come_back(any_store: Store, make_recorder: Make) -> None:
    hostile = "'); DROP TABLE apiguard_access_event; --\r\n\x1b[31m\u2028\U0001f600\ud800\0\""
    recorder = make_recorder(any_store)
    recorder.record(event(1, path=hostile, route=hostile, need=hostile, client=hostile, agent=hostile, reason=hostile))
    (found,) = recorder.query.find("req_1")
    readable = hostile.replace("\ud800", "\\xd800").replace("\0", "\\x00")
    assert (found["path"], found["agent"], found["client"]) == (readable,) * 3
    assert recorder.query.summary(client=readable).by_reason == {readable: 1}
    assert recorder.verify()


def test_times_are_aware_and_exact(any_store: Store, make_recorder: Make) -> None:
    recorder = make_recorder(any_store)
    recorder.record(event(1, time=NOW + 0.000123))
    (row,) = recorder.query.telling("app_1")
    assert row.time == dt.datetime(2026, 11, 18, 11, 6, 40, 123, tzinfo=dt.UTC)


def test_what_is_asked_often_has_an_index(store: Store) -> None:
    order = {"client": "ORDER BY time DESC", "application": "ORDER BY time DESC", "id": ""}
    with store.read() as conn:
        for column, tail in order.items():
            statement = f"EXPLAIN QUERY PLAN SELECT line FROM apiguard_access_event WHERE {column} = 'x' {tail}"
            plan = [row.detail for row in conn.execute(sa.text(statement))]
            assert len(plan) == 1
            assert "USING INDEX" in plan[0]


def test_what_an_application_showed_is_found_in_steps_that_grow_with_kinds_and_not_with_calls(
    any_store: Store, make_recorder: Make
) -> None:
    recorder = make_recorder(any_store)
    for number in range(600):
        status, reason = ((200, "gate:request:allowed"), (403, "gate:scope:missing"))[number % 2]
        recorder.record(event(number, time=NOW + number, environment="sandbox", status=status, reason=reason))
    recorder.settle()
    asked: list[str] = []
    sa.event.listen(any_store.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    assert [row.id for row in recorder.query.telling("app_1", "sandbox")] == ["req_0", "req_1", "req_2"]
    looks = [statement for statement in asked if "need" in statement]
    assert len(looks) <= 6
    if any_store.dialect == "sqlite":
        with any_store.read() as conn:
            for statement in looks:
                plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (None,) * statement.count("?")).all()
                assert "sandbox_kinds" in plan[0].detail, plan
                assert "SCAN" not in plan[0].detail
