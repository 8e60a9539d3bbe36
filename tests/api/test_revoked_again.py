"""What is revoked stays to be seen, and revoking it again is the same as once: for every noun that is revoked."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwk

from .conftest import Town

WHY = {"reason": "It was seen in a log."}
NOUNS = ("certificates", "credentials", "invitations", "public-keys", "signing-keys", "tokens")


@pytest.fixture(scope="module")
def here(town: Town) -> dict[str, Any]:
    return town.ready_application("ann", town.ids["ann_org"])


def made(town: Town, here: dict[str, Any], noun: str) -> tuple[str, str, str]:
    """Something fresh: who revokes it, by which method, and where."""
    client = f"/clients/{here['client_id']}"
    bodies = {
        "certificates": (f"{client}/certificates", {"san_dns": "again.example"}),
        "credentials": (f"{client}/credentials", {"name": "again"}),
        "invitations": (f"/organizations/{town.ids['ann_org']}/invitations", {"email": "x@y.test", "seat": "viewer"}),
        "public-keys": (f"{client}/public-keys", {"jwk": jwk.ECKey.generate_key("P-256").as_dict(private=False)}),
        "signing-keys": ("/signing-keys", WHY),
        "tokens": ("/me/tokens", {"name": "again"}),
    }  # fmt: skip
    who = "adam" if noun == "signing-keys" else "ann"
    path, body = bodies[noun]
    answer = town.go("POST", path, body, who)
    assert answer.status == 201, answer.body
    address = f"{'/me' if noun == 'tokens' else ''}/{noun}/{answer.json['id']}"
    return (who, "DELETE", address) if noun in ("invitations", "tokens") else (who, "POST", f"{address}/revocation")


@pytest.mark.parametrize("noun", NOUNS)
def test_revoking_again_is_the_same_as_once(town: Town, here: dict[str, Any], noun: str) -> None:
    who, method, address = made(town, here, noun)
    body = WHY if method == "POST" else None
    first = town.go(method, address, body, who)
    entries = town.entries()
    again = town.go(method, address, body, who)
    assert (first.status, again.status) == (200, 200), again.body
    assert again.json == first.json, "the first reason, and the first moment, stand"
    assert town.entries() == entries, "nothing happened that could be put on record"


@pytest.mark.parametrize("noun", NOUNS)
def test_what_was_revoked_is_still_nobody_elses(town: Town, here: dict[str, Any], noun: str) -> None:
    who, method, address = made(town, here, noun)
    body = WHY if method == "POST" else None
    assert town.go(method, address, body, who).status == 200
    assert town.go(method, address, body, "bob").status == (403 if noun == "signing-keys" else 404)
    nobody = address.replace(address.removesuffix("/revocation").rpartition("/")[2], "cred_nobody")
    assert town.go(method, nobody, body, who).status == 404
