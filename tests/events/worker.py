"""What the tests' child processes do. Every argument is a text."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

from flask_apiguard.clock import Clock
from flask_apiguard.db import EVENTS, Store
from flask_apiguard.errors import StoreAway
from flask_apiguard.events import Recorder

from .making import event


def say(text: str) -> None:
    """One write, so that it reaches the pipe whole or not at all."""
    os.write(1, text.encode() + b"\n")


def recorder(folder: str, url: str, **options: object) -> Recorder:
    clock = Clock()
    return Recorder(Path(folder), Store(EVENTS, lambda: url, clock.now), clock, **options)  # type: ignore[arg-type]


def endless(folder: str, url: str, name: str) -> None:
    """Record until killed; each id is told once it is recorded."""
    mine = recorder(folder, url, rotate_at=20_000)
    for number in range(1_000_000):
        mine.record(event(f"{name}_{number}"))
        say(f"req_{name}_{number}")


def some(folder: str, url: str, name: str, count: str) -> None:
    """Record a number of events and end without saying goodbye."""
    mine = recorder(folder, url, rotate_at=50_000)
    for number in range(int(count)):
        mine.record(event(f"{name}_{number}"))
        if number % 50 == 0:
            time.sleep(0.001)
    os._exit(0)


def forking(folder: str, url: str) -> None:
    """Record, fork while the writer runs, record on both sides."""
    mine = recorder(folder, url)
    for number in range(20):
        mine.record(event(f"before_{number}"))
    children = []
    for child in range(3):
        pid = os.fork()
        if pid == 0:
            for number in range(50):
                mine.record(event(f"child{child}_{number}"))
            time.sleep(0.1)
            os._exit(0)
        children.append(pid)
        mine.record(event(f"parent_{child}"))
    codes = [os.waitpid(pid, 0)[1] for pid in children]
    mine.close()
    say(str(codes))
    os._exit(0)


def full(folder: str, url: str, away: str) -> None:
    """Record into a disk that takes 5000 bytes per file, then into one that has room again."""
    mine = recorder(folder, url, away=away, background=False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
    for number in range(20):
        try:
            mine.record(event(number))
            say(f"taken req_{number}")
        except StoreAway as error:
            say(f"refused {error.store}")
    say(f"lost {mine.lost}")
    try:
        mine.ready()
        say("ready")
    except StoreAway:
        say("not ready")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    mine.ready()
    mine.record(event("after"))
    say(f"lost {mine.lost}")
    mine.settle()
    mine.close()
    os._exit(0)


def leaving_a_child(folder: str, url: str) -> None:
    """Record, fork a child that never records, tell its id, and be gone."""
    mine = recorder(folder, url, background=False)
    mine.record(event("parent"))
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    say(str(pid))
    os._exit(0)
