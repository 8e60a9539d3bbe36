"""What several processes record, and what is left when they are killed: each event is there, once."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.db import Store
from flask_apiguard.events import LOST, Recorder
from flask_apiguard.events.spool import SUFFIX, files
from flask_apiguard.events.tables import access_event

ROOT = Path(__file__).parents[2]
Make = Callable[..., Recorder]


def start(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "error", "-m", "tests.events.worker", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def url_of(store: Store) -> str:
    return store.engine.url.render_as_string(hide_password=False)


def ids(store: Store) -> list[str]:
    with store.read() as conn:
        return list(conn.execute(sa.select(access_event.c.id).order_by(access_event.c.id)).scalars())


def test_every_record_that_returned_survives_kill_9_exactly_once(
    any_store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    any_store.open()
    told: list[str] = []
    for life in range(3):
        process = start("endless", spool_folder, url_of(any_store), life)
        assert process.stdout is not None
        told += [process.stdout.readline().decode().strip() for _ in range(random.randint(20, 400))]
        process.kill()
        told += process.stdout.read().decode().split("\n")[:-1]
        process.stdout.close()
        process.wait()
    recorder = make_recorder(any_store)
    assert recorder.settle()
    stored = ids(any_store)
    assert len(stored) == len(set(stored))
    # At most one more per life: recorded, and killed before it could tell.
    assert set(told) <= set(stored)
    assert len(stored) - len(told) <= 3
    assert files(spool_folder) == []
    assert recorder.verify()


def test_four_processes_at_once_lose_and_double_nothing(
    any_store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    any_store.open()
    processes = [start("some", spool_folder, url_of(any_store), name, 400) for name in "abcd"]
    recorder = make_recorder(any_store)
    while any(process.poll() is None for process in processes):
        recorder.settle()  # a fifth at the same files, all the while
        time.sleep(0.01)
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
        assert process.returncode == 0
    recorder.settle()
    assert ids(any_store) == sorted(f"req_{name}_{number}" for name in "abcd" for number in range(400))
    assert recorder.verify()
    assert files(spool_folder) == []


def test_after_a_fork_each_side_writes_its_own_file(store: Store, make_recorder: Make, spool_folder: Path) -> None:
    store.open()
    output, _ = start("forking", spool_folder, url_of(store)).communicate(timeout=30)
    assert ast.literal_eval(output.decode()) == [0, 0, 0]
    recorder = make_recorder(store)
    recorder.settle()
    expected = [f"req_before_{number}" for number in range(20)] + [f"req_parent_{child}" for child in range(3)]
    expected += [f"req_child{child}_{number}" for child in range(3) for number in range(50)]
    assert ids(store) == sorted(expected)
    assert files(spool_folder) == []
    assert recorder.verify()


@pytest.mark.parametrize("away", ["closed", "open"])
def test_a_full_disk_is_refused_or_counted_and_the_count_goes_on_record(
    away: str, store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    store.open()
    output, _ = start("full", spool_folder, url_of(store), away).communicate(timeout=30)
    said = output.decode().split("\n")
    taken = [line.removeprefix("taken ") for line in said if line.startswith("taken")]
    recorder = make_recorder(store)
    (lost,) = recorder.query.calls(reason=LOST).events
    stored = [name for name in ids(store) if name.startswith("req_")]
    count = int(lost["need"])
    assert count > 10
    assert f"lost {count}" in said
    assert said[-2] == "lost 0"
    if away == "closed":
        assert said.count("refused events") == count
        assert "not ready" in said
        assert stored == sorted([*taken, "req_after"])
    else:
        assert len(taken) == 20
        assert "ready" in said
        assert len(stored) == 21 - count
    assert recorder.verify()


def test_the_living_keep_their_files_and_the_dead_are_adopted(
    store: Store, make_recorder: Make, spool_folder: Path
) -> None:
    store.open()
    dead = start("some", spool_folder, "sqlite:////nowhere/at/all.db", "dead", 3)
    dead.communicate(timeout=30)
    living = start("endless", spool_folder, "sqlite:////nowhere/at/all.db", "living")
    assert living.stdout is not None
    living.stdout.readline()
    make_recorder(store).settle()
    assert {f"req_dead_{number}" for number in range(3)} <= set(ids(store))
    assert "req_living_0" in ids(store)
    assert {path.name.split("-")[0] for path in files(spool_folder)} == {str(living.pid)}
    assert all(path.name.endswith(SUFFIX) for path in files(spool_folder))
    living.kill()
    living.stdout.close()
    living.wait()
