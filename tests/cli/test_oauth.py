"""The authorization server by command: clients, their public keys, signing keys, consents, redirect URIs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from joserfc import jwk

from flask_apiguard.cli.common import operator
from flask_apiguard.house import House
from flask_apiguard.oauth.consents import give

from .conftest import Run
from .shop import make

WHY = ("--reason", "contract 2026-11")
ISSUER = "https://shop.example"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The shop as an authorization server."""
    made = make(INSTANCE_PATH=str(tmp_path / "instance"), TESTING=True, APIGUARD_ISSUER=ISSUER)
    yield made
    made.extensions["apiguard"].close()


@pytest.fixture
def client(told: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = told("keys", "create", "Acme Pay", "--scope", "orders:read", *WHY)
    return found


@pytest.fixture
def token(house: House) -> Callable[..., str]:
    """The token of somebody who sits somewhere."""

    def make_one(name: str, organization_id: str | None, seat: str) -> str:
        with house.store.write() as tx:
            made = house.people.register(tx, f"{name}@example.org", name)
        issued = house.people.prove(made.proof)
        with house.store.write() as tx:
            house.people.give_seat(tx, operator(), issued.person.id, organization_id, seat)
        return issued.secret

    return make_one


@pytest.fixture
def key(tmp_path: Path) -> str:
    """The file of a public key."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False)))
    return str(path)


def test_a_client_is_made_public_and_what_is_not_named_stays(
    told: Callable[..., Any], run: Run, house: House, client: dict[str, Any]
) -> None:
    first = told("clients", "change", client["client"], "--public", "--token-format", "jwt", *WHY)
    assert (first["public"], first["token_format"], first["certificate_bound"]) == (True, "jwt", False)
    second = told("clients", "change", client["client"], "--certificate-bound", *WHY)
    assert (second["public"], second["token_format"], second["certificate_bound"]) == (True, "jwt", True)
    third = told("clients", "change", client["client"], "--confidential", "--token-format", "default", *WHY)
    assert (third["public"], third["token_format"], third["device"]) == (False, None, False)
    fourth = told("clients", "change", client["client"], "--device", *WHY)
    assert fourth == third | {"device": True}
    assert told("clients", "change", client["client"], "--no-device", *WHY) == third
    assert told("clients", "show", client["client"]) == third
    words = ("--grant-type", "client_credentials", "--grant-type", "refresh_token")
    fourth = told("clients", "change", client["client"], *words, *WHY)
    assert fourth["grant_types"] == ["client_credentials", "refresh_token"]
    assert told("clients", "change", client["client"], "--grant-type", "any", *WHY)["grant_types"] is None
    entry = next(iter(house.ledger.entries(happening="oauth:client:changed").entries))
    assert (entry.reason, entry.organization_id) == (WHY[1], client["organization"])
    assert run("clients", "change", client["client"], *WHY).status == 2
    assert run("clients", "change", "cli_nobody", "--public", *WHY).status == 1


def test_a_public_key_is_added_listed_and_revoked(
    told: Callable[..., Any], run: Run, client: dict[str, Any], key: str
) -> None:
    added = told("public-keys", "add", client["client"], key, "--lifetime", "30d", *WHY)
    assert (added["algorithm"], added["phase"]) == ("ES256", "live")
    assert run("public-keys", "add", client["client"], key, *WHY).status == 1, "it is registered already"
    assert [one["id"] for one in told("public-keys", "list", client["client"])] == [added["id"]]
    assert told("public-keys", "revoke", added["id"], *WHY)["phase"] == "revoked"
    assert told("public-keys", "revoke", added["id"], *WHY)["phase"] == "revoked"
    assert run("public-keys", "revoke", "key_nobody", *WHY).status == 1


@pytest.mark.parametrize("span", ["0d", "3651d"])
def test_how_long_a_key_lives_is_bounded(run: Run, client: dict[str, Any], key: str, span: str) -> None:
    answer = run("public-keys", "add", client["client"], key, "--lifetime", span, *WHY)
    assert (answer.status, "3650" in answer.err) == (2, True), answer.err


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10_000, '{"kty": "oct", "k": "c2VjcmV0"}', '{"kty": 5}'])
def test_what_is_no_public_key_is_refused_in_one_sentence(run: Run, client: dict[str, Any], text: str) -> None:
    answer = run("public-keys", "add", client["client"], "-", *WHY, given=text)
    assert (answer.status, answer.err.count("Error:")) == (2, 1)
    assert "c2VjcmV0" not in answer.err


def test_signing_keys_are_listed_turned_and_revoked(told: Callable[..., Any], run: Run, house: House) -> None:
    assert told("signing-keys", "list") == []
    first = told("signing-keys", "rotate", *WHY)
    second = told("signing-keys", "rotate", *WHY)
    assert (first["phase"], second["phase"]) == ("signing", "waiting")
    assert "waits already" in run("signing-keys", "rotate", *WHY).err
    told("signing-keys", "revoke", first["id"], *WHY)
    assert {one["id"]: one["phase"] for one in told("signing-keys", "list")} == {
        first["id"]: "revoked", second["id"]: "signing",
    }  # fmt: skip
    assert house.signing_keys.current()[0] == second["id"]
    entries = house.ledger.entries(happening="oauth:signing-key:made").entries
    assert {entry.reason for entry in entries} == {WHY[1]}


def test_consents_are_listed_and_withdrawn(
    told: Callable[..., Any], run: Run, house: House, client: dict[str, Any]
) -> None:
    with house.store.write() as tx:
        for number in range(3):
            give(tx, f"user:{number}", client["client"], ["orders:read"])
    assert len(told("consents", "list")) == 3
    assert [one["user"] for one in told("consents", "list", "--user", "user:1")] == ["user:1"]
    assert told("consents", "withdraw", client["client"], "user:1", *WHY)["withdrawn"] is True
    assert len(told("consents", "list", "--client", client["client"])) == 2
    again = run("consents", "withdraw", client["client"], "user:1", *WHY)
    assert (again.status, "allowed" in again.err) == (1, True)
    assert told("consents", "withdraw-all", "user:2", *WHY)["clients"] == [client["client"]]
    assert told("consents", "withdraw-all", "user:2", *WHY)["clients"] == []
    assert [one["user"] for one in told("consents", "list")] == ["user:0"]


def test_redirect_uris_are_set_as_a_whole_and_dangerous_ones_never(
    told: Callable[..., Any], run: Run, house: House, client: dict[str, Any]
) -> None:
    application = client["application"]
    found = told("redirect-uris", "set", application, "https://app.example/cb", "http://127.0.0.1/cb", *WHY)
    assert found["redirect_uris"] == ["https://app.example/cb", "http://127.0.0.1/cb"]
    assert run("redirect-uris", "set", application, "javascript:alert(1)", *WHY).status == 2
    assert [one["redirect_uri"] for one in told("redirect-uris", "list", application)] == found["redirect_uris"]
    entry = next(iter(house.ledger.entries(happening="clients:application:changed").entries))
    assert entry.reason == WHY[1]


def test_a_person_does_by_command_what_their_seat_allows(
    told: Callable[..., Any], run: Run, house: House, client: dict[str, Any], token: Callable[..., str], key: str
) -> None:
    other = told("keys", "create", "Bob", "--scope", "orders:read", *WHY)
    owner = token("ann", client["organization"], "owner")
    with house.store.write() as tx:
        give(tx, "user:1", client["client"], ["orders:read"])
        give(tx, "user:1", other["client"], ["orders:read"])
    assert told("public-keys", "add", client["client"], key, *WHY, "--as", owner)["client"] == client["client"]
    assert [one["client"] for one in told("consents", "list", "--as", owner)] == [client["client"]]
    for words in (
        ("clients", "change", client["client"], "--public", *WHY), ("signing-keys", "list"),
        ("signing-keys", "rotate", *WHY), ("clients", "show", other["client"]),
        ("consents", "withdraw", other["client"], "user:1", *WHY), ("consents", "withdraw-all", "user:1", *WHY),
        ("public-keys", "list", other["client"]),
        ("consents", "list", "--organization", other["organization"]), ("redirect-uris", "list", other["application"]),
    ):  # fmt: skip
        assert run(*words, "--as", owner).status == 1, words
    assert told("signing-keys", "list", "--as", token("olga", None, "auditor")) == []
    assert told("consents", "withdraw", client["client"], "user:1", *WHY, "--as", owner)["withdrawn"] is True


def test_without_an_authorization_server_that_is_said(tmp_path: Path) -> None:
    app = make(INSTANCE_PATH=str(tmp_path), TESTING=True)
    answer = app.test_cli_runner().invoke(args=["apiguard", "signing-keys", "list"])
    assert (answer.exit_code, "APIGUARD_ISSUER" in answer.stderr) == (1, True)
    app.extensions["apiguard"].close()
