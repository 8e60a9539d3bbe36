"""Sinks get every event at least once, at their own pace; what fails for good is put aside and seen."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.contracts import EventSink
from flask_apiguard.db import Store
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.events import JsonLinesSink, NullSink, Recorder
from flask_apiguard.events.delivery import HELPING, TRIES
from flask_apiguard.events.tables import dead_event
from flask_apiguard.values import Phase
from tests.waiting import wait_for

from .making import event

Make = Callable[..., Recorder]


class Picky:
    """Takes everything except the ids it was told to refuse; `down` refuses everything."""

    def __init__(self, *refused: str, required: bool = False) -> None:
        self.name = "picky"
        self.required = required
        self.refused = set(refused)
        self.down = False
        self.taken: list[str] = []

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        ids = [event["id"] for event in events]
        if self.down or self.refused & set(ids):
            raise OSError("I do not take this")
        self.taken += ids


def test_our_sinks_fulfil_the_contract() -> None:
    assert isinstance(NullSink(), EventSink)
    assert isinstance(JsonLinesSink("x"), EventSink)


def test_two_sinks_of_one_name_are_refused_at_start(store: Store, make_recorder: Make) -> None:
    with pytest.raises(ConfigurationError, match="null"):
        make_recorder(store, sinks=[NullSink(), NullSink()])


def test_a_sink_gets_every_event_in_order(any_store: Store, make_recorder: Make) -> None:
    sink = Picky()
    recorder = make_recorder(any_store, sinks=[sink])
    for number in range(HELPING + 3):
        recorder.record(event(number))
    recorder.settle()
    assert sink.taken == [f"req_{number}" for number in range(HELPING + 3)]
    recorder.record(event("next"))
    recorder.settle()
    assert sink.taken[HELPING + 3 :] == ["req_next"]
    (lag,) = recorder.lag()
    assert (lag.waiting, lag.behind, lag.dead, lag.error) == (0, dt.timedelta(), 0, "")


def test_a_sink_that_is_down_is_left_alone_for_a_growing_while(
    any_store: Store, make_recorder: Make, clock: Clock
) -> None:
    sink = Picky()
    sink.down = True
    recorder = make_recorder(any_store, sinks=[sink])
    recorder.record(event(1, time=clock.time()))
    recorder.settle()
    clock.advance(0.5)
    assert recorder.deliver() == 0
    (lag,) = recorder.lag()
    assert (lag.waiting, lag.attempts, lag.error) == (1, 1, "OSError: I do not take this")
    clock.advance(0.6)
    recorder.deliver()
    assert recorder.lag()[0].attempts == 2
    clock.advance(1.1)
    recorder.deliver()
    assert recorder.lag()[0].attempts == 2
    sink.down = False
    clock.advance(1)
    assert recorder.deliver() == 1
    assert recorder.lag()[0].attempts == 0


def test_one_poisonous_event_is_put_aside_and_the_rest_goes_on(
    any_store: Store, make_recorder: Make, clock: Clock
) -> None:
    sink = Picky("req_5")
    recorder = make_recorder(any_store, sinks=[sink])
    for number in range(10):
        recorder.record(event(number))
    recorder.settle()
    for _ in range(2 * TRIES):
        clock.advance(400)
        recorder.deliver()
    # At least once: the one that showed the sink to be well came again with the rest.
    assert list(dict.fromkeys(sink.taken)) == [f"req_{number}" for number in range(10) if number != 5]
    with any_store.read() as conn:
        (dead,) = conn.execute(sa.select(dead_event)).all()
    assert (dead.sink, json.loads(dead.line)["id"]) == ("picky", "req_5")
    assert recorder.lag()[0].dead == 1


def test_a_sink_that_is_away_for_long_loses_nothing(any_store: Store, make_recorder: Make, clock: Clock) -> None:
    sink = Picky()
    sink.down = True
    recorder = make_recorder(any_store, sinks=[sink])
    for number in range(20):
        recorder.record(event(number))
    recorder.settle()
    for _ in range(3 * TRIES):
        clock.advance(400)
        recorder.deliver()
    sink.down = False
    clock.advance(400)
    assert recorder.deliver() == 20
    assert sink.taken == [f"req_{number}" for number in range(20)]
    assert recorder.lag()[0].dead == 0


def test_two_processes_do_not_serve_one_sink_at_once(any_store: Store, make_recorder: Make, clock: Clock) -> None:
    class Nested(Picky):
        def write(self, events: Sequence[Mapping[str, Any]]) -> None:
            super().write(events)
            assert other.deliver() == 0

    sink = Nested()
    recorder, other = make_recorder(any_store, sinks=[sink]), make_recorder(any_store, sinks=[sink])
    recorder.record(event(1))
    recorder.settle()
    assert sink.taken == ["req_1"]
    assert recorder.lag()[0].waiting == 0


def test_a_required_sink_waits_for_ever(any_store: Store, make_recorder: Make, clock: Clock) -> None:
    sink = Picky("req_0", required=True)
    recorder = make_recorder(any_store, sinks=[sink])
    recorder.record(event(0))
    recorder.settle()
    for _ in range(2 * TRIES):
        clock.advance(400)
        recorder.deliver()
    (lag,) = recorder.lag()
    assert (lag.waiting, lag.dead) == (1, 0)
    sink.refused.clear()
    clock.advance(400)
    recorder.deliver()
    assert sink.taken == ["req_0"]


def test_json_lines_speak_ecs(store: Store, make_recorder: Make, tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "access.json"
    recorder = make_recorder(store, sinks=[JsonLinesSink(path)])
    recorder.record(event(1, trace="0af7651916cd43dd8448eb211c80319c"))
    recorder.record(event(2, phase=Phase.OPENED, status=403, allowed=False))
    recorder.settle()
    first, second = map(json.loads, path.read_text().splitlines())
    assert {
        "@timestamp": "2026-11-18T11:06:40.000000Z",
        "event.id": "req_1",
        "event.action": "api-call",
        "event.outcome": "success",
        "event.duration": 812_000,
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.path": "/api/v1/orders/1",
        "client.address": "203.0.113.7",
        "user_agent.original": "python-requests/2.32",
        "trace.id": "0af7651916cd43dd8448eb211c80319c",
        "labels.client": "cli_1",
        "labels.first_party": "false",
    }.items() <= first.items()
    assert (second["event.action"], second["event.outcome"]) == ("api-opened", "failure")
    assert "trace.id" not in second


def test_json_lines_go_on_under_the_old_name_after_a_rotation(tmp_path: Path) -> None:
    sink = JsonLinesSink(tmp_path / "access.json")
    batch = [{"id": "1", "phase": "call", "allowed": True, "status": 200, "latency": 1}]
    sink.write(batch)
    (tmp_path / "access.json").rename(tmp_path / "access.json.1")
    sink.write(batch)
    assert (tmp_path / "access.json").read_text() == (tmp_path / "access.json.1").read_text()


def test_json_lines_repair_what_a_full_disk_tore(tmp_path: Path) -> None:
    (tmp_path / "access.json").write_text('{"event.id":"to')
    JsonLinesSink(tmp_path / "access.json").write(
        [{"id": "1", "phase": "call", "allowed": True, "status": 200, "latency": 1}]
    )
    torn, whole = (tmp_path / "access.json").read_text().splitlines()
    assert torn == '{"event.id":"to'
    assert json.loads(whole)["event.id"] == "1"


def test_a_sink_is_served_beside_the_requests(store: Store, make_recorder: Make, tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    recorder = make_recorder(store, sinks=[JsonLinesSink(path)], background=True)
    recorder.record(event(1))
    wait_for(lambda: path.exists() and path.read_text())
    assert json.loads(path.read_text())["event.id"] == "req_1"
