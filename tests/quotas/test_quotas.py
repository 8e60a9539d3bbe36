"""The step `count`: who is counted under what, what is answered, and what is remembered."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.db import Store
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.quotas import UNCOUNTED, Attempts, Memory, Quotas, SharedFile, Valkey, counter_for, put_override
from flask_apiguard.quotas.choose import per_minute
from flask_apiguard.rules import Limit, Rule
from flask_apiguard.values import ALLOWED, SYSTEM, Caller, ClientFacts, Decision, Environment, HostUser, Reason
from tests.servers.process import Unavailable, skip_or_fail
from tests.servers.valkey import running_valkey

BURST = {"name": "burst", "rate": "3/minute"}
DAILY = {"name": "daily", "quota": 5, "per": "day", "timezone": "Europe/Berlin"}


def client(plan: str | None = "basic", id: str = "cli_1", **more: object) -> Caller:
    facts = ClientFacts(id, "app_1", "org_1", "Acme", Environment.PRODUCTION, plan=plan)
    return Caller(client=facts, **more)


@pytest.fixture
def quotas(store: Store, clock: Clock) -> Quotas:
    return Quotas(store, Memory(), clock)


def take(quotas: Quotas, *given: Any, **more: Any) -> Decision:
    """What is decided, with what is told beside it."""
    decision, told = quotas.take(*given, **more)
    return replace(decision, headers=told)


def passes(quotas: Quotas, caller: Caller, limits, times: int = 1, **more: str) -> list[bool]:
    return [bool(take(quotas, caller, limits, **more)) for _ in range(times)]


def test_a_plan_and_a_routes_limit_count_together(quotas: Quotas, plan) -> None:
    plan("basic", {**BURST, "rate": "10/minute"}, DAILY)
    limits = quotas.route(Rule(limits=(Limit("2/second"),)), "orders.create POST")
    decision = take(quotas, client(), limits)
    assert decision
    assert dict(decision.headers) == {
        "RateLimit-Policy": '"burst";q=10;w=60, "daily";q=5;w=86400, "route";q=2;w=1',
        "RateLimit": '"burst";r=9;t=39, "daily";r=4;t=74799, "route";r=1;t=1',
    }
    assert passes(quotas, client(), limits, 2) == [True, False]


def test_a_refusal_names_the_limit_and_when_to_come_back(quotas: Quotas, plan, clock: Clock) -> None:
    plan("basic", BURST, DAILY)
    limits = quotas.route(Rule(), "orders.list GET")
    assert passes(quotas, client(), limits, 3) == [True] * 3
    refused = take(quotas, client(), limits)
    assert refused.reason is Reason.LIMIT_EXCEEDED
    assert (refused.need, refused.have) == ("burst", "3 of 3")
    assert "3 per minute" in refused.detail
    assert dict(refused.headers)["RateLimit"].startswith('"burst";r=0;t=39, "daily";r=2;')
    clock.advance(refused.retry_after - 1)
    assert not take(quotas, client(), limits)
    clock.advance(1)
    assert passes(quotas, client(), limits, 1) == [True]
    clock.advance(120)
    assert take(quotas, client(), limits)
    refused = take(quotas, client(), limits)
    assert refused.reason is Reason.QUOTA_EXCEEDED
    assert refused.need == "daily"
    clock.advance(refused.retry_after)
    assert take(quotas, client(), limits)


def test_a_refused_call_costs_nothing(quotas: Quotas, plan) -> None:
    plan("basic", BURST, DAILY)
    limits = quotas.route(Rule(), "orders.list GET")
    passes(quotas, client(), limits, 50)
    assert [(one.name, one.used, one.remaining) for one in quotas.usage("cli_1", "basic")] == [
        ("burst", 3, 0),
        ("daily", 3, 2),
    ]


def test_cost_counts_against_plan_and_route(quotas: Quotas, plan) -> None:
    plan("basic", {**BURST, "rate": "10/minute"})
    dear = quotas.route(Rule(limits=(Limit("100/minute", cost=4),)), "reports.create POST")
    assert passes(quotas, client(), dear, 3) == [True, True, False]
    assert passes(quotas, client(), quotas.route(Rule(), "orders.list GET"), 3) == [True, True, False]


def test_scope_and_endpoints_narrow_an_item(quotas: Quotas, plan) -> None:
    plan(
        "basic",
        {"name": "writes", "rate": "1/minute", "scope": "orders:write"},
        {"name": "reports", "rate": "2/minute", "endpoints": ["reports.*", "orders.export GET"]},
    )
    write = quotas.route(Rule(any_of=(frozenset({"orders:write", "orders:all"}),)), "orders.create POST")
    read = quotas.route(Rule(scopes=frozenset({"orders:read"})), "orders.list GET")
    report = quotas.route(Rule(), "reports.create POST")
    export, other = quotas.route(Rule(), "orders.export GET"), quotas.route(Rule(), "orders.export POST")
    assert passes(quotas, client(), write, 2) == [True, False]
    assert take(quotas, client(), read) == ALLOWED
    assert take(quotas, client(), other) == ALLOWED
    assert passes(quotas, client(), report) + passes(quotas, client(), export, 2) == [True, True, False]


def test_clients_users_and_addresses_are_counted_apart(quotas: Quotas) -> None:
    limits = quotas.route(Rule(limits=(Limit("1/minute"),)), "orders.list GET")
    anna = Caller(user=HostUser("7"), is_first_party=True)
    for caller, address in [
        (client(None), ""),
        (client(None, "cli_2"), ""),
        (anna, "192.0.2.1"),
        (Caller(user=HostUser("7}"), is_first_party=True), ""),
        (Caller(), "192.0.2.1"),
        (Caller(), "192.0.2.2"),
    ]:
        assert passes(quotas, caller, limits, 2, address=address) == [True, False]
    assert not take(quotas, anna, limits, "192.0.2.9")
    assert passes(quotas, Caller(), limits, 1, address="2001:db8::1") == [True]
    assert passes(quotas, Caller(), limits, 1, address="2001:db8::2") == [False]


def test_the_same_limit_on_two_routes_is_two_counts(quotas: Quotas) -> None:
    rule = Rule(limits=(Limit("1/minute"),))
    assert passes(quotas, client(None), quotas.route(rule, "a GET"), 2) == [True, False]
    assert passes(quotas, client(None), quotas.route(rule, "b GET"), 2) == [True, False]


def test_a_new_credential_and_a_new_plan_keep_the_count(quotas: Quotas, plan) -> None:
    plan("basic", BURST)
    plan("large", {"name": "burst", "rate": "5/minute"})
    limits = quotas.route(Rule(), "orders.list GET")
    assert passes(quotas, client(credential_id="key_1"), limits, 3) == [True] * 3
    assert passes(quotas, client(credential_id="key_2"), limits) == [False]
    assert passes(quotas, client("large"), limits, 3) == [True, True, False]


def test_a_changed_plan_is_seen_when_the_change_log_says_so(quotas: Quotas, plan) -> None:
    plan("basic", BURST)
    limits = quotas.route(Rule(), "orders.list GET")
    assert passes(quotas, client(), limits, 4)[-1] is False
    plan("basic", {**BURST, "rate": "5/minute"})
    assert passes(quotas, client(), limits) == [False], "still remembered"
    quotas.forget("plan:basic")
    assert passes(quotas, client(), limits, 3) == [True, True, False]


def test_an_override_stands_in_for_the_plans_item_until_it_ends(
    quotas: Quotas, plan, store: Store, clock: Clock
) -> None:
    plan("basic", BURST, DAILY)
    limits = quotas.route(Rule(), "orders.list GET")
    assert passes(quotas, client(), limits, 4)[-1] is False
    with store.write() as tx:
        until = clock.now() + dt.timedelta(seconds=30)
        put_override(tx, SYSTEM, "cli_1", {"name": "burst", "rate": "5/minute"}, until=until, reason="a migration")
    quotas.forget("client:cli_1")
    assert [(one.name, one.amount, one.own) for one in quotas.usage("cli_1", "basic")] == [
        ("burst", 5, True),
        ("daily", 5, False),
    ]
    assert passes(quotas, client(), limits) == [True]
    clock.advance(30)
    refused = take(quotas, client(), limits)
    assert (refused.need, refused.have) == ("burst", "4 of 3"), "nobody had to say that it ended"


def test_what_changed_while_it_was_read_is_not_remembered(
    quotas: Quotas, plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan("basic", BURST)
    limits = quotas.route(Rule(), "orders.list GET")
    read = quotas._entitled

    def slow(*arguments):
        found = read(*arguments)
        quotas.forget("client:cli_1")
        return found

    monkeypatch.setattr(quotas, "_entitled", slow)
    assert take(quotas, client(), limits)
    assert quotas._sheets == {}


def test_the_default_plan_is_for_clients_without_one(store: Store, clock: Clock, plan) -> None:
    plan("free", BURST)
    quotas = Quotas(store, Memory(), clock, default_plan="free")
    limits = quotas.route(Rule(), "orders.list GET")
    assert passes(quotas, client(None), limits, 4)[-1] is False
    assert take(quotas, Caller(user=HostUser("7"), is_first_party=True), limits) == ALLOWED
    assert [one.used for one in quotas.usage("cli_1", None)] == [3]


def test_a_plan_that_is_not_there_is_not_unlimited(quotas: Quotas) -> None:
    refused = take(quotas, client("gold"), quotas.route(Rule(), "orders.list GET"))
    assert (refused.reason, refused.need) == (Reason.STORE_AWAY, "gold")


def test_without_plan_and_limit_nothing_is_counted_or_said(quotas: Quotas) -> None:
    assert take(quotas, client(None), quotas.route(Rule(), "orders.list GET")) == ALLOWED


def test_a_quota_of_nothing_lets_nothing_pass(quotas: Quotas, plan) -> None:
    plan("closed", {**DAILY, "quota": 0})
    assert not take(quotas, client("closed"), quotas.route(Rule(), "orders.list GET"))


def test_two_limits_of_one_window_are_the_tighter_one(quotas: Quotas) -> None:
    rule = Rule(limits=(Limit("5/minute"), Limit("2/minute"), Limit("100/hour;3/minute")))
    limits = quotas.route(rule, "orders.list GET")
    assert [(item.name, item.amount) for item, _ in limits.items] == [("route-60s", 2), ("route-3600s", 100)]


@pytest.mark.parametrize(("limit", "said"), [(Limit("3/second", 4), "costs 4"), (Limit("1 per day", 2), "never")])
def test_a_bad_rate_is_named_at_start(quotas: Quotas, limit: Limit, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        quotas.route(Rule(limits=(limit,)), "orders.list GET")
    assert said in str(caught.value)
    assert "orders.list GET" in str(caught.value)


@pytest.fixture
def mortal_server(monkeypatch: pytest.MonkeyPatch):
    """A Valkey server of this test's own, to be killed."""
    monkeypatch.delenv("APIGUARD_TEST_VALKEY_URL", raising=False)
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_valkey(0))
        except Unavailable as error:
            skip_or_fail("valkey", str(error))
        yield server


@pytest.mark.parametrize("away", ["closed", "open"])
def test_when_the_server_is_killed_the_setting_decides(
    store: Store, clock: Clock, plan, away: str, mortal_server
) -> None:
    plan("basic", DAILY)
    counter = Valkey(mortal_server.url)
    quotas = Quotas(store, counter, clock, away=away)
    limits = quotas.route(Rule(), "orders.list GET")
    assert take(quotas, client(), limits).headers
    mortal_server.command("SHUTDOWN", "NOSAVE")
    for _ in range(3):
        decision = take(quotas, client(), limits)
        if away == "open":
            assert decision
            assert decision.detail == UNCOUNTED
        else:
            assert decision.reason is Reason.STORE_AWAY
            assert decision.retry_after
    counter.close()


def test_a_server_that_comes_back_is_used_again(valkey_url: str, store: Store, clock: Clock, plan) -> None:
    plan("basic", DAILY)
    counter = Valkey(valkey_url)
    quotas = Quotas(store, counter, clock)
    limits = quotas.route(Rule(), "orders.list GET")
    url, counter.url = counter.url, "redis://127.0.0.1:1/0"
    assert take(quotas, client(), limits).reason is Reason.STORE_AWAY
    counter.close()
    counter.url, counter._pause_until = url, 0.0
    assert take(quotas, client(), limits)
    counter.close()


def test_the_setting_names_the_counter(tmp_path: Path) -> None:
    assert isinstance(counter_for("memory://", tmp_path), Memory)
    assert isinstance(counter_for("redis://127.0.0.1/0", tmp_path), Valkey)
    assert isinstance(counter_for("valkey://127.0.0.1/0", tmp_path), Valkey)
    default = counter_for(None, tmp_path)
    assert isinstance(default, SharedFile)
    assert default.path == tmp_path / "apiguard-counters"
    named = counter_for(f"apiguard-file://{tmp_path}/elsewhere", tmp_path)
    assert isinstance(named, SharedFile)
    assert named.path == tmp_path / "elsewhere"
    for wrong in ("memcached://x", "apiguard-file://relative", "redis", ""):
        with pytest.raises(ConfigurationError):
            counter_for(wrong, tmp_path)


def test_failed_attempts_are_set_as_a_rate(clock: Clock) -> None:
    assert [per_minute(value) for value in ("30/minute", "10 per minute", 5, "0")] == [30, 10, 5, 0]
    for wrong in ("30/second", True, -1, None, "many"):
        with pytest.raises(ValueError):
            per_minute(wrong)
    assert Attempts(clock, per_minute("30/minute")).blocked("192.0.2.1") is None


def test_a_caller_keeps_what_its_last_routes_count_against_and_not_every_one(quotas: Quotas, plan) -> None:
    plan("basic", {**BURST, "rate": "10000/minute"})
    caller = client()
    for number in range(300):
        assert take(quotas, caller, quotas.route(Rule(), f"orders.one X{number}"))
    assert 0 < len(caller.kept.sheets) <= 128
