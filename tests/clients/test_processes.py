"""Four processes append at once: whoever looks on meanwhile is told every single change, once and in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flask_apiguard.clients import Watch
from flask_apiguard.db import Store
from tests.clients.test_watch import Told
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
PROCESSES, EACH = 4, 15


def test_no_change_is_missed_while_four_processes_append(any_store: Store) -> None:
    url = any_store.engine.url.render_as_string(hide_password=False)
    any_store.open()
    watch = Watch(any_store, interval=0.0)
    told = Told(watch)
    watch.look()
    told.since()
    command = [sys.executable, "-m", "tests.clients.appender", url]
    others = [subprocess.Popen([*command, str(name), str(EACH)], cwd=ROOT) for name in range(PROCESSES)]
    try:

        def look() -> bool:
            watch.look()
            return all(other.poll() is not None for other in others)

        wait_for(look)
        watch.look()
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert [other.returncode for other in others] == [0] * PROCESSES
    said = told.since()
    assert sorted(said) == sorted(f"client:{name}-{number}" for name in range(PROCESSES) for number in range(EACH))
    for name in range(PROCESSES):
        own = [subject for subject in said if subject.startswith(f"client:{name}-")]
        assert own == [f"client:{name}-{number}" for number in range(EACH)]
    watch.close()
