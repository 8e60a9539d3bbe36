"""The last use of a credential is known, coarsely, and costs requests nothing."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.credentials import LastUse, Use, uses_of
from flask_apiguard.errors import StoreAway
from flask_apiguard.values import network_of
from tests.credentials.house import House
from tests.waiting import wait_for


def test_many_uses_are_one_row_with_the_last_of_them(any_house: House) -> None:
    last = LastUse(any_house.store, any_house.clock)
    credential, _ = any_house.key(any_house.client())
    at = any_house.clock.time()
    for number in range(5):
        last.touch(credential.id, f"/orders/{number}", "203.0.113.77", at + number)
    last.touch(None, "/x", "", any_house.clock.time())
    last.touch("tok_1", "/x", "", any_house.clock.time())
    assert last.flush() == 1
    assert last.flush() == 0
    with any_house.store.read() as conn:
        found = uses_of(conn, [credential.id, "cred_other"])[credential.id]
    assert (found.route, found.address_prefix) == ("/orders/4", "203.0.113.0/24")
    assert abs(found.last_used_at.timestamp() - at - 4) < 0.001


def test_an_older_use_never_overwrites_a_newer(any_house: House) -> None:
    ahead, behind = LastUse(any_house.store, any_house.clock), LastUse(any_house.store, any_house.clock)
    behind.touch("cred_1", "/old", "", any_house.clock.time())
    any_house.clock.advance(5)
    ahead.touch("cred_1", "/new", "", any_house.clock.time())
    ahead.flush()
    behind.flush()
    with any_house.store.read() as conn:
        assert uses_of(conn, ["cred_1"])["cred_1"].route == "/new"


def test_it_is_written_every_half_minute_or_when_no_more_are_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_apiguard.credentials.use.AT_MOST", 1000)
    last = LastUse(house.store, house.clock)

    def written() -> int:
        with house.store.read() as conn:
            return int(conn.exec_driver_sql("SELECT count(*) FROM apiguard_credential_use").scalar() or 0)

    last.touch("cred_a", "/", "", house.clock.time())
    assert written() == 0
    house.clock.advance(31)
    last.touch("cred_b", "/", "", house.clock.time())
    assert written() == 2
    for number in range(1000):
        last.touch(f"cred_{number:04}", "/" * 500, "2001:db8:1:2::3", house.clock.time())
    assert written() == 1002


def test_a_store_that_is_away_costs_no_request_and_loses_nothing(house: House) -> None:
    away = House("postgresql://nobody@127.0.0.1:1/nowhere", house.clock)
    last = LastUse(away.store, house.clock)
    last.touch("cred_a", "/", "", house.clock.time())
    house.clock.advance(31)
    last.touch("cred_b", "/", "", house.clock.time())
    with pytest.raises(StoreAway):
        last.flush()
    last._store = house.store
    assert last.flush() == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_child_does_not_write_what_its_parent_saw(house: House) -> None:
    last = LastUse(house.store, house.clock)
    last.touch("cred_parent", "/", "", house.clock.time())
    child = os.fork()
    if child == 0:
        last.touch("cred_child", "/", "", house.clock.time())
        os._exit(last.flush())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert last.flush() == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"), ("", ""), ("unix:", ""), ("203.0.113.77:80", ""),
    ],
)  # fmt: skip
def test_only_the_network_of_an_address_is_kept(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.text() | st.ip_addresses().map(str))
def test_any_address_has_a_short_prefix(address: str) -> None:
    assert len(network_of(address)) <= 50


def test_beside_the_requests_a_use_is_written_although_no_other_call_follows(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_apiguard.credentials.use.EVERY_SECONDS", 0.05)
    kept = LastUse(any_house.store, any_house.clock, background=True)
    kept.touch("cred_quiet", "/orders", "192.0.2.7", any_house.clock.time())

    def written() -> dict[str, Use]:
        with any_house.store.read() as conn:
            return uses_of(conn, ["cred_quiet"])

    wait_for(written)
    assert written()["cred_quiet"].route == "/orders"


def test_many_uses_at_once_are_written_by_one_thread_and_leave_none_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_apiguard.credentials.use.AT_MOST", 50)
    writers = []
    monkeypatch.setattr("flask_apiguard.credentials.use.threading.Timer.start", lambda timer: writers.append(timer))
    kept = LastUse(house.store, house.clock, background=True)
    for number in range(200):
        kept.touch(f"cred_{number}", "/", "", house.clock.time())
    waiting, now = writers
    assert waiting.finished.is_set()
    assert (waiting.interval, now.interval) == (30.0, 0)
