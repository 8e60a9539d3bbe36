"""Every endpoint does what it says, in one day of the town. At its end no endpoint is left untried."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwk

from flask_apiguard.api.dispatch import _paths
from flask_apiguard.api.endpoints import ENDPOINTS
from flask_apiguard.monitor.anomalies import Finding, put
from flask_apiguard.oauth.consents import give
from tests.oauth.authority import made

from .conftest import BASE, Heard, Town
from .examples import LATER

WHY = {"reason": "That was agreed."}


class Day:
    """Calls that must go well; remembers which endpoints they were."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.tried: set[str] = set()

    def __call__(self, method: str, path: str, body: Any = None, who: str | None = None, **headers: str) -> Heard:
        heard = self.town.go(method, path, body, who, **headers)
        assert 200 <= heard.status < 300, (method, path, heard.status, heard.body)
        here = urlsplit(path).path.removeprefix(BASE)
        endpoint, _ = _paths().bind("localhost").match(here, method=method)
        assert heard.status == endpoint.status, endpoint.name
        if heard.kind == "application/json" and endpoint.out is not None:
            assert isinstance(heard.json["next"], list), endpoint.name
            if endpoint.many:
                assert {"items", "cursor", "next"} == set(heard.json)
        assert heard.headers["Cache-Control"] == "no-store"
        self.tried.add(endpoint.name)
        return heard


@pytest.fixture
def day(town: Town) -> Day:
    return Day(town)


def test_every_endpoint_has_its_good_case(town: Town, day: Day) -> None:
    _people(town, day)
    here = _application(town, day)
    _client(town, day, here)
    _oauth(town, day, here)
    _records(town, day, here)
    _house(town, day)
    _end(town, day, here)
    assert {endpoint.name for endpoint in ENDPOINTS} - day.tried == set()


def _people(town: Town, day: Day) -> None:
    password = "a horse walks into a bar"
    day("POST", "/people", {"email": "pat@pat.example", "name": "Pat"})
    pat = day("POST", "/people/proof", {"code": town.mailed("pat@pat.example")}).json["secret"]
    day("PUT", "/me/password", {"new": password}, pat)
    pat = day("POST", "/people/session", {"email": "pat@pat.example", "password": password}).json["secret"]
    day("POST", "/people/link", {"email": "pat@pat.example"})
    linked = day("POST", "/people/link/session", {"code": town.mailed("pat@pat.example")}).json["secret"]
    day("DELETE", "/people/session", who=linked)
    assert town.go("GET", "/me", who=linked).status == 401
    me = day("GET", "/me", who=pat).json
    made = day("POST", "/me/tokens", {"name": "laptop", "lifetime": 3600}, pat)
    assert day("GET", "/me", who=made.json["secret"]).json["id"] == me["id"]
    assert {one["kind"] for one in day("GET", "/me/tokens", who=pat).json["items"]} == {"session", "token"}
    day("DELETE", f"/me/tokens/{made.json['id']}", who=pat)

    ours = f"/organizations/{town.ids['ann_org']}"
    day("GET", "/organizations", who="ann")
    assert day("GET", ours, who="ann").json["name"] == "ann and sons"
    day("POST", "/organizations", {"name": "Another"}, "adam")
    invited = day("POST", f"{ours}/invitations", {"email": "gone@gone.example", "seat": "viewer"}, "ann").json["id"]
    assert [one["id"] for one in day("GET", f"{ours}/invitations", who="ann").json["items"]] == [invited]
    day("DELETE", f"/invitations/{invited}", who="ann")
    day("POST", f"{ours}/invitations", {"email": "dev@dev.example", "seat": "developer"}, "ann")
    dev = day("POST", "/people/invitation", {"code": town.mailed("dev@dev.example"), "name": "Dev"}).json["person"]
    day("POST", f"{ours}/members", {"person_id": dev["id"], "seat": "viewer", "until": LATER}, "ann")
    assert len(day("GET", f"{ours}/members", who="ann").json["items"]) == 3
    day("DELETE", f"{ours}/members/{dev['id']}/viewer", who="ann")
    assert day("GET", f"/people/{dev['id']}", who="rita").json["name"] == "Dev"
    assert day("POST", f"/people/{dev['id']}/disabling", {}, "adam").json["disabled_at"] is not None
    assert day("POST", f"/people/{dev['id']}/enabling", {}, "adam").json["disabled_at"] is None


def _application(town: Town, day: Day) -> dict[str, str]:
    draft = day("POST", "/applications", {
        "name": "Day", "contact_email": "desk@ann.example", "purpose": "Sends the orders of one day to the mill.",
        "requested_scopes": {"orders:read": "To see what was ordered."}, "organization_id": town.ids["ann_org"],
        "redirect_uris": ["https://ann.example/back"], "addresses": ["192.0.2.0/28"], "expected_calls_per_day": 50,
    }, "ann")  # fmt: skip
    here = f"/applications/{draft.json['id']}"
    day("GET", "/applications?state=draft", who="ann")
    day("GET", here, who="ann")
    own = day("GET", f"/organizations/{town.ids['ann_org']}", who="ann")
    name, etag = {"name": "Ann and daughters"}, own.headers["ETag"] or ""
    assert day("PATCH", f"/organizations/{town.ids['ann_org']}", name, "ann", If_Match=etag).json["version"] == 2
    day("PATCH", here, {"data_class": "orders"}, "ann", If_Match=draft.headers["ETag"] or "")
    day("PUT", f"{here}/reference", {"reference": "customer:42"}, "adam")
    day("POST", f"{here}/contact", {}, "ann")
    day("POST", f"{here}/contact/proof", {"code": town.mailed("desk@ann.example")}, "ann")
    assert all(one["verdict"] == "passed" for one in day("POST", f"{here}/checks", {"before": "enter_sandbox"}, "ann")
               .json["items"])  # fmt: skip
    day("GET", f"{here}/checks", who="ann")
    waiver = day("POST", f"{here}/checks/purpose/waiver", {**WHY, "until": LATER}, "rita").json["id"]
    assert day("POST", f"{here}/waivers/{waiver}/second", {}, "rudi").json["seconded_by"]
    day("GET", f"{here}/waivers", who="ann")
    entered = day("POST", f"{here}/sandbox", {}, "ann").json
    day("GET", f"{here}/graduation", who="ann")
    assert [one["scope"] for one in day("GET", f"{here}/grants", who="ann").json["items"]] == ["orders:read"]
    grant = {"environment": "sandbox", "scopes": ["orders:read"], **WHY}
    day("POST", f"{here}/grants/end", grant, "adam")
    day("POST", f"{here}/grants", grant, "adam")

    ask = {"kind": "scopes", "environment": "sandbox", "scopes": ["orders:write"], **WHY}
    review = day("POST", f"{here}/reviews", ask, "ann").json["id"]
    day("GET", "/reviews?state=open", who="ann")
    day("GET", f"/reviews/{review}", who="ann")
    day("POST", f"/reviews/{review}/questions", {"question": "Why?"}, "rita")
    day("POST", f"/reviews/{review}/answers", {"text": "To confirm them."}, "ann")
    assert day("POST", f"/reviews/{review}/withdrawal", {}, "ann").json["state"] == "withdrawn"
    review = day("POST", f"{here}/reviews", ask, "ann").json["id"]
    denied = day("POST", f"/reviews/{review}/decisions", {"decision": "deny", **WHY}, "rita")
    assert denied.json["state"] == "denied"
    return {
        "path": here, "application": draft.json["id"], "client": entered["client"]["id"],
        "credential": entered["credential"]["id"], "key": entered["credential"]["secret"],
    }  # fmt: skip


def _client(town: Town, day: Day, here: dict[str, str]) -> None:
    client = f"/clients/{here['client']}"
    assert day("GET", client, who="ann").json["environment"] == "sandbox"
    limits = [{"name": "daily", "quota": 100, "per": "day"}, {"name": "burst", "rate": "50/second"}]
    day("PUT", "/plans/small", {"title": "Small", "limits": limits, **WHY}, "adam")
    assert [one["name"] for one in day("GET", "/plans", who="ann").json["items"]] == ["small"]
    bound = day("PUT", "/plans/paying", {"title": "Paying", "limits": [], "sender_constrained": True, **WHY}, "adam")
    assert bound.json["sender_constrained"] is True
    assert day("PUT", f"{client}/plan", {"plan": "small", **WHY}, "adam").json["plan"] == "small"
    day("PUT", f"{client}/roles", {"roles": [], **WHY}, "adam")
    more = day("PUT", f"{client}/overrides/daily", {"quota": 500, "per": "day", **WHY}, "adam")
    assert more.json["overrides"][0]["quota"] == 500
    day("POST", f"{client}/overrides/daily/end", WHY, "adam")
    assert day("POST", f"{client}/suspension", WHY, "rita").json["standing"] == "suspended"
    assert town.call_api(here["key"]).status == 401
    assert day("POST", f"{client}/resumption", WHY, "rita").json["standing"] == "active"
    assert town.call_api(here["key"]).status == 200

    made = day("POST", f"{client}/credentials", {"name": "second", "scopes": ["orders:read"]}, "ann").json
    assert town.call_api(made["secret"]).status == 200
    listed = day("GET", f"{client}/credentials", who="ann").json["items"]
    assert next(one for one in listed if one["id"] == made["id"])["last_use"]["route"] == "/api/v1/orders"
    assert day("GET", f"/credentials/{made['id']}", who="ann").json["phase"] == "live"
    new = day("POST", f"/credentials/{made['id']}/rotation", {"overlap": 0}, "ann").json
    assert town.call_api(made["secret"]).status == 401
    day("POST", f"/credentials/{new['id']}/revocation", WHY, "ann")
    assert town.call_api(new["secret"]).status == 401
    used = day("GET", f"{client}/usage?hours=1", who=here["key"]).json
    assert used["limits"][0]["name"] == "burst"
    assert used["calls"]["by_status"] == {"200": 2, "401": 3}


def _oauth(town: Town, day: Day, here: dict[str, str]) -> None:
    client = f"/clients/{here['client']}"
    told = day("GET", f"{client}/oauth", who="ann").json
    assert (told["public"], told["token_format"], told["certificate_bound"]) == (False, None, False)
    assert told["redirect_uris"] == ["https://ann.example/back"]
    for path, name, value in (
        ("public", "public", True), ("token-format", "token_format", "jwt"), ("certificate-bound", "certificate_bound",
         True), ("device", "device", True), ("public", "public", False), ("token-format", "token_format", None),
        ("grant-types", "grant_types", ["authorization_code"]), ("grant-types", "grant_types", None),
    ):  # fmt: skip
        assert day("PUT", f"{client}/{path}", {name: value, **WHY}, "adam").json[name] == value
    added = day("POST", f"{client}/public-keys", {"jwk": _jwk(), "lifetime": 86400}, "ann").json
    assert (added["algorithm"], added["phase"], "d" in added["jwk"]) == ("ES256", "live", False)
    assert [one["id"] for one in day("GET", f"{client}/public-keys", who="ann").json["items"]] == [added["id"]]
    assert day("GET", f"/public-keys/{added['id']}", who="ann").json["thumbprint"] == added["thumbprint"]
    assert day("POST", f"/public-keys/{added['id']}/revocation", WHY, "ann").json["phase"] == "revoked"
    _certificates(day, client)
    made = day("POST", "/signing-keys", WHY, "adam").json
    assert made["phase"] == "signing", "the first one has nobody to wait for"
    assert day("POST", "/signing-keys", WHY, "adam").json["phase"] == "waiting"
    assert [one["phase"] for one in day("GET", "/signing-keys", who="olga").json["items"]] == ["waiting", "signing"]
    assert day("POST", f"/signing-keys/{made['id']}/revocation", WHY, "adam").json["phase"] == "revoked"
    with town.house.store.write() as tx:
        give(tx, "user:1", here["client"], ["orders:read"])
    consents = day("GET", f"/consents?client_id={here['client']}", who="ann").json["items"]
    assert [(one["user_id"], one["scopes"]) for one in consents] == [("user:1", ["orders:read"])]
    day("POST", f"{client}/consents/withdrawal", {"user_id": "user:1", **WHY}, "ann")
    assert day("GET", "/consents", who="adam").json["items"] == []
    with town.house.store.write() as tx:
        give(tx, "user:2", here["client"], ["orders:read"])
    left = day("POST", "/consents/withdrawal", {"user_id": "user:2", **WHY}, "adam").json
    assert (left["clients"], left["waiting"]) == ([here["client"]], 0)


def _certificates(day: Day, client: str) -> None:
    path = f"{client}/certificates"
    first = day("POST", path, {"certificate": made("CN=ann").pem, "lifetime": 86400}, "ann").json
    assert (first["method"], first["phase"]) == ("self_signed_tls_client_auth", "live")
    second = day("POST", f"/certificates/{first['id']}/rotation", {"subject_dn": "CN=ann,O=Ann"}, "ann").json
    assert (second["method"], second["replaces_id"]) == ("tls_client_auth", first["id"])
    assert [one["id"] for one in day("GET", path, who="ann").json["items"]] == [first["id"], second["id"]]
    assert day("GET", f"/certificates/{second['id']}", who="ann").json["value"] == "CN=ann,O=Ann"
    assert day("POST", f"/certificates/{first['id']}/revocation", WHY, "ann").json["phase"] == "revoked"


def _jwk() -> dict[str, Any]:
    return dict(jwk.ECKey.generate_key("P-256").as_dict(private=False))


def _records(town: Town, day: Day, here: dict[str, str]) -> None:
    refused = town.call_api(here["key"], "POST", body={"sku": "a"})
    assert refused.status == 403
    listed = day("GET", f"/calls?application_id={here['application']}&status_class=4", who="ann").json["items"]
    assert listed[0]["reason"] == "gate:scope:missing"
    why = day("GET", listed[0]["explain"], who="ann").json
    assert [step["outcome"] for step in why["steps"]] == ["passed"] * 4 + ["refused"] + ["not reached"] * 3
    assert why["steps"][4]["needed"] == "orders:write"
    assert {step["step"]: step["seen"] for step in why["steps"]}["access"] == "orders:read"
    assert why["next"][0]["href"].endswith("gate-scope-missing")

    finding = Finding("refusal_burst", 80, "warning", ("One.", "Two.", "Three."), ({"id": "req_x"},))
    ids = []
    for _ in range(2):
        with town.house.store.write() as tx:
            found = put(tx, here["client"], finding, ())
        assert found is not None
        ids.append(found.id)
        day("GET", "/anomalies?state=open", who="ann")
        day("GET", f"/anomalies/{found.id}", who="ann")
        if len(ids) == 1:
            assert day("POST", f"/anomalies/{found.id}/closing", WHY, "rita").json["state"] == "closed"
    muted = day("POST", f"/anomalies/{ids[1]}/muting", {**WHY, "until": LATER}, "rita")
    assert muted.json["state"] == "muted"

    entries = day("GET", f"/ledger?subject=application:{here['application']}", who="olga").json["items"]
    assert "clients:application:created" in [one["happening"] for one in entries]
    assert day("POST", "/ledger/verification", {}, "olga").json["ok"] is True
    lines = day("GET", "/ledger/export", who="olga").body.decode().splitlines()
    assert len(lines) == town.entries()
    assert json.loads(lines[0])["seq"] == len(lines)


def _house(town: Town, day: Day) -> None:
    assert {one["name"] for one in day("GET", "/scopes", who="ann").json["items"]} == {"orders:read", "orders:write"}
    day("GET", "/roles", who="ann")
    told = day("GET", "/settings", who="adam")
    assert "s" * 48 not in told.body.decode()
    by_name = {one["name"]: one for one in told.json["items"]}
    assert by_name["APIGUARD_SECRET"]["value"] == "set"
    assert by_name["APIGUARD_ONBOARDING"]["source"] == "config"
    invited = day("POST", "/house/invitations", {"email": "new@new.example", "seat": "auditor"}, "adam").json["id"]
    assert [one["id"] for one in day("GET", "/house/invitations", who="adam").json["items"]] == [invited]
    day("POST", "/house/members", {"person_id": town.ids["stan"], "seat": "auditor"}, "adam")
    assert "auditor" in [one["seat"] for one in day("GET", "/house/members", who="adam").json["items"]]
    day("DELETE", f"/house/members/{town.ids['stan']}/auditor", who="adam")
    for path in ("/", "/health", "/openapi.json", "/problems/api-resource-missing"):
        day("GET", path)


def _end(town: Town, day: Day, here: dict[str, str]) -> None:
    made = day("POST", "/invited-applications", {
        "organization": "Mill Ltd", "name": "Mill", "scopes": ["orders:read"], "reason": "Contract 7 of this year.",
        "reference": "customer:7",
    }, "adam").json  # fmt: skip
    key = made["credential"]["secret"]
    assert town.call_api(key).status == 200
    mill = f"/applications/{made['application']['id']}"
    confirmed = day("POST", f"{mill}/recertification", {"keep": ["orders:read"], **WHY}, "adam").json
    assert confirmed["state"] == "approved"
    assert day("POST", f"{mill}/retirement", WHY, "adam").json["state"] == "retired"
    assert town.call_api(key).status == 401
    assert day("POST", f"{here['path']}/retirement", WHY, "ann").json["next"] == []
