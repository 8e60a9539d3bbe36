"""Tokens: issued in one statement, ended alone, by family, with their credential or their client."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from flask_apiguard.clients import Client
from flask_apiguard.clients.changes import change
from flask_apiguard.clients.tables import client as clients
from flask_apiguard.credentials import Series, Token, prune, revoke, revoke_family, revoke_token
from flask_apiguard.credentials.format import Written
from flask_apiguard.credentials.tables import in_family
from flask_apiguard.credentials.tables import token as table
from flask_apiguard.credentials.tokens import of_text
from flask_apiguard.errors import Denied
from flask_apiguard.values import HostUser, Reason
from tests.credentials.house import BY, House


def issue(house: House, client: Client, **facts: Any) -> tuple[Token, str]:
    asked = {"client_id": client.id, "environment": client.environment, "scopes": ["orders:read"], **facts}
    made: tuple[Token, str] = house.write(lambda tx: house.tokens.issue(tx, **asked))
    return made


def refusal(house: House, text: str) -> Reason:
    with pytest.raises(Denied) as caught:
        house.identify(text)
    return caught.value.decision.reason


def test_a_token_names_its_client_its_user_and_its_scopes(any_house: House) -> None:
    client = any_house.client()
    made, text = issue(any_house, client, scopes=["orders:read", "never:granted"], user_id="u7")
    caller = any_house.identify(text)
    assert caller.client is not None
    assert (caller.client.id, caller.user, caller.scopes) == (client.id, HostUser("u7"), {"orders:read"})
    assert (caller.credential_id, caller.credential_kind) == (made.id, "access_token")
    assert caller.expires_at == made.expires_at.timestamp()
    assert {f"token:{made.id}", f"family:{made.id}", "user:u7", f"client:{client.id}"} <= set(caller.subjects)
    assert any_house.identify(text) is caller
    any_house.clock.advance(601)
    assert refusal(any_house, text) is Reason.CREDENTIAL_EXPIRED


def test_issuing_is_one_statement_and_moves_neither_ledger_nor_change_log(house: House) -> None:
    client = house.client()

    def counts() -> list[Any]:
        with house.store.read() as conn:
            return [conn.execute(sa.select(sa.func.count()).select_from(change)).scalar(),
                    conn.exec_driver_sql("SELECT count(*) FROM apiguard_ledger").scalar()]  # fmt: skip

    before, statements = counts(), []
    sa.event.listen(
        house.store.engine, "before_cursor_execute", lambda conn, cursor, statement, *_: statements.append(statement)
    )
    issue(house, client)
    assert [statement.split()[0] for statement in statements if statement != "BEGIN IMMEDIATE"] == ["INSERT"]
    assert counts() == before


def test_an_access_token_is_taken_as_bearer_only(house: House) -> None:
    _, text = issue(house, house.client())
    with pytest.raises(Denied) as caught:
        house.identify(text, "X-API-Key")
    assert caught.value.decision.reason is Reason.CREDENTIAL_UNKNOWN


def test_a_refresh_token_opens_no_route(house: House) -> None:
    assert refusal(house, issue(house, house.client(), kind="refresh")[1]) is Reason.CREDENTIAL_UNKNOWN


def test_a_bound_token_is_no_bearer_token_and_another_s_is_none_here(house: House) -> None:
    client = house.client()
    assert refusal(house, issue(house, client, cnf={"jkt": "x"})[1]) is Reason.CREDENTIAL_BOUND
    assert refusal(house, issue(house, client, audience=["https://other"])[1]) is Reason.AUDIENCE_WRONG


def test_one_token_ends_alone(any_house: House) -> None:
    client = any_house.client()
    (first, one), (_, two) = issue(any_house, client), issue(any_house, client)
    assert all(any_house.identify(text) for text in (one, two))
    assert any_house.write(lambda tx: revoke_token(tx, first.id)) is True
    assert any_house.write(lambda tx: revoke_token(tx, first.id)) is False
    assert refusal(any_house, one) is Reason.CREDENTIAL_REVOKED
    assert any_house.identify(two)


def test_a_family_ends_as_one(any_house: House) -> None:
    client = any_house.client()
    parent, _ = issue(any_house, client, kind="refresh")
    child, text = issue(any_house, client, parent=parent)
    _, stranger = issue(any_house, client)
    assert (child.family_id, child.generation, child.parent_id) == (parent.id, 1, parent.id)
    assert all(any_house.identify(each) for each in (text, stranger))
    assert any_house.write(lambda tx: revoke_family(tx, BY, parent.family_id, "reused")) == 2
    assert refusal(any_house, text) is Reason.CREDENTIAL_REVOKED
    assert any_house.identify(stranger)


def test_a_token_ends_with_the_credential_it_was_issued_for(any_house: House) -> None:
    client = any_house.client()
    credential, _ = any_house.key(client, kind="client_secret")
    _, text = issue(any_house, client, credential_id=credential.id)
    assert any_house.identify(text)
    any_house.write(lambda tx: revoke(tx, BY, credential.id, "leaked"))
    assert refusal(any_house, text) is Reason.CREDENTIAL_REVOKED


def test_a_token_is_found_again_whole(any_house: House) -> None:
    client = any_house.client()
    made, text = issue(
        any_house, client, kind="refresh", user_id="u7", audience=["https://a"], cnf={"jkt": "x"}, lifetime=60
    )
    with any_house.store.read() as conn:
        assert any_house.tokens.find(conn, text) == made
        for other in ("", "x", text[:-1], "acme_at_\0", any_house.format.make_client_secret().text):
            assert any_house.tokens.find(conn, other) is None


def test_introspection_says_what_an_active_token_says_and_nothing_of_any_other(house: House) -> None:
    client = house.client()
    made, text = issue(house, client, user_id="u7", audience=["https://a"], cnf={"jkt": "x"})
    assert house.access_tokens.facts(text) == {
        "active": True, "scope": "orders:read", "client_id": client.id, "token_type": "DPoP", "sub": "u7",
        "exp": int(made.expires_at.timestamp()), "environment": "production", "aud": ["https://a"], "cnf": {"jkt": "x"},
    }  # fmt: skip
    refresh = issue(house, client, kind="refresh")[1]
    for other in ("", "x", text[:-1], refresh, house.key(client)[1], "\ud800"):
        assert house.access_tokens.facts(other) == {"active": False}
    house.clock.advance(601)
    assert house.access_tokens.facts(text) == {"active": False}


def test_pruning_keeps_a_family_whole_until_its_last_token_is_a_day_past(any_house: House) -> None:
    client = any_house.client()
    parent, _ = issue(any_house, client, kind="refresh", lifetime=60)
    issue(any_house, client, parent=parent, kind="refresh", lifetime=5 * 86400)
    issue(any_house, client, lifetime=60)

    def left_after(seconds: float) -> int:
        any_house.clock.advance(seconds)
        any_house.write(lambda tx: prune(tx, tx.now))
        with any_house.store.read() as conn:
            return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0)

    assert [left_after(3600), left_after(86400), left_after(5 * 86400)] == [3, 2, 0]


@pytest.mark.sqlite
def test_a_family_and_what_a_client_holds_for_a_user_are_found_without_reading_all(house: House) -> None:
    asked: list[sa.ColumnElement[bool]] = [
        in_family(table, "fam_a"), sa.and_(table.c.user_id == "u7", table.c.client_id == "cli_a"),
        sa.and_(table.c.client_id == "cli_a", table.c.expires_at > house.store.now()),
        sa.and_(table.c.client_id.in_(sa.select(clients.c.id)), table.c.expires_at <= house.store.now()),
        of_text(table),
    ]  # fmt: skip
    with house.store.read() as conn:
        for found in asked:
            asking = sa.select(table.c.id).where(found).params(house.tokens.found_by("acme_at_x"))
            query = asking.compile(conn, compile_kwargs={"literal_binds": True})
            plan = [row[-1] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
            assert not [step for step in plan if step.startswith("SCAN apiguard_token")], plan
            assert any("x_apiguard_token_" in step or "autoindex_apiguard_token" in step for step in plan)


def test_a_token_has_the_id_that_its_text_makes_or_its_text_was_made_after_its_id(any_house: House) -> None:
    client, tokens = any_house.client(), any_house.tokens
    opaque, text = issue(any_house, client)
    for more in ({"seed": "s", "kind": "refresh"}, {"text_of": lambda made: f"eyJ{made.id}.eyJ.x"}):
        other, other_text = issue(any_house, client, **more)
        with any_house.store.read() as conn:
            assert tokens.find(conn, other_text) == other
            kept = conn.execute(sa.select(table.c.digest).where(table.c.id == other.id)).scalar()
        assert kept == tokens.digest(other_text)
        assert tokens.id_of(other_text) != other.id
    assert opaque.id == opaque.family_id == tokens.id_of(text)
    with any_house.store.read() as conn:
        assert conn.execute(sa.select(table.c.digest).where(table.c.id == opaque.id)).scalar() is None
        assert tokens.find(conn, text) == opaque
    with pytest.raises(sa.exc.IntegrityError):
        issue(any_house, client, seed="s", kind="refresh")


def test_the_first_of_a_family_ends_with_it_and_a_namesake_does_not(any_house: House) -> None:
    client = any_house.client()
    first, text = issue(any_house, client)
    _, named = issue(any_house, client, family_id="fam_a")
    _, stranger = issue(any_house, client, family_id="fam_b")
    assert any_house.write(lambda tx: revoke_family(tx, BY, first.id, "over")) == 1
    assert any_house.write(lambda tx: revoke_family(tx, BY, "fam_a", "over")) == 1
    assert [refusal(any_house, each) for each in (text, named)] == [Reason.CREDENTIAL_REVOKED] * 2
    assert any_house.identify(stranger)


def test_a_token_that_is_written_alone_is_found_again_whole_too(any_house: House) -> None:
    client = any_house.client()
    asked = {"client_id": client.id, "environment": client.environment, "scopes": ["orders:read", "never:granted"]}
    for more in (
        {},
        {"user_id": "u7", "audience": ["https://a"], "cnf": {"jkt": "x"}, "kind": "refresh"},
    ):
        seen: list[Token] = []
        named = any_house.tokens.format.make_token(Written.ACCESS)

        def text_of(made: Token, named: str = named, seen: list[Token] = seen) -> str:
            seen.append(made)
            return named

        now = any_house.store.now()
        text = Series(any_house.tokens, any_house.store, **asked, **more, text_of=text_of).issue(now, 60)
        with any_house.store.read() as conn:
            assert any_house.tokens.find(conn, text) == seen[0]
