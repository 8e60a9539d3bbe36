"""Another owner's id is answered as one that isn't there: same status, same body."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwk

from flask_apiguard.api.endpoints import ENDPOINTS
from flask_apiguard.api.table import Endpoint

from .conftest import BY_NAME, Town
from .examples import LATER, filled, good

#: Nobody's in particular: these belong to the house, and are answered by seat, or to everybody.
HOUSE = {"plans.write", "members.house_take", "documents.problem", "signing_keys.revoke"}
IDS = (
    "organization_id", "application_id", "client_id", "credential_id", "review_id", "invitation_id", "token_id",
    "person_id", "request_id", "anomaly_id", "key_id", "certificate_id",
)  # fmt: skip
OWNED = [endpoint for endpoint in ENDPOINTS if "<" in endpoint.path and endpoint.name not in HOUSE]


@pytest.fixture(scope="module")
def anns(town: Town) -> dict[str, str]:
    """Ids of everything that Ann's organization owns."""
    here = town.ready_application("ann", town.ids["ann_org"])
    review = town.go("POST", f"/applications/{here['application_id']}/reviews", {
        "kind": "scopes", "environment": "sandbox", "scopes": ["orders:write"], "reason": "We write as well."
    }, "ann")  # fmt: skip
    assert review.status == 201, review.body
    invited = town.go("POST", f"/organizations/{town.ids['ann_org']}/invitations",
                      {"email": "eve@eve.example", "seat": "viewer"}, "ann")  # fmt: skip
    waiver = town.go("POST", f"/applications/{here['application_id']}/checks/purpose/waiver",
                     {"reason": "Known to us.", "until": LATER}, "rita")  # fmt: skip
    assert waiver.status == 201, waiver.body
    token = town.go("POST", "/me/tokens", {"name": "laptop"}, "ann")
    called = town.call_api(here["key"])
    key = town.go("POST", f"/clients/{here['client_id']}/public-keys",
                  {"jwk": jwk.ECKey.generate_key("P-256").as_dict(private=False)}, "ann")  # fmt: skip
    assert key.status == 201, key.body
    certificate = town.go("POST", f"/clients/{here['client_id']}/certificates", {"san_dns": "ann.example"}, "ann")
    assert certificate.status == 201, certificate.body
    return {
        "organization_id": town.ids["ann_org"], "application_id": here["application_id"],
        "client_id": here["client_id"], "credential_id": here["credential_id"], "review_id": review.json["id"],
        "invitation_id": invited.json["id"], "waiver_id": waiver.json["id"], "token_id": token.json["id"],
        "person_id": town.ids["ann"], "request_id": called.headers["X-Request-Id"] or "", "check": "purpose",
        "seat": "owner", "name": "daily", "anomaly_id": _anomaly(town, here["client_id"]),
        "key_id": key.json["id"], "certificate_id": certificate.json["id"],
    }  # fmt: skip


def _anomaly(town: Town, client_id: str) -> str:
    from flask_apiguard.monitor.anomalies import Finding, put

    finding = Finding("refusal_burst", 80, "warning", ("One.", "Two.", "Three."), ({"id": "req_x"},))
    with town.house.store.write() as tx:
        found = put(tx, client_id, finding, ())
    assert found is not None
    return found.id


def _absent(ids: dict[str, str]) -> dict[str, str]:
    """The same shapes with nothing behind them."""
    keep = ("check", "seat", "name")
    return {name: one if name in keep else one[:-6] + "zzzzzz" for name, one in ids.items()}


def _body(endpoint: Endpoint) -> Any:
    if endpoint.body is None:
        return None
    found = good(endpoint.body)
    if endpoint.name == "clients.override":
        found["quota"] = 5
    return found


@pytest.mark.parametrize("who", ["bob", "stan"])
@pytest.mark.parametrize("endpoint", OWNED, ids=lambda endpoint: endpoint.name)
def test_another_owners_id_is_answered_as_an_absent_one(
    town: Town, anns: dict[str, str], endpoint: Endpoint, who: str
) -> None:
    before = town.entries()
    body, match = _body(endpoint), {"If_Match": "*"}
    there = town.go(endpoint.method, filled(endpoint, **anns), body, who, **match)
    absent = town.go(endpoint.method, filled(endpoint, **_absent(anns)), body, who, **match)
    assert (there.status, absent.status) == (404, 404), (there.body, absent.body)
    assert there.plain() == absent.plain()
    assert town.entries() == before


@pytest.mark.parametrize("endpoint", OWNED, ids=lambda endpoint: endpoint.name)
def test_a_made_up_id_is_nowhere_even_for_an_administrator(town: Town, endpoint: Endpoint) -> None:
    for made_up in ("x", "app_" + "0" * 26, "a%00b"):
        ids = dict.fromkeys(IDS, made_up)
        heard = town.go(endpoint.method, filled(endpoint, **ids), _body(endpoint), "adam", If_Match="*")
        assert heard.status == 404, (endpoint.name, made_up, heard.body)


@pytest.mark.parametrize("name", ["plans.write", "members.house_take", "signing_keys.revoke"])
def test_what_belongs_to_the_house_is_a_matter_of_seats(town: Town, name: str) -> None:
    endpoint = BY_NAME[name]
    path = filled(endpoint, person_id=town.ids["adam"], seat="administrator", name="daily")
    heard = town.go(endpoint.method, path, _body(endpoint), "bob")
    assert heard.status == 403
    assert "administrator" in heard.json["need"]


@pytest.mark.parametrize("query", [
    "/applications?organization_id={organization_id}", "/reviews?organization_id={organization_id}",
    "/consents?client_id={client_id}",
    "/calls?application_id={application_id}", "/calls?client_id={client_id}", "/anomalies?client_id={client_id}",
])  # fmt: skip
def test_another_owners_id_in_a_query_is_answered_as_an_absent_one(
    town: Town, anns: dict[str, str], query: str
) -> None:
    there = town.go("GET", query.format(**anns), who="bob")
    absent = town.go("GET", query.format(**_absent(anns)), who="bob")
    assert (there.status, absent.status) == (404, 404), (there.body, absent.body)
    assert there.plain() == absent.plain()


def test_lists_show_what_is_ones_own(town: Town, anns: dict[str, str]) -> None:
    mine = town.ready_application("bob", town.ids["bob_org"])
    for path in ("/applications", "/reviews", "/organizations", "/anomalies"):
        told = town.go("GET", path, who="bob")
        assert told.status == 200
        assert not any(one in told.body.decode() for one in anns.values() if one.startswith(("app_", "org_", "rev_")))
    assert mine["application_id"] in town.go("GET", "/applications", who="bob").body.decode()
    everything = town.go("GET", "/applications?limit=200", who="rita").body.decode()
    assert mine["application_id"] in everything
    assert anns["application_id"] in everything


def test_a_client_sees_itself_alone(town: Town, anns: dict[str, str]) -> None:
    here = town.ready_application("bob", town.ids["bob_org"])
    called = town.call_api(here["key"])
    key = here["key"]
    assert town.go("GET", "/me", who=key).json["id"] == here["client_id"]
    assert town.go("GET", f"/clients/{here['client_id']}/usage", who=key).status == 200
    assert town.go("GET", f"/explain/{called.headers['X-Request-Id']}", who=key).status == 200
    assert town.go("GET", f"/clients/{anns['client_id']}/usage", who=key).status == 404
    assert town.go("GET", f"/explain/{anns['request_id']}", who=key).status == 404
    assert town.go("POST", f"/credentials/{anns['credential_id']}/rotation", {}, key).status == 404
    for path in ("/applications", f"/clients/{here['client_id']}", "/ledger", "/me/tokens"):
        assert town.go("GET", path, who=key).status == 403, path
    rotated = town.go("POST", f"/credentials/{here['credential_id']}/rotation", {"overlap": 0}, key)
    assert rotated.status == 201
    assert town.go("GET", "/me", who=key).status == 401
    assert town.go("GET", "/me", who=rotated.json["secret"]).status == 200


def test_the_organization_to_act_for_is_named_where_there_are_several(town: Town) -> None:
    town.person("mia")
    ids = [town.go("POST", "/organizations", {"name": name}, "mia").json["id"] for name in ("One", "Two")]
    facts = {"name": "Pay"}
    assert town.go("POST", "/applications", facts, "mia").status == 404
    made = town.go("POST", "/applications", facts, "mia", Apiguard_Organization=ids[1])
    assert made.json["organization_id"] == ids[1]
    other = town.go("POST", "/applications", facts, "mia", Apiguard_Organization=town.ids["ann_org"])
    absent = town.go("POST", "/applications", facts, "mia", Apiguard_Organization="org_nowhere")
    assert other.status == absent.status == 404
    assert other.plain() == absent.plain()
