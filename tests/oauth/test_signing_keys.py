"""The server's signing keys: found by everybody before they sign, followed by others in time, readable by nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from joserfc import jwk

from flask_apiguard.crypto import Secrets
from flask_apiguard.errors import Missing, StoreAway
from flask_apiguard.oauth.signing import Unsealable, generate, unseal
from flask_apiguard.oauth.signing_keys import AHEAD, KEPT, SigningKeys, revoke_signing_key
from flask_apiguard.oauth.signing_table import signing_key
from flask_apiguard.values import SYSTEM
from tests.oauth.world import World, make_app, running

DAY = 86400


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server of the test's own: keys are the server's, not a client's."""
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/apiguard.db")) as world:
        yield world


@pytest.fixture
def postgres_world(ready_postgres_url: str) -> Iterator[World]:
    with running(lambda base: make_app(base, ready_postgres_url)) as world:
        yield world


@pytest.fixture(params=["world", "postgres_world"])
def any_world(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue(request.param)
    return found


def fetched(world: World) -> list[dict[str, Any]]:
    answer = requests.get(world.base + "/oauth/jwks", headers={"Origin": "https://app.example"}, timeout=20)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["keys"]
    return found


def rows(world: World) -> list[Any]:
    with world.house.store.read() as conn:
        return list(conn.execute(sa.select(signing_key).order_by(signing_key.c.active_at)))


def keys_of(world: World, algorithm: str = "ES256", days: int = 30) -> SigningKeys:
    house = world.house
    return SigningKeys(house.store, house.secrets, house.clock, house.watch, algorithm, dt.timedelta(days=days))


def test_the_key_set_is_public_cacheable_and_read_without_cookies(world: World) -> None:
    answer = requests.get(world.base + "/oauth/jwks", headers={"Origin": "https://app.example"}, timeout=20)
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    told = requests.get(world.base + "/.well-known/oauth-authorization-server", timeout=20).json()
    assert told["jwks_uri"] == answer.url
    assert requests.post(answer.url, timeout=20).status_code == 405


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_the_key_set_holds_public_members_only_and_another_library_reads_it(world: World, algorithm: str) -> None:
    found = keys_of(world, algorithm).published()
    for key in found:
        assert set(key) <= {"kty", "crv", "x", "y", "n", "e", "alg", "kid", "use"}
        assert jwk.import_key(dict(key)).is_private is False
        assert key["alg"] == algorithm


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_what_a_key_signs_it_alone_verifies(algorithm: str) -> None:
    key, other = generate(algorithm), generate(algorithm)
    signature = key.sign(b"text")
    assert key.public.verifies(algorithm, b"text", signature)
    assert not key.public.verifies(algorithm, b"texts", signature)
    assert not other.public.verifies(algorithm, b"text", signature)
    assert not key.public.verifies("HS256", b"text", signature)


def test_the_first_key_signs_at_once_and_stays_the_same(any_world: World) -> None:
    first = fetched(any_world)
    assert len(first) == 1
    assert any_world.house.signing_keys.current()[0] == first[0]["kid"]
    assert fetched(any_world) == first


def test_a_successor_is_published_a_day_before_it_signs_and_the_old_key_outlives_its_tokens(world: World) -> None:
    (first,) = fetched(world)
    keys, clock = world.house.signing_keys, world.house.clock
    clock.advance(29 * DAY - 60)
    assert fetched(world) == [first]
    clock.advance(120)
    published = fetched(world)
    assert [key["kid"] for key in published][:1] == [first["kid"]]
    assert len(published) == 2
    assert keys.current()[0] == first["kid"]
    clock.advance(AHEAD.total_seconds())
    assert keys.current()[0] == published[1]["kid"]
    assert keys.find(first["kid"]) is not None
    assert fetched(world) == published
    clock.advance(KEPT.total_seconds())
    assert keys.find(first["kid"]) is None
    assert fetched(world) == published[1:]


def test_an_app_that_slept_through_a_rotation_signs_with_the_old_key_until_the_new_one_was_published(
    world: World,
) -> None:
    (first,) = fetched(world)
    world.house.clock.advance(400 * DAY)
    keys = world.house.signing_keys
    assert keys.current()[0] == first["kid"]
    assert len(fetched(world)) == 2
    world.house.clock.advance(DAY + 1)
    assert keys.current()[0] != first["kid"]


def test_the_private_part_of_a_key_that_signs_no_more_is_gone(world: World) -> None:
    fetched(world)
    for _ in range(3):
        world.house.clock.advance(30 * DAY)
        fetched(world)
    sealed = [row.sealed is not None for row in rows(world)]
    assert sealed[0] is False
    assert sealed[-1] is True


def test_many_processes_at_once_make_one_key(any_world: World) -> None:
    several = [keys_of(any_world) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda keys: keys.current()[0], several))
    assert len(set(found)) == 1
    assert len(rows(any_world)) == 1
    any_world.house.clock.advance(30 * DAY)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda keys: keys.current()[0], several))
    assert len(rows(any_world)) == 2


def test_who_finds_that_somebody_else_made_the_key_signs_with_it_although_it_remembers_none(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = keys_of(any_world), keys_of(any_world)
    assert ours._known() == ()
    monkeypatch.setattr(any_world.house.watch, "look", lambda: None)  # the moment before the log is looked at again
    made = theirs.current()[0]
    assert ours._known() == ()
    assert ours.current()[0] == made
    assert len(rows(any_world)) == 1


def test_another_algorithm_takes_over_only_after_it_was_published(world: World) -> None:
    (first,) = fetched(world)
    later = keys_of(world, "EdDSA")
    assert later.current()[0] == first["kid"]
    world.house.clock.advance(DAY + 1)
    assert later.current()[1].algorithm == "EdDSA"


def test_a_revoked_key_is_gone_at_once_and_the_next_one_signs(world: World) -> None:
    keys = world.house.signing_keys
    first = keys.current()[0]
    with world.house.store.write() as tx:
        revoke_signing_key(tx, SYSTEM, first, "leaked")
    assert keys.find(first) is None
    second = keys.current()[0]
    assert second != first
    assert [key["kid"] for key in fetched(world)] == [second]
    with world.house.store.write() as tx:
        revoke_signing_key(tx, SYSTEM, first, "again")
    assert keys.current()[0] == second, "again is the same as once"
    with pytest.raises(Missing), world.house.store.write() as tx:
        revoke_signing_key(tx, SYSTEM, "sig_nobody", "leaked")


@pytest.mark.parametrize("which", [0, 1])
def test_revoking_either_key_during_a_rotation_leaves_one_that_signs(world: World, which: int) -> None:
    fetched(world)
    world.house.clock.advance(29 * DAY + 60)
    kept = fetched(world)
    with world.house.store.write() as tx:
        revoke_signing_key(tx, SYSTEM, kept[which]["kid"], "leaked")
    current, _ = world.house.signing_keys.current()
    assert current == kept[1 - which]["kid"]
    world.house.clock.advance(DAY + 60)
    signs, _ = world.house.signing_keys.current()
    assert world.house.signing_keys.find(signs) is not None
    world.house.clock.advance(DAY)
    assert world.house.signing_keys.find(signs) is not None


def test_what_is_sealed_opens_in_its_own_row_under_its_own_secret_only() -> None:
    mine, other = Secrets(b"a" * 32), Secrets(b"b" * 32)
    sealed = generate("ES256").seal(mine, "sig_1")
    assert unseal(mine, "sig_1", "ES256", sealed).algorithm == "ES256"
    for secrets, row_id, algorithm in ((other, "sig_1", "ES256"), (mine, "sig_2", "ES256"), (mine, "sig_1", "PS256")):
        with pytest.raises(Unsealable):
            unseal(secrets, row_id, algorithm, sealed)


def test_a_sealed_key_in_another_row_signs_nothing_and_the_key_set_stays(world: World) -> None:
    (first,) = fetched(world)
    foreign = generate("ES256").seal(world.house.secrets, "sig_other")
    with world.house.store.write() as tx:
        tx.execute(signing_key.update().values(sealed=foreign))
    world.house.watch.look()
    world.house.signing_keys._memory.flush()
    with pytest.raises(StoreAway):
        world.house.signing_keys.current()
    assert fetched(world) == [first]


def test_nothing_readable_of_a_private_key_is_stored_or_shown(world: World) -> None:
    kid, signing = world.house.signing_keys.current()
    key = world.house.signing_keys.find(kid)
    private = signing._private.private_numbers().private_value  # type: ignore[union-attr]
    (row,) = rows(world)
    assert private.to_bytes(32, "big").hex() not in row.sealed
    assert "sealed" not in repr(key)
    assert str(private) not in repr(key) + repr(signing)
