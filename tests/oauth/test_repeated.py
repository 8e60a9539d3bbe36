"""The very words of before are judged once; what they rest on is looked at each time, and each token is a new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_apiguard import access, credentials
from flask_apiguard.clients import registry
from flask_apiguard.db import Transaction
from flask_apiguard.oauth import repeated
from flask_apiguard.oauth.repeated import Repeats
from flask_apiguard.oauth.token_formats import set_certificate_bound, set_token_format
from flask_apiguard.values import SYSTEM, Environment
from tests.oauth.world import Holder, World

ASK = {"grant_type": "client_credentials", "scope": "orders:read"}
Act = Callable[[Transaction, Holder], Any]


@pytest.fixture
def kept(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each request that could be a repeated one, whether it was."""
    found: list[bool] = []
    find = Repeats.find

    def watched(self: Repeats, said: repeated.Said) -> repeated.Repeated | None:
        one = find(self, said)
        found.append(one is not None)
        return one

    monkeypatch.setattr(Repeats, "find", watched)
    return found


def test_each_time_it_is_another_token_and_all_of_it_is_on_record(world: World, kept: list[bool]) -> None:
    holder = world.holder()
    answers = [world.post("token", ASK, holder) for _ in range(3)]
    assert kept == [False, True, True]
    assert len({answer.json()["access_token"] for answer in answers}) == 3
    assert [dict(answer.json(), access_token="") for answer in answers[1:]] == [
        dict(answers[0].json(), access_token="")
    ] * 2
    assert len({tuple(sorted({*answer.headers} - {"X-Request-Id"})) for answer in answers}) == 1
    assert all(world.call(answer.json()["access_token"]).status_code == 200 for answer in answers)
    world.house.recorder.settle()
    events = [world.house.recorder.query.find(answer.headers["X-Request-Id"])[0] for answer in answers]
    names = ("client", "credential", "credential_kind", "route", "allowed", "status")
    told = {tuple(one[name] for name in names) for one in events}
    assert told == {(holder.id, holder.credential.id, "client_secret", "/oauth/token", True, 200)}


@pytest.mark.parametrize(
    "more",
    [
        {"scope": "orders:write"}, {"scope": "orders:read orders:write"}, {"scope": "reports:read"}, {"x": "y"},
        {"grant_type": "refresh_token"},
    ],
)  # fmt: skip
def test_other_words_are_judged(world: World, kept: list[bool], more: dict[str, str]) -> None:
    holder = world.holder()
    world.token(holder, scope="orders:read")
    world.post("token", {**ASK, **more}, holder)
    assert kept == [False, False]


def test_the_words_of_one_client_are_nobody_elses(world: World, kept: list[bool]) -> None:
    first, second = world.holder(), world.holder()
    world.token(first, scope="orders:read")
    mixed = Holder(second.client, second.credential, first.secret)
    assert world.post("token", ASK, mixed).status_code == 401
    assert world.post("token", ASK).status_code == 401
    assert world.post("token", ASK, second).status_code == 200
    assert not any(kept)


def test_a_refusal_is_never_remembered(world: World, kept: list[bool]) -> None:
    holder = world.holder()
    asked = {**ASK, "scope": "reports:read"}
    assert [world.post("token", asked, holder).status_code for _ in range(2)] == [400, 400]
    with world.house.store.write() as tx:
        access.give(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, ["reports:read"])
    assert world.post("token", asked, holder).status_code == 200
    assert not any(kept)


def suspended(tx: Transaction, holder: Holder) -> None:
    registry.suspend(tx, SYSTEM, holder.id, "odd")


def revoked(tx: Transaction, holder: Holder) -> None:
    credentials.revoke(tx, SYSTEM, holder.credential.id, "leaked")


def without_scopes(tx: Transaction, holder: Holder) -> None:
    access.end(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, ["orders:read"], "less")


def bound_to_a_certificate(tx: Transaction, holder: Holder) -> None:
    set_certificate_bound(tx, SYSTEM, holder.id, True)


@pytest.mark.parametrize("act", [suspended, revoked, without_scopes, bound_to_a_certificate])
def test_what_takes_the_right_from_a_client_holds_for_its_next_request(any_world: World, act: Act) -> None:
    holder = any_world.holder()
    assert [any_world.post("token", ASK, holder).status_code for _ in range(2)] == [200, 200]
    with any_world.house.store.write() as tx:
        act(tx, holder)
    assert any_world.post("token", ASK, holder).status_code in (400, 401)


def test_a_client_whose_tokens_are_signed_from_now_on_gets_one(world: World, kept: list[bool]) -> None:
    holder = world.holder()
    assert [world.token(holder, scope="orders:read").count(".") for _ in range(2)] == [0, 0]
    with world.house.store.write() as tx:
        set_token_format(tx, SYSTEM, holder.id, "jwt")
    assert [world.token(holder, scope="orders:read").count(".") for _ in range(2)] == [2, 2]
    assert kept == [False, True, False, False], "what is written otherwise is judged each time"


def test_it_ends_with_the_secret(world: World, kept: list[bool]) -> None:
    holder = world.holder()
    for _ in range(2):
        world.token(holder, scope="orders:read")
    world.house.clock.offset += (holder.credential.expires_at - world.house.store.now()).total_seconds() + 1
    assert world.post("token", ASK, holder).status_code == 401
    assert kept == [False, True, False]


def test_what_comes_with_a_proof_or_by_assertion_is_no_repetition(world: World, kept: list[bool]) -> None:
    holder = world.holder()
    for _ in range(2):
        world.token(holder, scope="orders:read")
    assert world.post("token", ASK, holder, headers={"DPoP": "x"}).status_code == 400
    assert kept == [False, True], "it was not even looked up"


def test_parameters_in_the_url_and_other_bodies_are_refused_though_the_words_are_known(world: World) -> None:
    holder = world.holder()
    world.token(holder, scope="orders:read")
    assert world.post("token?scope=x", ASK, holder).status_code == 400
    assert world.post("token", ASK, holder, headers={"Content-Type": "text/plain"}).status_code == 400


def test_few_words_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = world.house.oauth._repeats._memory
    monkeypatch.setattr(memory, "_bound", 5)
    memory.flush()
    holder = world.holder()
    for number in range(12):
        world.token(holder, scope="orders:read", anything=str(number))
    assert len(memory) == 5
