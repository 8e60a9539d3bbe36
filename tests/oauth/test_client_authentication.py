"""Nobody gets past the client's authentication, and nobody learns from it who is a client."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

import pytest

from flask_apiguard.oauth.chosen import is_public
from flask_apiguard.oauth.proved import POST, Presented
from tests.oauth.work import calls_of
from tests.oauth.world import World, basic

ASK = {"grant_type": "client_credentials"}


def error(answer: Any) -> tuple[int, str]:
    """Status and OAuth error."""
    return answer.status_code, answer.json()["error"]


def test_no_authentication_at_all_is_answered_with_a_challenge(world: World) -> None:
    answer = world.post("token", ASK)
    assert error(answer) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="acme", charset="UTF-8"'
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("endpoint", ["token", "revoke", "introspect"])
def test_two_ways_at_once_are_refused_even_when_both_are_right(world: World, endpoint: str) -> None:
    holder = world.holder()
    data = {**ASK, "token": "x", "client_id": holder.id, "client_secret": holder.secret}
    assert error(world.post(endpoint, data, holder)) == (400, "invalid_request")
    asserted = {**ASK, "token": "x", "client_assertion": "a.b.c"}
    assert error(world.post(endpoint, asserted, holder)) == (400, "invalid_request")


def test_a_header_of_one_client_with_the_id_of_another_is_refused(world: World) -> None:
    mine, other = world.holder(), world.holder()
    assert error(world.post("token", {**ASK, "client_id": other.id}, mine)) == (400, "invalid_request")
    assert world.post("token", {**ASK, "client_id": mine.id}, mine).status_code == 200


def test_the_secret_of_one_client_does_not_open_another(world: World) -> None:
    mine, other = world.holder(), world.holder()
    world.token(mine)
    assert error(world.post("token", ASK, headers=basic(other.id, mine.secret))) == (401, "invalid_client")


def test_an_api_key_of_the_client_is_no_client_secret(world: World) -> None:
    from flask_apiguard.values import SYSTEM

    holder = world.holder()
    with world.house.store.write() as tx:
        _, key = world.house.keys.create(tx, SYSTEM, holder.id, name="key")
    assert error(world.post("token", ASK, headers=basic(holder.id, key))) == (401, "invalid_client")


def test_unknown_client_and_wrong_secret_hear_exactly_the_same(world: World) -> None:
    holder = world.holder()
    wrong = world.post("token", ASK, headers=basic(holder.id, "acme_cs_wrong"))
    unknown = world.post("token", ASK, headers=basic("cli_nobody", "acme_cs_wrong"))
    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)
    ignored = {"Date", "X-Request-Id"}
    told = [{name: value for name, value in one.headers.items() if name not in ignored} for one in (wrong, unknown)]
    assert told[0] == told[1]


@pytest.mark.sqlite
def test_unknown_client_and_wrong_secret_cost_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_apiguard.clients.watch.INODE_EVERY", float("inf"))  # what comes once in a second

    def cost(client_id: str, number: int) -> Counter[str]:
        shown = Presented(POST, client_id, f"acme_cs_{number:043}")

        def prove() -> None:
            assert world.house.oauth._proving._clients.prove(shown) is None

        return calls_of(prove)

    ids = (world.holder().id, "cli_00000000000000000000000000")
    _, *others = [[cost(client_id, number) for client_id in ids] for number in range(3)]  # the first makes what lasts
    for known, unknown in others:
        assert known == unknown
        assert known["Cursor.execute"]


@pytest.mark.parametrize(
    "header",
    [
        "Basic", "Basic ", "Basic =", "Basic !!!!", "Basic YQ", "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"nocolon").decode(), "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"a%zz:b").decode(), "Basic " + base64.b64encode(b"a:b\x00").decode(),
        "Basic " + base64.b64encode("cli_1:é".encode()).decode(), "Basic " + "A" * 5000, "Bearer acme_at_x",
        "Basic YTpi, Basic YTpi", "basic YTpi", "DPoP x", "Digest a=b",
    ],
)  # fmt: skip
def test_any_broken_header_is_a_client_that_proved_nothing(world: World, header: str) -> None:
    assert error(world.post("token", ASK, headers={"Authorization": header})) == (401, "invalid_client")


@pytest.mark.parametrize("secret", ["é", "\U0001f600", "x" * 40_000, "acme_cs_" + "0" * 300])
def test_no_secret_however_odd_is_more_than_wrong(world: World, secret: str) -> None:
    data = {**ASK, "client_id": world.holder().id, "client_secret": secret}
    assert error(world.post("token", data)) == (401, "invalid_client")


def test_ids_and_secrets_in_the_header_are_form_encoded_first(world: World) -> None:
    holder = world.holder()
    encoded = "".join(f"%{ord(character):02X}" for character in holder.id) + ":" + holder.secret.replace("_", "%5f")
    header = "bAsIc " + base64.b64encode(encoded.encode()).decode()
    assert world.post("token", ASK, headers={"Authorization": header}).status_code == 200


def test_guessing_is_throttled_by_address_and_a_right_secret_never_is(world: World) -> None:
    holder = world.holder()
    answers = [world.post("token", ASK, headers=basic(holder.id, f"guess{number}")) for number in range(40)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert world.post("token", ASK, holder).status_code == 200


def test_failures_at_the_endpoints_and_at_the_gate_count_together(world: World) -> None:
    for number in range(40):
        world.post("introspect", {"token": "x"}, headers=basic("cli_x", f"guess{number}"))
    assert world.call("acme_at_nonsense").status_code == 429


def test_of_a_client_that_can_prove_itself_nothing_is_read_where_it_shows_nothing(any_world: World) -> None:
    """As of one that is not there: what is read of it would be told by the time it takes."""
    public, confidential = any_world.holder(public=True), any_world.holder(device=True)
    with any_world.house.store.read() as conn:
        assert is_public(conn, public.id)
        assert not is_public(conn, confidential.id)
        assert not is_public(conn, "cli_" + "0" * 26)
