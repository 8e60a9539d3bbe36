"""Certificates of clients by command: by name, by file, from a JWK Set; with a successor, and without."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk

from flask_apiguard.house import House
from tests.oauth.authority import DAY, Held, made

from .conftest import Run
from .test_oauth import WHY, app, client, token

__all__ = ["app", "client", "token"]  # fixtures


@pytest.fixture
def pem(tmp_path: Path) -> Callable[[Held], str]:
    def write(held: Held) -> str:
        return held.write(tmp_path, held.certificate.subject.rfc4514_string()[3:])[0]

    return write


def key_set(path: Path, *keys: dict[str, Any]) -> str:
    path.write_text(json.dumps({"keys": keys}))
    return str(path)


def jwk_of(held: Held, chain: Held | None = None) -> dict[str, Any]:
    text = base64.b64encode((chain or held).der).decode()
    return {**jwk.ECKey.import_key(held.key.public_key()).as_dict(private=False), "x5c": [text], "use": "sig"}


def test_certificates_are_added_replaced_and_revoked_and_the_ledger_says_so(
    told: Callable[..., Any], house: House, client: dict[str, Any], pem: Callable[[Held], str]
) -> None:
    who = client["client"]
    (first,) = told("certificates", "add", who, "--certificate", pem(made("CN=a")), "--lifetime", "30d", *WHY)
    assert (first["method"], first["phase"]) == ("self_signed_tls_client_auth", "live")
    second = told("certificates", "rotate", first["id"], "--subject-dn", "CN=a,O=Acme", "--overlap", "1d", *WHY)
    assert (second["known_by"], second["value"], second["replaces"]) == ("subject_dn", "CN=a,O=Acme", first["id"])
    assert second["old_ends"] < first["ends"]
    assert told("certificates", "revoke", second["id"], *WHY)["phase"] == "revoked"
    assert told("certificates", "revoke", second["id"], *WHY)["phase"] == "revoked", "again is as once"
    assert [one["id"] for one in told("certificates", "list", who)] == [first["id"], second["id"]]
    for word in ("added", "rotated", "revoked"):
        (entry,) = house.ledger.entries(happening=f"oauth:certificate:{word}").entries
        assert (entry.reason, entry.organization_id) == (WHY[1], client["organization"])
        assert "Acme" not in entry.text, "a name may be a person's: it stands beside the chain"


def test_what_ends_all_of_a_client_ends_its_keys_and_certificates_too(
    told: Callable[..., Any], client: dict[str, Any], pem: Callable[[Held], str], tmp_path: Path
) -> None:
    who = client["client"]
    told("certificates", "add", who, "--certificate", pem(made("CN=a")), *WHY)
    key = tmp_path / "key.json"
    key.write_text(json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False)))
    told("public-keys", "add", who, str(key), *WHY)
    assert told("keys", "revoke", "--client", who, *WHY)["revoked"] == 3
    for noun in ("certificates", "public-keys"):
        assert [one["phase"] for one in told(noun, "list", who)] == ["revoked"]


def test_a_name_is_renewed_under_itself(told: Callable[..., Any], client: dict[str, Any]) -> None:
    (first,) = told("certificates", "add", client["client"], "--san-dns", "pay.example", *WHY)
    second = told("certificates", "rotate", first["id"], "--san-dns", "pay.example", *WHY)
    assert second["value"] == "pay.example"


def test_every_certificate_of_a_key_set_is_added(
    told: Callable[..., Any], client: dict[str, Any], tmp_path: Path
) -> None:
    held, bare = [made("CN=a"), made("CN=b")], jwk.ECKey.generate_key("P-256").as_dict(private=False)
    path = key_set(tmp_path / "jwks.json", *map(jwk_of, held), bare)
    found = told("certificates", "add", client["client"], "--jwks", path, *WHY)
    assert len({one["value"] for one in found}) == 2


@pytest.mark.parametrize(
    ("options", "status", "wanted"),
    [
        ((), 2, "exactly one"),
        (("--subject-dn", "CN=a", "--san-dns", "a.example"), 2, "exactly one"),
        (("--subject-dn", "Acme"), 2, "RFC 4514"),
        (("--subject-dn", ""), 2, "characters"),
        (("--san-dns", "*.a.example"), 2, "wildcard"),
        (("--san-uri", "a b"), 2, "URI"),
        (("--san-ip", "10.0.0.0/8"), 2, "IP address"),
        (("--san-email", "Ann <ann@example.org>"), 2, "address"),
        (("--san-dns", "a.example", "--lifetime", "20000d"), 2, "3650"),
        (("--san-dns", "a.example", "--lifetime", "0d"), 2, "3650"),
    ],
)
def test_what_is_no_name_is_refused_with_a_sentence(
    run: Run, client: dict[str, Any], options: tuple[str, ...], status: int, wanted: str
) -> None:
    answer = run("certificates", "add", client["client"], *options, *WHY)
    assert (answer.status, wanted in answer.err) == (status, True), answer.err


def test_what_is_no_certificate_or_another_keys_or_over_is_refused(
    run: Run, client: dict[str, Any], tmp_path: Path, pem: Callable[[Held], str]
) -> None:
    held, other = made("CN=a"), made("CN=b")
    over = made(
        "CN=over", begins=held.certificate.not_valid_before_utc - 9 * DAY, ends=held.certificate.not_valid_before_utc
    )
    two, junk = tmp_path / "two.pem", tmp_path / "junk.pem"
    two.write_text(held.pem + other.pem)
    junk.write_bytes(b"\xff\x00")
    mixed = key_set(tmp_path / "mixed.json", jwk_of(held, other))
    private = key_set(tmp_path / "private.json", {**jwk_of(held), "d": "x"})
    none = key_set(tmp_path / "none.json", jwk.ECKey.generate_key("P-256").as_dict(private=False))
    for option, path, wanted in (
        ("--certificate", pem(over), "expired"), ("--certificate", str(two), "one certificate"),
        ("--certificate", str(junk), "one certificate"), ("--jwks", mixed, "another key"),
        ("--jwks", private, "not a public key"), ("--jwks", none, "x5c"), ("--jwks", str(junk), "JWK Set"),
    ):  # fmt: skip
        answer = run("certificates", "add", client["client"], option, path, *WHY)
        assert (answer.status, wanted in answer.err) == (2, True), (path, answer.err)


def test_no_two_clients_share_a_certificate_a_key_or_a_name(
    run: Run, told: Callable[..., Any], client: dict[str, Any], pem: Callable[[Held], str]
) -> None:
    held = made("CN=a")
    other = told("keys", "create", "Other", "--scope", "orders:read", *WHY)["client"]
    told("certificates", "add", client["client"], "--certificate", pem(held), *WHY)
    told("certificates", "add", client["client"], "--san-uri", "spiffe://a/b", *WHY)
    for option, value in (
        ("--certificate", pem(held)), ("--certificate", pem(made("CN=again", key=held.key))),
        ("--san-uri", "spiffe://a/b"),
    ):  # fmt: skip
        answer = run("certificates", "add", other, option, value, *WHY)
        assert (answer.status, "registered already" in answer.err) == (1, True)
    (name,) = [one for one in told("certificates", "list", client["client"]) if one["known_by"] == "san_uri"]
    told("certificates", "revoke", name["id"], *WHY)
    assert told("certificates", "add", other, "--san-uri", "spiffe://a/b", *WHY), "a name is free once it ended"


def test_a_client_has_ten_at_most_and_an_ended_one_no_successor(
    run: Run, told: Callable[..., Any], client: dict[str, Any]
) -> None:
    made_ = [told("certificates", "add", client["client"], "--san-dns", f"a{n}.example", *WHY)[0] for n in range(10)]
    refused = run("certificates", "add", client["client"], "--san-dns", "b.example", *WHY)
    assert (refused.status, "10 certificates" in refused.err) == (1, True)
    told("certificates", "revoke", made_[0]["id"], *WHY)
    refused = run("certificates", "rotate", made_[0]["id"], "--san-dns", "b.example", *WHY)
    assert (refused.status, "ended already" in refused.err) == (1, True)


def test_who_does_not_sit_there_gets_nothing(
    run: Run, told: Callable[..., Any], client: dict[str, Any], token: Callable[..., str]
) -> None:
    (found,) = told("certificates", "add", client["client"], "--san-dns", "a.example", *WHY)
    nobody = ("--as", token("nobody", None, "auditor"))
    for command in (
        ("add", client["client"], "--san-dns", "b.example", *WHY), ("rotate", found["id"], "--san-dns", "b.x", *WHY),
        ("revoke", found["id"], *WHY),
    ):  # fmt: skip
        assert run("certificates", *command, *nobody).status == 1
    assert len(told("certificates", "list", client["client"], *nobody)) == 1
