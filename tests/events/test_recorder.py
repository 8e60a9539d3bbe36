"""The recorder in one process: rotation, bounds, stores that are away, threads that leave."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.db import EVENTS, Store
from flask_apiguard.errors import StoreAway
from flask_apiguard.events import LOST, SETTINGS, Recorder
from flask_apiguard.events.line import encode
from flask_apiguard.events.spool import SUFFIX, WINDOW, Spool, files
from flask_apiguard.events.tables import access_event, dead_event
from flask_apiguard.settings import resolve
from tests.waiting import wait_for

from .making import event

Make = Callable[..., Recorder]


def count(store: Store) -> int:
    with store.read() as conn:
        return conn.execute(sa.select(sa.func.count()).select_from(access_event)).scalar_one()


def test_nothing_is_opened_before_the_first_record(store: Store, make_recorder: Make, spool_folder: Path) -> None:
    before = set(threading.enumerate())
    make_recorder(store, background=True)
    assert not spool_folder.exists()
    assert set(threading.enumerate()) <= before


def test_an_event_becomes_queryable_by_itself(store: Store, make_recorder: Make) -> None:
    store.open()
    recorder = make_recorder(store, background=True)
    recorder.record(event(1))
    wait_for(lambda: count(store) == 1)
    recorder.close()
    recorder.record(event(2))  # after a close it begins anew
    wait_for(lambda: count(store) == 2)


def test_the_writer_rests_and_is_roused(store: Store, make_recorder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_IDLE_ROUNDS": 2, "PACE": 0.02, "REST": 0.1}.items():
        monkeypatch.setattr(f"flask_apiguard.events.recorder.{name}", value)
    store.open()
    recorder = make_recorder(store, background=True)
    for number in range(5):
        recorder.record(event(number))
        wait_for(lambda number=number: count(store) == number + 1)
        wait_for(lambda: recorder._resting)


def test_an_append_is_a_copy_and_no_system_call(spool_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(spool_folder)
    spool.append(b"first")
    for name in ("write", "pwrite", "writev", "open", "posix_fallocate"):
        monkeypatch.setattr(os, name, None)
    spool.append(b"second")
    monkeypatch.undo()
    path = spool.path
    assert path is not None
    assert path.read_bytes().rstrip(b"\0") == b"first\nsecond\n"
    assert path.stat().st_mode & 0o777 == 0o600
    spool.close()
    assert path.read_bytes() == b"first\nsecond\n"


def test_a_file_goes_on_in_window_after_window(store: Store, make_recorder: Make, spool_folder: Path) -> None:
    recorder = make_recorder(store)
    each = len(encode(event("00000"))) + 1
    many = 3 * WINDOW // each
    for number in range(many):
        recorder.record(event(f"{number:05}"))
    (path,) = files(spool_folder)
    assert path.stat().st_size in (3 * WINDOW, 4 * WINDOW)
    assert recorder.settle()
    assert count(store) == many
    recorder.close()
    assert recorder.verify()


def test_a_line_longer_than_a_window_gets_one_of_its_own_size(spool_folder: Path) -> None:
    spool = Spool(spool_folder)
    lines = [b"first", b"x" * (WINDOW + 5), b"last"]
    for line in lines:
        spool.append(line)
    path, written = spool.written()
    assert path is not None
    assert [piece for piece in path.read_bytes()[:written].split(b"\n") if piece] == lines
    spool.close()


def test_who_is_interrupted_at_an_append_loses_nobody_elses_line(
    store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    recorder = make_recorder(store)
    recorder.record(event(1))
    spool = recorder._spool
    spool._at += 700  # where the interrupt came: the place was taken, nothing was copied
    recorder.record(event(2))
    assert recorder.settle()
    assert count(store) == 2


def test_of_a_living_neighbours_file_nothing_is_taken_that_may_still_be_written(
    store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    spool_folder.mkdir()
    whole = encode(event(2)) + b"\n"
    half = whole[:40] + b"\0" * (len(whole) - 41) + b"\n"  # what another processor may see of a copy
    with (spool_folder / f"1-living{SUFFIX}").open("wb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(encode(event(1)) + b"\n" + half)
        file.flush()
        recorder = make_recorder(store)
        recorder.settle()
        assert count(store) == 1
        file.seek(-len(half), os.SEEK_END)
        file.write(whole)
        file.flush()
        recorder.settle()
        assert count(store) == 2


def test_files_rotate_by_size_and_go_once_they_are_shipped(
    store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    recorder = make_recorder(store, rotate_at=3000)
    for number in range(50):
        recorder.record(event(number))
    assert len(files(spool_folder)) > 5
    recorder.settle()
    assert count(store) == 50
    assert len(files(spool_folder)) == 1
    recorder.close()
    assert files(spool_folder) == []


def test_many_threads_share_one_file(store: Store, make_recorder: Make) -> None:
    recorder = make_recorder(store, background=True, rotate_at=20_000)

    def work(name: int) -> None:
        for number in range(100):
            recorder.record(event(f"{name}_{number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.settle()
    assert count(store) == 600
    assert recorder.verify()


def test_a_spool_over_its_bound_refuses_until_it_was_shipped(store: Store, make_recorder: Make) -> None:
    recorder = make_recorder(store, hold_at_most=5000, rotate_at=1000)
    recorder.settle()
    with pytest.raises(StoreAway):
        for number in range(100):
            recorder.record(event(number))
            recorder._spool.measure()
    with pytest.raises(StoreAway):
        recorder.ready()
    recorder.settle()
    recorder.ready()
    recorder.record(event("after"))
    assert recorder.query.find("req_after")
    assert [lost["need"] for lost in recorder.query.calls(reason=LOST).events] == ["1"]


@pytest.mark.parametrize("away", ["closed", "open"])
def test_a_folder_that_became_a_file_closes_or_counts(
    away: str, store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    recorder = make_recorder(store, away=away)
    recorder.record(event(0))
    shutil.rmtree(spool_folder)
    spool_folder.write_text("not a folder")
    recorder.settle()
    assert count(store) == 1  # it was recorded: the open file still had it
    for number in (1, 2):
        if away == "closed":
            with pytest.raises(StoreAway, match="events"):
                recorder.record(event(number))
        else:
            recorder.record(event(number))
    assert recorder.lost == 2
    spool_folder.unlink()
    recorder.record(event(3))
    recorder.settle()
    assert recorder.lost == 0
    assert [lost["need"] for lost in recorder.query.calls(reason=LOST).events] == ["2"]
    assert count(store) == 3


def test_the_loss_goes_on_record_although_no_further_call_comes(
    store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    recorder = make_recorder(store, away="open")
    spool_folder.write_text("not a folder")
    recorder.record(event(1))
    spool_folder.unlink()
    assert [lost["need"] for lost in recorder.query.calls().events] == ["1"]


def test_an_event_store_that_is_away_costs_no_event(
    tmp_path: Path, clock: Clock, make_recorder: Make, caplog: pytest.LogCaptureFixture
) -> None:
    where = [f"sqlite:///{tmp_path}/events.db"]
    store = Store(EVENTS, lambda: where[0], clock.now)
    recorder = make_recorder(store, background=True)
    recorder.record(event(1))
    recorder.settle()
    store.close()
    where[0] = "postgresql://nobody@127.0.0.1:1/none"
    with caplog.at_level(logging.CRITICAL, "flask_apiguard.events"):
        recorder.record(event(2))
        with pytest.raises(StoreAway):
            recorder.settle()
        wait_for(lambda: recorder.trouble != "")
    store.close()
    where[0] = f"sqlite:///{tmp_path}/events.db"
    recorder.settle()
    assert count(store) == 2
    wait_for(lambda: recorder.trouble == "")
    recorder.close()
    store.close()


@pytest.mark.parametrize("torn", [b'{"time":"2026', b"\n", b"garbage\n", b'{"time":"2026\n'])
def test_a_torn_line_harms_no_other(store: Store, make_recorder: Make, spool_folder: Path, torn: bytes) -> None:
    spool_folder.mkdir()
    (spool_folder / f"1-dead{SUFFIX}").write_bytes(encode(event(1)) + b"\n" + torn)
    (spool_folder / f"2-dead{SUFFIX}").write_bytes(torn.rstrip(b"\n") + b"\n" + encode(event(2)) + b"\n" + torn)
    recorder = make_recorder(store)
    recorder.settle()
    assert count(store) == 2
    assert files(spool_folder) == []
    assert recorder.verify()


@pytest.mark.parametrize("poison", [b'{"time":"x,"v":1}', b'{"time":"2026-13-45T99","id":7,"network":"","v":1}'])
def test_a_line_that_the_store_refuses_is_put_aside(
    any_store: Store, make_recorder: Make, spool_folder: Path, poison: bytes
) -> None:
    spool_folder.mkdir()
    good = [encode(event(number)) for number in range(6)]
    (spool_folder / f"1-dead{SUFFIX}").write_bytes(b"\n".join([*good[:3], poison, *good[3:]]) + b"\n")
    recorder = make_recorder(any_store)
    recorder.settle()
    assert count(any_store) == 6
    with any_store.read() as conn:
        (dead,) = conn.execute(sa.select(dead_event)).all()
    assert (dead.sink, dead.line) == ("store", poison.decode())
    assert files(spool_folder) == []
    assert recorder.verify()


def test_a_recorder_that_nobody_holds_takes_its_threads_and_files_with_it(store: Store, spool_folder: Path) -> None:
    def open_files() -> list[str]:
        found = []
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):  # closed meanwhile
                found.append(os.readlink(f"/proc/self/fd/{name}"))
        return found

    store.open()
    before = set(threading.enumerate())
    gc.disable()  # no help from the collector of cycles
    try:
        recorder = Recorder(spool_folder, store, Clock())
        recorder.record(event(1))
        assert any(str(spool_folder) in name for name in open_files())
        wait_for(lambda: count(store) == 1)
        del recorder
        wait_for(lambda: set(threading.enumerate()) <= before)
        wait_for(lambda: not any(str(spool_folder) in name for name in open_files()))
    finally:
        gc.enable()


def test_settling_again_writes_nothing(store: Store, make_recorder: Make) -> None:
    recorder = make_recorder(store)
    recorder.record(event(1))
    recorder.settle()
    written = []
    sa.event.listen(store.engine, "begin", lambda conn: written.append(conn.get_execution_options()))
    recorder.settle()
    assert not any(options.get("apiguard_write") for options in written)


def test_every_setting_has_a_default_that_its_own_type_takes() -> None:
    settings = resolve({}, SETTINGS, {})
    for setting in SETTINGS:
        assert settings[setting] is None or setting.parse(settings[setting]) == settings[setting]
