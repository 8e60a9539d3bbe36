"""Client secrets: several live, each ends by itself, and strangers learn nothing."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_apiguard.clients import registry
from flask_apiguard.credentials import check_client_secret, revoke
from flask_apiguard.errors import Denied
from flask_apiguard.values import SYSTEM, Reason
from tests.credentials.house import BY, DAY, House


def proved(house: House, client_id: str, secret: str) -> str | None:
    with house.store.read() as conn:
        found = check_client_secret(conn, house.secrets, client_id, secret, house.clock.now())
    if found is None:
        return None
    client, credential = found
    assert client.id == credential.client_id == client_id
    return credential.id


def test_each_living_secret_proves_its_client(any_house: House) -> None:
    client, other = any_house.client(), any_house.client()
    first, one = any_house.key(client, kind="client_secret")
    second, two = any_house.write(lambda tx: any_house.keys.rotate(tx, BY, first.id, DAY))
    assert [proved(any_house, client.id, secret) for secret in (one, two)] == [first.id, second.id]
    assert proved(any_house, other.id, one) is None
    any_house.clock.advance(86401)
    assert [proved(any_house, client.id, secret) for secret in (one, two)] == [None, second.id]
    any_house.write(lambda tx: revoke(tx, BY, second.id, "leaked"))
    assert proved(any_house, client.id, two) is None


@pytest.mark.parametrize("secret", ["", "é", "\0", "x" * 1_000_000, "acme_cs_", "\ud800", "0" * 64])
@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_secret_is_a_no_and_never_an_exception(house: House, secret: str, known: bool) -> None:
    client = house.client()
    house.key(client, kind="client_secret")
    assert proved(house, client.id if known else "cli_nobody", secret) is None
    assert proved(house, "x" * 10_000, secret) is None


def test_an_api_key_is_no_client_secret(house: House) -> None:
    client = house.client()
    assert proved(house, client.id, house.key(client)[1]) is None


def test_why_a_suspended_client_is_refused_is_told_to_the_right_secret_only(house: House) -> None:
    client = house.client()
    _, secret = house.key(client, kind="client_secret")
    house.write(lambda tx: registry.suspend(tx, SYSTEM, client.id, "x"))
    assert proved(house, client.id, secret[:-1]) is None
    with pytest.raises(Denied) as caught:
        proved(house, client.id, secret)
    assert caught.value.decision.reason is Reason.CLIENT_SUSPENDED


def test_an_unknown_client_costs_what_a_known_one_with_many_secrets_does(house: House) -> None:
    client = house.client()
    for _ in range(3):
        house.key(client, kind="client_secret")
    done: list[str] = []

    class Counting:
        def digest(self, purpose: str, text: str) -> str:
            done.append("digest")
            return house.secrets.digest(purpose, text)

        def same(self, left: str, right: str) -> bool:
            done.append("same")
            return house.secrets.same(left, right)

    sa.event.listen(house.store.engine, "before_cursor_execute", lambda *told: done.append(told[2]))
    for client_id in (client.id, "cli_nobody"):
        with house.store.read() as conn:
            check_client_secret(conn, Counting(), client_id, "x", house.clock.now())  # type: ignore[arg-type]
    half = len(done) // 2
    assert done[:half] == done[half:]
    assert done.count("same") == 2
