"""Whoever ends something while tokens are just being issued on it ends those as well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flask_apiguard.credentials import revoke_all
from flask_apiguard.oauth import withdraw
from flask_apiguard.oauth.ending import end_proofs
from flask_apiguard.oauth.issuing import Issuing
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import CALLBACK, Browser, redeem, refresh
from tests.oauth.devices import Screen, question, send
from tests.oauth.world import Holder, World
from tests.waiting import PATIENCE, wait_for

USER = "alice"
End = Callable[[World, Holder, str], object]


def given_back(world: World, holder: Holder, text: str) -> None:
    assert world.post("revoke", {"token": text}, holder).status_code == 200


def withdrawn(world: World, holder: Holder, text: str) -> None:
    with world.house.store.write() as tx:
        withdraw(tx, SYSTEM, USER, holder.id, "a test")


def everything_revoked(world: World, holder: Holder, text: str) -> None:
    with world.house.store.write() as tx:
        revoke_all(tx, SYSTEM, holder.id, "a test")
        end_proofs(tx, SYSTEM, holder.id, "a test")


class Pause:
    """Stops the next issuing of tokens just before its transaction ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.going_on = threading.Event(), threading.Event()
        self._is_set = False
        issue = Issuing.for_user

        def pausing(*given: Any, **more: Any) -> dict[str, Any]:
            said = issue(*given, **more)
            if self._is_set:
                self._is_set = False
                self.reached.set()
                assert self.going_on.wait(PATIENCE)
            return said

        monkeypatch.setattr(Issuing, "for_user", pausing)

    def during(self, world: World, issue: Callable[[], requests.Response], end: Callable[[], object]) -> dict[str, Any]:
        """The tokens that are issued while somebody ends what they are issued on."""
        self._is_set = True
        with ThreadPoolExecutor(2) as pool:
            issuing = pool.submit(issue)
            assert self.reached.wait(PATIENCE)
            ending = pool.submit(end)
            try:
                wait_for(lambda: ending.done() or world.somebody_waits())
            finally:
                self.going_on.set()
            return good(issuing, ending)


def good(issuing: Future[requests.Response], ending: Future[object]) -> dict[str, Any]:
    ending.result(PATIENCE)
    answer = issuing.result(PATIENCE)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pause]:
    made = Pause(monkeypatch)
    yield made
    made.going_on.set()


def assert_ended(world: World, holder: Holder, tokens: dict[str, Any]) -> None:
    fresh = world.another_secret(holder)
    assert world.call(tokens["access_token"]).status_code == 401
    assert refresh(world, fresh, tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("end", [given_back, withdrawn, everything_revoked])
def test_what_a_refresh_in_flight_brings_ends_with_what_it_came_of(any_world: World, pause: Pause, end: End) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    text = Browser(any_world, USER).tokens(holder)["refresh_token"]
    tokens = pause.during(
        any_world, lambda: refresh(any_world, holder, text), lambda: end(any_world, holder, text)
    )  # fmt: skip
    assert_ended(any_world, holder, tokens)


@pytest.mark.parametrize("end", [given_back, withdrawn, everything_revoked])
def test_so_does_what_is_answered_again_to_who_lost_an_answer(any_world: World, pause: Pause, end: End) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    text = Browser(any_world, USER).tokens(holder)["refresh_token"]
    assert refresh(any_world, holder, text).status_code == 200
    tokens = pause.during(
        any_world, lambda: refresh(any_world, holder, text), lambda: end(any_world, holder, text)
    )  # fmt: skip
    assert_ended(any_world, holder, tokens)


def test_so_does_what_is_refreshed_while_an_older_token_is_shown_again(any_world: World, pause: Pause) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    first = Browser(any_world, USER).tokens(holder)["refresh_token"]
    second = refresh(any_world, holder, first).json()["refresh_token"]
    any_world.house.clock.advance(11)
    tokens = pause.during(
        any_world, lambda: refresh(any_world, holder, second), lambda: refresh(any_world, holder, first)
    )  # fmt: skip
    assert_ended(any_world, holder, tokens)


@pytest.mark.parametrize("end", [withdrawn, everything_revoked])
def test_so_does_what_a_code_is_changed_for(any_world: World, pause: Pause, end: End) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    code = Browser(any_world, USER).code(holder)
    tokens = pause.during(
        any_world, lambda: redeem(any_world, holder, code), lambda: end(any_world, holder, code)
    )  # fmt: skip
    assert_ended(any_world, holder, tokens)


@pytest.mark.parametrize("end", [withdrawn, everything_revoked])
def test_so_does_what_a_device_gets(any_world: World, pause: Pause, end: End) -> None:
    screen = Screen(any_world, any_world.holder(device=True))
    started, browser = screen.start(), Browser(any_world, USER)
    send(browser, question(browser, started), answer="allow")
    tokens = pause.during(
        any_world, lambda: screen.poll(started), lambda: end(any_world, screen.holder, "")
    )  # fmt: skip
    assert_ended(any_world, screen.holder, tokens)


def test_a_code_is_no_good_after_everything_of_its_client_was_revoked(any_world: World) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,), public=True)
    code = Browser(any_world, USER).code(holder)
    everything_revoked(any_world, holder, "")
    assert redeem(any_world, holder, code, public=True).json()["error"] == "invalid_grant"
