"""What several processes record, and what is left when they are killed: each event is there, once."""

from __future__ import annotations

import ast
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.db import Store
from flask_apiguard.events import LOST, Recorder
from flask_apiguard.events.spool import files
from flask_apiguard.events.tables import access_event
from tests.waiting import wait_for

from . import worker

Make = Callable[..., Recorder]
Start = Callable[..., "Child"]


class Child:
    """A forked process that does one of the worker's tasks; ``output`` is what it says. Importing anew takes longer.

    Made by the fixture ``start``, which leaves none behind.
    """

    def __init__(self, task: Callable[..., None], *arguments: object) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(writing, 1)
                task(*map(str, arguments))
            finally:
                os._exit(1)  # a task ends by itself; never back into the test
        os.close(writing)
        self.output = open(reading, "rb")  # noqa: SIM115 - closed by `wait`
        self.code: int | None = None

    def line(self) -> str:
        return self.output.readline().decode().strip()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def wait(self) -> list[str]:
        """The lines not read yet, at the end of the process."""
        rest = self.output.read().decode().split("\n")[:-1]
        self.output.close()
        wait_for(self.ended)
        return rest


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(task, *arguments)` forks a child; those that still run at the end are killed."""
    made: list[Child] = []

    def starting(task: Callable[..., None], *arguments: object) -> Child:
        made.append(Child(task, *arguments))
        return made[-1]

    yield starting
    for child in made:
        if not child.ended():
            child.kill()
        if not child.output.closed:
            child.wait()


def url_of(store: Store) -> str:
    return store.engine.url.render_as_string(hide_password=False)


def ids(store: Store) -> list[str]:
    with store.read() as conn:
        return list(conn.execute(sa.select(access_event.c.id).order_by(access_event.c.id)).scalars())


def test_every_record_that_returned_survives_kill_9_exactly_once(
    any_store: Store, make_recorder: Make, spool_folder: Path, start: Start
) -> None:
    any_store.open()
    told: list[str] = []
    for life in range(6):
        child = start(worker.endless, spool_folder, url_of(any_store), life)
        told += [child.line() for _ in range(random.randint(20, 300))]
        child.kill()
        told += child.wait()
    recorder = make_recorder(any_store)
    assert recorder.settle()
    stored = ids(any_store)
    assert len(stored) == len(set(stored))
    # At most one more per life: recorded, and killed before it could tell.
    assert set(told) <= set(stored)
    assert len(stored) - len(told) <= 6
    assert files(spool_folder) == []
    assert recorder.verify()


def test_four_processes_at_once_lose_and_double_nothing(
    any_store: Store, make_recorder: Make, spool_folder: Path, start: Start
) -> None:
    any_store.open()
    children = [start(worker.some, spool_folder, url_of(any_store), name, 300) for name in "abcd"]
    recorder = make_recorder(any_store)
    while not all(child.ended() for child in children):
        recorder.settle()  # a fifth at the same files, all the while
        time.sleep(0.01)
    for child in children:
        child.wait()
        assert child.code == 0
    assert recorder.settle()
    assert ids(any_store) == sorted(f"req_{name}_{number}" for name in "abcd" for number in range(300))
    assert recorder.verify()
    assert files(spool_folder) == []


def test_after_a_fork_each_side_writes_its_own_file(
    store: Store, make_recorder: Make, spool_folder: Path, start: Start
) -> None:
    store.open()
    (said,) = start(worker.forking, spool_folder, url_of(store)).wait()
    assert ast.literal_eval(said) == [0, 0, 0]
    recorder = make_recorder(store)
    recorder.settle()
    expected = [f"req_before_{number}" for number in range(20)] + [f"req_parent_{child}" for child in range(3)]
    expected += [f"req_child{child}_{number}" for child in range(3) for number in range(50)]
    assert ids(store) == sorted(expected)
    assert files(spool_folder) == []
    assert recorder.verify()


@pytest.mark.parametrize("away", ["closed", "open"])
def test_a_full_disk_is_refused_or_counted_and_the_count_goes_on_record(
    away: str, store: Store, make_recorder: Make, spool_folder: Path, start: Start
) -> None:
    store.open()
    said = start(worker.full, spool_folder, url_of(store), away).wait()
    taken = [line.removeprefix("taken ") for line in said if line.startswith("taken")]
    recorder = make_recorder(store)
    (lost,) = recorder.query.calls(reason=LOST).events
    stored = [name for name in ids(store) if name.startswith("req_")]
    count = int(lost["need"])
    assert count > 10
    assert f"lost {count}" in said
    assert said[-1] == "lost 0"
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
    store: Store, make_recorder: Make, spool_folder: Path, start: Start
) -> None:
    store.open()
    nowhere = "sqlite:////nowhere/at/all.db"
    start(worker.some, spool_folder, nowhere, "dead", 3).wait()
    living = start(worker.endless, spool_folder, nowhere, "living")
    living.line()
    make_recorder(store).settle()
    assert {f"req_dead_{number}" for number in range(3)} <= set(ids(store))
    assert "req_living_0" in ids(store)
    # The living goes on rotating meanwhile: its files may be several, or none just now; the dead one's are gone.
    assert {path.name.split("-")[0] for path in files(spool_folder)} <= {str(living.pid)}
    living.kill()
    living.wait()


def test_an_inherited_file_does_not_keep_a_dead_parents_spool_from_adoption(
    store: Store, make_recorder: Make, spool_folder: Path, start: Start
) -> None:
    parent = start(worker.leaving_a_child, spool_folder, url_of(store))
    child = int(parent.line())
    try:
        wait_for(parent.ended)
        make_recorder(store).settle()
        assert ids(store) == ["req_parent"]
        assert files(spool_folder) == []
    finally:
        os.kill(child, signal.SIGKILL)
        parent.wait()
