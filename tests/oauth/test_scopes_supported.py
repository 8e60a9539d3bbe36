"""``scopes_supported`` tells what can be asked for now, whoever declared it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from flask_apiguard.access.scopes import Scope, put_scope
from flask_apiguard.errors import StoreAway
from flask_apiguard.values import SYSTEM
from tests.oauth.world import World, make_app, running
from tests.waiting import PATIENCE, wait_for

SERVER, RESOURCE = "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"


def supported(world: World, path: str) -> list[str]:
    found: list[str] = requests.get(world.base + path, timeout=PATIENCE).json()["scopes_supported"]
    return found


@pytest.mark.parametrize("path", [SERVER, RESOURCE])
def test_a_scope_that_an_operator_wrote_is_told_as_soon_as_it_can_be_asked_for(any_world: World, path: str) -> None:
    name = f"payouts:{path.rpartition('-')[2]}"
    before = supported(any_world, path)
    assert name not in before
    with any_world.house.store.write() as tx:
        put_scope(tx, SYSTEM, Scope(name, "Pay out"))
    wait_for(lambda: supported(any_world, path) == sorted([*before, name]))


def test_scopes_are_asked_of_the_store_once_until_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db")) as world:
        ask = world.house.scopes.all
        monkeypatch.setattr(world.house.scopes, "all", lambda conn: asked.append(conn) or ask(conn))
        for _ in range(3):
            assert supported(world, SERVER) == supported(world, RESOURCE)
        assert len(asked) == 1


def test_while_the_store_is_away_the_scopes_are_those_that_were_told_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreAway("state")

    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db")) as world:
        with world.house.store.write() as tx:
            put_scope(tx, SYSTEM, Scope("payouts:write", "Pay out"))
        before = supported(world, SERVER)
        monkeypatch.setattr(world.house.watch, "look", away)
        assert supported(world, SERVER) == before
        assert "payouts:write" in before
