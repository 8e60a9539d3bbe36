"""The authorization server by the JSON API: who may choose what, and whose keys and consents anybody sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwk

from flask_apiguard.extension import house_of
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.oauth.consents import give

from ..servers.http import serve
from .conftest import Heard, Town, make_app, populate

WHY = {"reason": "That was agreed."}


@pytest.fixture(scope="module")
def here(town: Town) -> dict[str, Any]:
    town.person("dora", town.ids["ann_org"], "developer")
    town.person("vico", town.ids["ann_org"], "viewer")
    return town.ready_application("ann", town.ids["ann_org"])


def public(kind: str = "EC", size: Any = "P-256") -> dict[str, Any]:
    key = jwk.ECKey.generate_key(size) if kind == "EC" else jwk.RSAKey.generate_key(size)
    return dict(key.as_dict(private=False))


def offered(heard: Heard) -> set[str]:
    return {one["action"] for one in heard.json["next"]}


def newest(town: Town, subject: str) -> Any:
    with town.house.store.read() as conn:
        rows = sa.select(ledger).where(ledger.c.subject == subject).order_by(ledger.c.seq.desc())
        return conn.execute(rows).first()


@pytest.mark.parametrize(
    ("path", "body"),
    [("public", {"public": True}), ("token-format", {"token_format": "jwt"}),
     ("certificate-bound", {"certificate_bound": True}), ("grant-types", {"grant_types": ["refresh_token"]}),
     ("device", {"device": True})],
)  # fmt: skip
def test_what_a_client_is_to_the_server_is_the_houses_to_say_and_is_on_record(
    town: Town, here: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    address = f"/clients/{here['client_id']}/{path}"
    for who in ("ann", "dora", "rita"):
        assert town.go("PUT", address, {**body, **WHY}, who).status == 403
    assert town.go("PUT", address, body, "adam").status == 422, "without a reason"
    assert town.go("PUT", address, {**body, **WHY}, "adam", Idempotency_Key=f"k-{path}").status == 200
    again = town.go("PUT", address, {**body, **WHY}, "adam", Idempotency_Key=f"k-{path}")
    assert again.headers["Idempotency-Replayed"] == "true"
    entry = newest(town, f"client:{here['client_id']}")
    assert (entry.happening, entry.organization_id) == ("oauth:client:changed", town.ids["ann_org"])


def test_what_is_offered_next_is_what_one_may(town: Town, here: dict[str, Any]) -> None:
    client = town.go("GET", f"/clients/{here['client_id']}", who="adam")
    told = town.go(*client.follow("oauth"), who="adam")
    assert {"set-public", "set-token-format", "set-certificate-bound", "set-device", "set-grant-types"} <= offered(told)
    assert {"public-keys", "certificates", "consents"} <= offered(told)
    assert town.go(*told.follow("certificates"), who="adam").status == 200
    assert town.go(*told.follow("public-keys"), who="adam").status == 200
    assert town.go(*told.follow("consents"), who="adam").status == 200
    seen = town.go("GET", f"/clients/{here['client_id']}/oauth", who="vico")
    assert offered(seen) == {"public-keys", "certificates", "consents"}
    assert "add-public-key" not in offered(town.go(*seen.follow("public-keys"), who="vico"))


def test_a_developer_registers_a_key_and_revokes_it(town: Town, here: dict[str, Any]) -> None:
    listed = town.go("GET", f"/clients/{here['client_id']}/public-keys", who="dora")
    key = public("RSA", 2048)
    added = town.go(*listed.follow("add-public-key"), {"jwk": {**key, "kid": "mine", "use": "sig"}}, "dora")
    assert newest(town, f"client:{here['client_id']}").organization_id == town.ids["ann_org"]
    assert (added.status, added.json["algorithm"]) == (201, "PS256")
    assert set(added.json["jwk"]) >= {"kty", "n", "e"}
    again = town.go(*listed.follow("add-public-key"), {"jwk": key}, "dora")
    assert again.status == 409
    assert town.go(*added.follow("revoke"), WHY, "vico").status == 403
    gone = town.go(*added.follow("revoke"), WHY, "dora")
    assert gone.json["phase"] == "revoked"
    entry = newest(town, f"client:{here['client_id']}")
    assert (entry.happening, entry.actor_id) == ("oauth:key:revoked", town.ids["dora"])


@pytest.mark.parametrize(("lifetime", "status"), [(59, 422), (3650 * 86400, 201), (3650 * 86400 + 1, 422)])
@pytest.mark.parametrize("noun", ["public-keys", "certificates", "credentials"])
def test_how_long_it_proves_a_client_is_bounded_alike_for_every_noun(
    town: Town, here: dict[str, Any], noun: str, lifetime: int, status: int
) -> None:
    bodies = {"public-keys": {"jwk": public()}, "certificates": {"san_dns": "a.example"}, "credentials": {"name": "x"}}
    path = f"/clients/{here['client_id']}/{noun}"
    answer = town.go("POST", path, {**bodies[noun], "lifetime": lifetime}, "ann")
    assert answer.status == status, answer.body
    assert [flaw["pointer"] for flaw in answer.json.get("errors", ())] == ["/lifetime"] * (status == 422)


@pytest.mark.parametrize(
    "key",
    [{"kty": "oct", "k": "c2VjcmV0"}, {"kty": "EC", "crv": "P-256", "x": "☃", "y": "1"},
     {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
     {"kty": "EC"}, dict(jwk.ECKey.generate_key("P-256").as_dict(private=True)), {"kty": "x" * 5000},
     {"kty": "RSA", "n": "f" * 50_000, "e": "AQAB"}],
    ids=lambda key: f"{key['kty'][:4]}-{len(str(key))}",
)  # fmt: skip
def test_what_is_no_public_key_of_ours_is_refused_at_its_place(
    town: Town, here: dict[str, Any], key: dict[str, Any]
) -> None:
    refused = town.go("POST", f"/clients/{here['client_id']}/public-keys", {"jwk": key}, "ann")
    assert refused.status == 422
    assert [flaw["pointer"] for flaw in refused.json["errors"]] == ["/jwk"]
    assert key.get("d", "no secret") not in refused.body.decode()


def test_an_organization_sees_and_withdraws_its_own_consents_only(town: Town, here: dict[str, Any]) -> None:
    other = town.ready_application("bob", town.ids["bob_org"])
    with town.house.store.write() as tx:
        for user in ("user:1", "user:2", "ü " * 60):
            give(tx, user, here["client_id"], ["orders:read"])
        give(tx, "user:1", other["client_id"], ["orders:read"])

    def seen(who: str, query: str = "") -> list[tuple[str, str]]:
        found, cursor = [], ""
        while cursor is not None:
            page = town.go("GET", f"/consents?limit=2{query}{cursor and f'&cursor={cursor}'}", who=who).json
            found += [(one["client_id"], one["user_id"]) for one in page["items"]]
            cursor = page["cursor"]
        return found

    assert {client for client, _ in seen("ann")} == {here["client_id"]}
    assert len(seen("ann")) == len(set(seen("ann"))) == 3
    assert seen("bob") == [(other["client_id"], "user:1")]
    assert len(seen("olga")) == 4
    assert len(seen("adam", "&user_id=user:1")) == 2
    path, body = f"/clients/{here['client_id']}/consents/withdrawal", {"user_id": "user:1", **WHY}
    assert town.go("POST", path, body, "vico").status == 403
    assert town.go("POST", path, body, "bob").status == 404
    assert town.go("POST", path, body, "ann").status == 200
    assert town.go("POST", path, body, "ann").status == 404, "there is none any more"
    assert len(seen("adam", "&user_id=user:1")) == 1
    entry = newest(town, f"client:{here['client_id']}")
    assert (entry.happening, entry.organization_id) == ("oauth:consent:withdrawn", town.ids["ann_org"])


@pytest.mark.parametrize("cursor", ["x", ".", "cli_x.%%", "cli_x.AA==", "cli_x./w==", "cli_x.%C3%BC", "a" * 2000])
def test_a_made_up_cursor_is_refused(town: Town, cursor: str) -> None:
    assert town.go("GET", f"/consents?cursor={cursor}", who="adam").status == 422


def test_signing_keys_are_turned_one_at_a_time_by_administrators(town: Town) -> None:
    listed = town.go("GET", "/signing-keys", who="olga")
    assert (listed.status, offered(listed)) == (200, set())
    assert town.go("GET", "/signing-keys", who="ann").status == 403
    for _ in range(2):
        town.go("POST", "/signing-keys", WHY, "adam")
    refused = town.go("POST", "/signing-keys", WHY, "adam")
    assert (refused.status, "waits already" in refused.json["detail"]) == (409, True)
    keys = town.go("GET", "/signing-keys", who="adam")
    assert "rotate" not in offered(keys)
    signing = next(one["id"] for one in keys.json["items"] if one["phase"] == "signing")
    waiting = next(one["id"] for one in keys.json["items"] if one["phase"] == "waiting")
    revoked = town.go("POST", f"/signing-keys/{signing}/revocation", WHY, "adam")
    assert revoked.json["phase"] == "revoked"
    assert town.house.signing_keys.current()[0] == waiting, "the next one takes over at once"
    assert town.go("POST", f"/signing-keys/{waiting}/revocation", WHY, "olga").status == 403
    assert newest(town, f"signing_key:{signing}").happening == "oauth:signing-key:revoked"


def test_without_an_authorization_server_that_is_said(tmp_path: Path) -> None:
    app = make_app(tmp_path, APIGUARD_ISSUER=None)
    house = house_of(app)
    with serve(app) as url:
        town = populate(Town(app, house, url))
        made = town.ready_application("ann", town.ids["ann_org"])
        for path in (f"/clients/{made['client_id']}/oauth", "/signing-keys", "/consents"):
            told = town.go("GET", path, who="adam")
            assert (told.status, "APIGUARD_ISSUER" in told.json["detail"]) == (409, True)
        assert "oauth" not in offered(town.go("GET", f"/clients/{made['client_id']}", who="adam"))
    house.close()
