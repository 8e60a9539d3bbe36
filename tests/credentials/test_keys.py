"""Making, rotating, revoking: what is stored, what the ledger hears, and what may not be done."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from flask_apiguard.clients import registry
from flask_apiguard.credentials import Credential, Kind, Phase, get, list_of, revoke, revoke_all
from flask_apiguard.errors import Conflict, Invalid, Missing
from flask_apiguard.values import Actor, By, Environment, State
from tests.credentials.house import BY, DAY, House


def happenings(house: House) -> list[str]:
    with house.store.read() as conn:
        found = conn.execute(sa.text("SELECT happening FROM apiguard_ledger ORDER BY 1")).scalars().all()
    return sorted(name for name in found if name.startswith("credentials:"))


def rotate(house: House, credential_id: str, overlap: dt.timedelta) -> tuple[Credential, str]:
    made: tuple[Credential, str] = house.write(lambda tx: house.keys.rotate(tx, BY, credential_id, overlap))
    return made


@pytest.mark.parametrize(("environment", "days"), [(Environment.SANDBOX, 90), (Environment.PRODUCTION, 365)])
def test_a_new_key_has_the_lifetime_of_its_environment(any_house: House, environment: Environment, days: int) -> None:
    client = any_house.client(environment)
    made, secret = any_house.key(client, scopes=frozenset({"orders:read"}))
    assert made.expires_at - made.created_at == days * DAY
    assert secret.startswith(f"acme_{environment}_")
    assert secret.startswith(made.hint)
    assert (made.kind, made.name, made.created_by, made.client_id) == (Kind.API_KEY, "one", "per_1", client.id)
    with any_house.store.read() as conn:
        assert get(conn, made.id) == made
        assert list_of(conn, client.id) == [made]
    assert happenings(any_house) == ["credentials:credential:created"]


def test_no_scopes_of_its_own_and_none_at_all_are_two_things(any_house: House) -> None:
    client = any_house.client()
    everything, nothing = any_house.key(client)[1], any_house.key(client, scopes=frozenset())[1]
    assert any_house.identify(everything).scopes
    assert any_house.identify(nothing).scopes == frozenset()
    with any_house.store.read() as conn:
        query = sa.text("SELECT count(*) FROM apiguard_credential WHERE scopes IS NULL")
        assert conn.execute(query).scalar() == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"name": ""}, {"name": "  "}, {"name": "x" * 201}, {"name": "a\nb"}, {"name": "\0"}, {"kind": "imported_key"},
        {"kind": "certificate"}, {"lifetime": dt.timedelta(0)}, {"lifetime": -DAY}, {"lifetime": 3651 * DAY},
    ],
)  # fmt: skip
def test_what_no_key_can_be_stores_nothing(house: House, facts: dict[str, Any]) -> None:
    client = house.client()
    with pytest.raises(Invalid):
        house.key(client, **facts)
    with house.store.read() as conn:
        assert list_of(conn, client.id) == []
    assert happenings(house) == []


def test_nobody_and_the_retired_receive_no_key(house: House) -> None:
    with pytest.raises(Missing):
        house.write(lambda tx: house.keys.create(tx, BY, "cli_nobody", name="one"))
    client = house.client()
    made, _ = house.key(client)
    house.write(lambda tx: registry.set_state(tx, client.application_id, State.RETIRED))
    with pytest.raises(Conflict, match="retired"):
        house.key(client)
    with pytest.raises(Conflict, match="retired"):
        rotate(house, made.id, DAY)


def test_a_rotation_overlaps_and_its_successor_is_the_same_but_fresh(any_house: House) -> None:
    old, _ = any_house.key(any_house.client(), scopes=frozenset({"orders:read"}), name="till 7")
    any_house.clock.advance(86400)
    new, secret = rotate(any_house, old.id, 2 * DAY)
    with any_house.store.read() as conn:
        retiring = get(conn, old.id)
    assert (new.name, new.kind, new.scopes, new.replaces_id) == (old.name, old.kind, old.scopes, old.id)
    assert new.expires_at - new.created_at == 365 * DAY
    assert retiring.retire_at is not None
    assert abs(retiring.retire_at - any_house.clock.now() - 2 * DAY) < dt.timedelta(seconds=5)
    now = any_house.clock.now()
    assert [retiring.phase(now), retiring.phase(now + 2 * DAY), new.phase(now)] == [
        Phase.RETIRING, Phase.EXPIRED, Phase.LIVE,
    ]  # fmt: skip
    assert any_house.identify(secret)
    assert happenings(any_house) == ["credentials:credential:created", "credentials:credential:rotated"]


def test_an_overlap_never_outlives_the_old_expiry(house: House) -> None:
    old, _ = house.key(house.client(), lifetime=DAY)
    rotate(house, old.id, 30 * DAY)
    with house.store.read() as conn:
        assert get(conn, old.id).retire_at == old.expires_at


def test_an_overlap_of_zero_revokes_at_once(house: House) -> None:
    old, _ = house.key(house.client())
    new, _ = rotate(house, old.id, dt.timedelta(0))
    with house.store.read() as conn:
        assert get(conn, old.id).phase(house.clock.now()) is Phase.REVOKED
        assert get(conn, new.id).phase(house.clock.now()) is Phase.LIVE
    with pytest.raises(Conflict, match="ended"):
        rotate(house, old.id, DAY)


def test_a_credential_has_one_living_successor(house: House) -> None:
    old, _ = house.key(house.client())
    new, _ = rotate(house, old.id, DAY)
    with pytest.raises(Conflict, match="rotated already"):
        rotate(house, old.id, DAY)
    assert rotate(house, new.id, DAY)[0].replaces_id == new.id
    house.write(lambda tx: revoke(tx, BY, new.id, "lost before it was used"))
    with pytest.raises(Invalid):
        rotate(house, old.id, -DAY)
    assert rotate(house, old.id, DAY)[0].replaces_id == old.id


def test_of_two_rotations_at_once_one_is_told_no(any_house: House) -> None:
    old, _ = any_house.key(any_house.client())
    start, answers = threading.Barrier(4), []

    def attempt() -> None:
        start.wait()
        try:
            answers.append(rotate(any_house, old.id, DAY)[0].id)
        except Conflict:
            answers.append(None)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer is not None for answer in answers) == 1


def test_revoking_twice_is_revoking_once(any_house: House) -> None:
    made, _ = any_house.key(any_house.client())
    first = any_house.write(lambda tx: revoke(tx, BY, made.id, "leaked"))
    any_house.clock.advance(60)
    assert any_house.write(lambda tx: revoke(tx, BY, made.id, "again")) == first
    assert (first.revoked_reason, first.phase(any_house.clock.now())) == ("leaked", Phase.REVOKED)
    assert happenings(any_house) == ["credentials:credential:created", "credentials:credential:revoked"]
    with pytest.raises(Missing):
        any_house.write(lambda tx: revoke(tx, BY, "cred_nobody", "x"))


def test_signals_are_noted_for_after_the_commit(house: House) -> None:
    client = house.client()
    with house.store.write() as tx:
        made, _ = house.keys.create(tx, BY, client.id, name="one")
        new, _ = house.keys.rotate(tx, BY, made.id, DAY)
        assert revoke_all(tx, BY, client.id, "retired") == 2
        noted = tx.notes["signals"]
    assert [(name, payload["credential"].id) for name, payload in noted] == [
        ("credential-created", made.id), ("credential-rotated", new.id),
        ("credential-revoked", made.id), ("credential-revoked", new.id),
    ]  # fmt: skip


def test_what_is_rolled_back_leaves_nothing(house: House) -> None:
    client = house.client()
    with pytest.raises(RuntimeError), house.store.write() as tx:
        house.keys.create(tx, BY, client.id, name="one")
        raise RuntimeError
    with house.store.read() as conn:
        assert list_of(conn, client.id) == []
    assert happenings(house) == []


@pytest.mark.parametrize(("seconds", "most"), [(60, 60), (200 * 86400, 90 * 86400)])
def test_a_client_does_not_make_its_own_key_live_longer(house: House, seconds: int, most: int) -> None:
    client = house.client(Environment.SANDBOX)
    brief, _ = house.key(client, lifetime=dt.timedelta(seconds=seconds))
    itself = By(Actor.CLIENT, client.id)
    for _ in range(2):
        house.clock.advance(5)
        brief, _ = house.write(lambda tx, old=brief: house.keys.rotate(tx, itself, old.id, dt.timedelta(0)))
        assert brief.expires_at - brief.created_at == dt.timedelta(seconds=most)
