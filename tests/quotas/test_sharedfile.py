"""The counter file: exact between processes and threads, and whole whatever happens to it."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flask_apiguard.errors import StoreAway
from flask_apiguard.quotas import Demand, SharedFile, table, tablefile
from tests.quotas.worker import HOUR, NOW, demands
from tests.waiting import PATIENCE, wait_for

WORKER = Path(__file__).with_name("worker.py")


@contextmanager
def crew(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as foreman:
        yield foreman
        assert foreman.stdin is not None
        foreman.stdin.close()
        assert foreman.wait(PATIENCE) == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counters"


@pytest.fixture
def shared(path: Path):
    made = SharedFile(path, slots_at_first=16, slots_at_most=256)
    yield made
    made.close()


def used(counter: SharedFile, *wanted: Demand, now: float = NOW) -> list[int]:
    return [one.used for one in counter.take([one._replace(cost=0) for one in wanted], now)]


def test_of_five_hundred_calls_in_four_processes_exactly_a_hundred_pass(path: Path) -> None:
    with crew("count", path, 100, 25, 5, 4) as foreman:
        assert sum(map(int, foreman.stdout)) == 100
    counter = SharedFile(path)
    assert used(counter, *demands(100)) == [100, 100]
    counter.close()


def test_threads_of_several_counters_on_one_file_lose_nothing(path: Path) -> None:
    counters = [SharedFile(path, slots_at_first=16) for _ in range(3)]

    def run(counter: SharedFile, number: int) -> None:
        for turn in range(100):
            counter.take([*demands(10**6), Demand(b"%d/%d" % (number, turn), 1, HOUR)], NOW)

    crew = [threading.Thread(target=run, args=(counters[number % 3], number)) for number in range(6)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    assert used(counters[0], *demands(10**6)) == [600, 600]
    for counter in counters:
        counter.close()


def test_killed_at_any_moment_the_file_stays_whole_and_unlocked(path: Path) -> None:
    chance = random.Random(7)
    counter = SharedFile(path, slots_at_first=16, slots_at_most=4096)

    def counted() -> list[int]:
        return used(counter, *demands(10**9))

    before = [0, 0]
    with crew("die", path) as foreman:
        for turn in range(12):
            foreman.stdin.write("go\n")
            foreman.stdin.flush()
            pids = [int(pid) for pid in foreman.stdout.readline().split()]
            try:
                wait_for(lambda then=before: all(now > one for now, one in zip(counted(), then, strict=True)))
                time.sleep(chance.uniform(0, 0.1))
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
            after = counted()
            assert all(now > then for now, then in zip(after, before, strict=True)), "nothing counted is lost"
            assert 0 <= after[0] - after[1] <= 2 * (turn + 1), "only calls that were cut short were counted in part"
            taken = counter.take(demands(10**9), NOW)
            assert [one.used for one in taken] == [number + 1 for number in after]
            before = [number + 1 for number in after]
    counter.close()


def test_one_killed_while_it_takes_back_leaves_the_first_few_counted(
    shared: SharedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = [Demand(b"%d" % number, 10, HOUR) for number in range(3)]
    shared.take(three, NOW)
    add = table.Table.add
    lives = iter([True, False])

    def killed(opened: table.Table, place: int, cost: int) -> None:
        if not next(lives):
            raise KeyboardInterrupt
        add(opened, place, cost)

    with monkeypatch.context() as patched:
        patched.setattr(table.Table, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            shared.take([*three, Demand(b"new", 10, HOUR)], NOW)
    assert used(shared, *three) == [2, 2, 1]


KILLED = """
import mmap, sys
from flask_apiguard.quotas import table
with open(sys.argv[1], "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 64)
print("ready", flush=True)
count = 1 << 40
while True:
    count += 1
    {}
"""


@pytest.mark.parametrize("store", ["table.write_count(mapped, 8, count)", "mapped[24:32] = table.count_of(count)"])
def test_a_count_is_the_old_or_the_new_one_whoever_is_killed_at_it(tmp_path: Path, store: str) -> None:
    path = tmp_path / "count"
    chance = random.Random(11)
    for _ in range(25):
        path.write_bytes(bytes(64))
        command = [sys.executable, "-c", KILLED.format("\n    ".join([store] * 50)), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.001, 0.01))
            killed.kill()
        assert int.from_bytes(path.read_bytes()[24:32], "little") > 1 << 40


def test_a_slot_half_written_is_read_as_it_was(shared: SharedFile, path: Path) -> None:
    one = Demand(b"k", 10, HOUR)
    shared.take([one], NOW)
    place, _ = shared._places[b"k"]
    kept = shared._table.read(place)
    assert path.read_bytes()[place + table.STATE_AT] == table.SECOND
    with path.open("r+b") as file:  # the invalid half in tatters: a process died before it flipped the state
        file.seek(place + table.WINDOW_AT[table.FIRST])
        file.write(b"\xff" * 19)
    assert shared._table.read(place) == kept
    assert shared.take([one], NOW)[0].used == 2


def test_a_file_whose_maker_died_is_made_anew(shared: SharedFile, path: Path) -> None:
    path.write_bytes(bytes(100))
    assert shared.take(demands(5), NOW)[0].used == 1


def test_a_growth_whose_maker_died_before_the_rename_changes_nothing(shared: SharedFile, path: Path) -> None:
    shared.take(demands(5), NOW)
    shared._table.moved = True
    path.with_name(path.name + ".new").write_bytes(b"half a file")
    assert shared.take(demands(5), NOW)[0].used == 2
    assert not shared._table.moved


def test_growing_keeps_every_count_and_tells_the_others(path: Path) -> None:
    one = SharedFile(path, slots_at_first=4, slots_at_most=1024)
    other = SharedFile(path, slots_at_first=4, slots_at_most=1024)
    wanted = [Demand(b"key %d" % number, 10, HOUR) for number in range(300)]
    for counter in (one, other):
        for number, demand in enumerate(wanted):
            for _ in range(1 + number % 2):
                counter.take([demand], NOW)
    for counter in (one, other):
        assert used(counter, *wanted) == [2 * (1 + number % 2) for number in range(300)]
        counter.close()
    assert path.stat().st_size == table.size_of(512)


def test_at_its_bound_the_file_refuses_new_keys_and_forgets_none(shared: SharedFile) -> None:
    made = 0
    with pytest.raises(StoreAway):
        for made in range(1000):
            shared.take([Demand(b"flood %d" % made, 5, HOUR)], NOW)
    assert made > 200
    assert used(shared, *[Demand(b"flood %d" % number, 5, HOUR) for number in range(made)]) == [1] * made
    assert shared.take([Demand(b"flood 3", 5, HOUR)], NOW)[0].used == 2


def test_what_has_expired_makes_room(shared: SharedFile, path: Path) -> None:
    for number in range(5000):
        shared.take([Demand(b"%d" % number, 5, 1000), Demand(b"quota %d" % number, 5, 1000, _end(number))], _at(number))
    assert path.stat().st_size <= table.size_of(256)


def _at(number: int) -> float:
    return NOW + number * 0.05


def _end(number: int) -> int:
    at = int(_at(number) * 1000)
    return at - at % 1000 + 1000


def test_a_call_never_gives_a_slot_away_that_it_is_about_to_write(path: Path) -> None:
    chance = random.Random(3)
    counter = SharedFile(path, slots_at_first=4, slots_at_most=16)
    now = NOW
    for _ in range(3000):
        now += chance.choice([0, 0.3, 5])
        keys = chance.sample(range(12), 3)
        wanted = [Demand(b"%d" % key, 10**6, 1000) for key in keys]
        before = used(counter, *wanted, now=now)
        assert [one.used for one in counter.take(wanted, now)] == [number + 1 for number in before]
    counter.close()


def test_a_deleted_file_is_made_again(shared: SharedFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tablefile, "INODE_SECONDS", 0.0)
    shared.take(demands(5), NOW)
    path.unlink()
    shared._look_again = 0.0
    assert shared.take(demands(5), NOW)[0].used == 1
    assert path.exists()


def test_a_replaced_file_is_noticed_within_a_second(shared: SharedFile, path: Path, tmp_path: Path) -> None:
    shared.take(demands(9), NOW)
    shutil.copy(path, tmp_path / "saved")
    shared.take(demands(9), NOW)
    os.replace(tmp_path / "saved", path)
    time.sleep(tablefile.INODE_SECONDS)
    assert used(shared, *demands(9)) == [1, 1]


def test_a_forked_child_opens_the_file_itself(shared: SharedFile) -> None:
    shared.take(demands(50), NOW)
    inherited = shared._fd
    child = os.fork()
    if child == 0:
        status = 1
        try:
            open_still = os.path.realpath(f"/proc/self/fd/{inherited}") == str(shared.path)
            answer = shared.take(demands(50), NOW)
            status = 0 if answer[0].used == 2 and not open_still else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert used(shared, *demands(50)) == [2, 2]


def test_somebody_elses_file_is_left_alone(shared: SharedFile, path: Path) -> None:
    path.write_text("the only copy of a novel")
    with pytest.raises(StoreAway) as caught:
        shared.take(demands(5), NOW)
    assert "is not a counter file" in str(caught.value.__cause__)
    assert path.read_text() == "the only copy of a novel"


def test_a_file_cut_short_is_said_to_be_so(shared: SharedFile, path: Path) -> None:
    shared.take(demands(5), NOW)
    shared.close()
    os.truncate(path, 200)
    with pytest.raises(StoreAway) as caught:
        shared.take(demands(5), NOW)
    assert "cut short" in str(caught.value.__cause__)


def test_a_folder_that_is_not_there_is_a_store_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(StoreAway):
        SharedFile(tmp_path / "none" / "counters").take(demands(5), NOW)


def test_nothing_is_opened_before_the_first_call(path: Path) -> None:
    SharedFile(path)
    assert not path.exists()


def test_a_counter_that_is_dropped_closes_its_file(path: Path) -> None:
    def opened() -> int:
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == str(path) for fd in os.listdir("/proc/self/fd"))

    counter = SharedFile(path)
    counter.take(demands(5), NOW)
    assert opened()
    del counter
    gc.collect()
    assert not opened()


def test_clearing_reaches_the_other_processes(shared: SharedFile, path: Path) -> None:
    other = SharedFile(path)
    other.take(demands(5), NOW)
    shared.clear()
    assert used(other, *demands(5)) == [0, 0]
    other.close()
