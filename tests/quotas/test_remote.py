"""Counting on a real Valkey server."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flask_apiguard.errors import ConfigurationError, StoreAway
from flask_apiguard.quotas import Demand, Valkey
from tests.quotas.worker import HOUR, NOW, demands
from tests.waiting import PATIENCE

WORKER = Path(__file__).with_name("worker.py")


def test_of_five_hundred_calls_in_four_processes_exactly_a_hundred_pass(valkey_url: str) -> None:
    command = [sys.executable, str(WORKER), "count", valkey_url, "100", "25", "5", "4"]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True).stdout
    assert sum(map(int, out.split())) == 100


def test_one_call_is_one_round_trip(valkey, valkey_url: str) -> None:
    counter = Valkey(valkey_url)
    counter.take(demands(10), NOW)
    counter.take(demands(10), NOW)
    before = _calls(valkey)
    for _ in range(10):
        counter.take([*demands(10), Demand(b"{c}/third", 5, HOUR)], NOW)
    assert _calls(valkey) - before == 10
    counter.close()


def _calls(valkey) -> int:
    """How many scripts the server ran; `INFO` answers with a bulk string, so the client reads it."""
    import redis

    with redis.Redis.from_url(valkey.url) as client:
        found = client.info("commandstats")
    return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))


def test_a_script_that_the_server_forgot_is_sent_again(valkey, valkey_url: str) -> None:
    counter = Valkey(valkey_url)
    counter.take(demands(10), NOW)
    valkey.command("SCRIPT", "FLUSH")
    assert counter.take(demands(10), NOW)[0].used == 2
    counter.close()


def test_counts_expire_on_the_server(valkey_url: str) -> None:
    import redis

    counter = Valkey(valkey_url)
    counter.take([Demand(b"{c}/rate", 5, HOUR), Demand(b"{c}/quota", 5, 2 * HOUR, int(NOW * 1000) + HOUR)], NOW)
    with redis.Redis.from_url(valkey_url) as client:
        assert HOUR < client.pttl("apiguard:{c}/rate") <= 2 * HOUR
        assert 0 < client.pttl("apiguard:{c}/quota") <= HOUR
    counter.close()


def test_nobody_waits_again_for_a_server_that_was_just_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_apiguard.quotas.remote.PAUSE_SECONDS", 1e9)
    counter, called = Valkey("redis://127.0.0.1:1/0"), []
    real = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda *about: called.append(about) or real(*about))
    with pytest.raises(StoreAway):
        counter.take(demands(5), NOW)
    assert called
    called.clear()
    for _ in range(100):
        with pytest.raises(StoreAway):
            counter.take(demands(5), NOW)
    assert not called
    counter._pause_until = 0.0
    with pytest.raises(StoreAway):
        counter.take(demands(5), NOW)
    assert called, "after the pause it is asked again"
    assert "secret" not in repr(Valkey("redis://:secret@127.0.0.1/0"))


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"Flask-APIGuard\[redis\]"):
        Valkey("redis://127.0.0.1/0").take(demands(5), NOW)
