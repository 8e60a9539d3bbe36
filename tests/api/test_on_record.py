"""What a call of our own API leaves behind: one access event, and an entry for whoever tried what they may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from flask_apiguard.ledger.tables import ledger
from flask_apiguard.monitor.tables import anomaly
from flask_apiguard.values import Happening, Reason

from .conftest import Heard, Town


def event_of(town: Town, heard: Heard) -> Any:
    found = town.house.recorder.query.find(heard.headers["X-Request-Id"] or "")
    return found[0] if found else None


def attempts(town: Town, subject: str) -> list[Any]:
    wanted = (Happening.ONBOARDING_MOVE_REFUSED, Happening.ONBOARDING_REVIEW_REFUSED)
    with town.house.store.read() as conn:
        return list(conn.execute(
            sa.select(ledger.c.happening, ledger.c.actor_id, ledger.c.organization_id, ledger.c.entry)
            .where(ledger.c.subject == subject, ledger.c.happening.in_(wanted)).order_by(ledger.c.seq)
        ))  # fmt: skip


@pytest.fixture(scope="module")
def made(town: Town) -> dict[str, Any]:
    town.person("vera", town.ids["ann_org"], "viewer")
    return town.ready_application("ann", town.ids["ann_org"])


def test_each_call_is_an_access_event_that_names_endpoint_and_actor(town: Town, made: dict[str, Any]) -> None:
    heard = town.go("GET", f"/applications/{made['application_id']}", who="ann")
    event = event_of(town, heard)
    assert event["route"] == "/apiguard/api/v1/applications/<application_id>"
    assert (event["status"], event["allowed"], event["have"]) == (200, True, f"person:{town.ids['ann']}")


def test_a_wrong_password_and_a_bad_token_are_access_events(town: Town) -> None:
    body = {"email": "ann@ann.example", "password": "not the right one at all"}
    event = event_of(town, town.go("POST", "/people/session", body))
    assert (event["status"], event["allowed"]) == (401, False)
    event = event_of(town, town.go("GET", "/applications", who="acme_person_x_y_z"))
    assert (event["status"], event["allowed"], event["reason"]) == (401, False, str(Reason.API_UNAUTHENTICATED))


def test_an_access_event_says_by_what_somebody_proved_who_they_are(town: Town, made: dict[str, Any]) -> None:
    event = event_of(town, town.go("GET", "/me", who="ann"))
    assert event["credential_kind"] in ("session", "person_token")
    assert event["credential"].startswith("pt_")
    event = event_of(town, town.go("GET", "/me", who=made["key"]))
    assert (event["credential"], event["credential_kind"]) == (made["credential_id"], "api_key")
    assert event["client"] is None
    event = event_of(town, town.go("GET", "/me"))
    assert (event["credential"], event["credential_kind"], event["fingerprint"]) == (None, None, None)


@pytest.mark.parametrize("shown", ["acme_person_x_y_z", "acme_session_x_y_z", "acme_production_x_y_z", "anything"])
def test_of_what_was_presented_in_vain_there_is_a_fingerprint_and_nothing_else(town: Town, shown: str) -> None:
    event = event_of(town, town.go("GET", "/me", who=shown))
    assert (event["status"], event["credential"], event["credential_kind"]) == (401, None, "unproved")
    assert event["fingerprint"] == town.house.secrets.fingerprint(shown)
    assert shown not in json.dumps(event)


def test_two_different_credentials_are_told_apart_from_none(town: Town) -> None:
    answer = town.app.test_client().get(
        "/apiguard/api/v1/me", headers={"Authorization": "Bearer one", "X-API-Key": "another"}
    )
    (event,) = town.house.recorder.query.find(answer.headers["X-Request-Id"])
    assert (event["status"], event["credential_kind"]) == (400, "unproved")
    assert event["fingerprint"] is not None


def test_who_shows_a_revoked_key_is_on_record_with_it(town: Town) -> None:
    made = town.ready_application("ann", town.ids["ann_org"])
    assert town.go("POST", f"/credentials/{made['credential_id']}/revocation", {"reason": "lost"}, "ann").status == 200
    event = event_of(town, town.go("GET", "/me", who=made["key"]))
    assert (event["status"], event["credential"], event["credential_kind"]) == (401, made["credential_id"], "api_key")
    assert event["fingerprint"] is not None
    assert event["client"] is None


def test_calls_are_narrowed_by_what_was_decided_and_by_how(town: Town, made: dict[str, Any]) -> None:
    town.call_api(made["key"])
    refused = town.call_api(made["key"], "POST", body={"sku": "a"}).headers["X-Request-Id"]
    path = f"/calls?client_id={made['client_id']}"
    assert [one["id"] for one in town.go("GET", f"{path}&allowed=false", who="ann").json["items"]] == [refused]
    allowed = town.go("GET", f"{path}&allowed=true&mode=enforce", who="ann").json["items"]
    assert {(one["allowed"], one["mode"]) for one in allowed} == {(True, "enforce")}
    assert town.go("GET", f"{path}&mode=observe", who="ann").json["items"] == []
    assert town.go("GET", f"{path}&mode=sideways", who="ann").status == 422


def test_what_anybody_may_ask_leaves_nothing(town: Town) -> None:
    for path in ("/health", "/openapi.json", "/apiguard/prove"):
        assert event_of(town, town.go("GET", path)) is None


def test_what_a_client_asks_here_is_not_among_its_calls(town: Town, made: dict[str, Any]) -> None:
    heard = town.go("GET", "/me", who=made["key"])
    event = event_of(town, heard)
    assert (event["client"], event["have"]) == (None, f"client:{made['client_id']}")


def test_a_refused_attempt_is_an_entry_of_whose_thing_it_is(town: Town, made: dict[str, Any]) -> None:
    subject = f"application:{made['application_id']}"
    body = {"kind": "production", "reason": "please let us in"}
    for method, path, sent in (("POST", "/reviews", body), ("POST", "/retirement", {"reason": "away with it"})):
        before = len(attempts(town, subject))
        heard = town.go(method, f"/applications/{made['application_id']}{path}", sent, "vera")
        assert heard.status == 403, heard.body
        (*_, found) = attempts(town, subject)
        assert len(attempts(town, subject)) == before + 1
        assert (found.actor_id, found.organization_id) == (town.ids["vera"], town.ids["ann_org"])
        assert json.loads(found.entry)["evidence"]["code"] == str(Reason.API_FORBIDDEN)


def test_a_strangers_attempt_is_an_access_event_alone(town: Town, made: dict[str, Any]) -> None:
    before = town.entries()
    heard = town.go("POST", f"/applications/{made['application_id']}/retirement", {"reason": "away"}, "bob")
    event = event_of(town, heard)
    assert (event["status"], event["allowed"], event["have"]) == (404, False, f"person:{town.ids['bob']}")
    assert made["application_id"] in event["path"]
    assert town.entries() == before


def test_looking_is_no_attempt(town: Town, made: dict[str, Any]) -> None:
    before = town.entries()
    assert town.go("GET", f"/clients/{made['client_id']}", who="bob").status == 404
    assert town.go("GET", "/ledger", who="vera").status == 403
    assert town.entries() == before


ATTEMPTS = (
    ("PATCH", "/organizations/{org}", {"name": "Renamed"}, "organization:{org}"),
    ("POST", "/organizations/{org}/members", {"person_id": "{vera}", "seat": "owner"}, "organization:{org}"),
    ("DELETE", "/organizations/{org}/members/{ann}/owner", None, "organization:{org}"),
    ("POST", "/organizations/{org}/invitations", {"email": "z@z.example", "seat": "viewer"}, "organization:{org}"),
    ("DELETE", "/invitations/{invitation}", None, "invitation:{invitation}"),
    ("POST", "/house/members", {"person_id": "{vera}", "seat": "administrator"}, "house:members"),
    ("POST", "/house/invitations", {"email": "z@z.example", "seat": "auditor"}, "house:members"),
    ("DELETE", "/house/members/{rita}/reviewer", None, "person:{rita}"),
    ("PUT", "/plans/gold", {"limits": [], "reason": "for me"}, "plan:gold"),
    ("POST", "/applications", {"name": "Mine", "organization_id": "{org}"}, "organization:{org}"),
    ("POST", "/invited-applications", {"organization": "{org}", "name": "Mine", "reason": "why", "scopes": ["a"]},
     "house:applications"),
    ("PUT", "/applications/{app}/reference", {"reference": "x"}, "application:{app}"),
    ("POST", "/clients/{cli}/credentials", {"name": "mine"}, "client:{cli}"),
    ("POST", "/anomalies/{anomaly}/closing", {"reason": "nothing"}, "anomaly:{anomaly}"),
)  # fmt: skip


@pytest.fixture(scope="module")
def filled(town: Town, made: dict[str, Any]) -> dict[str, str]:
    offer = {"email": "new@new.example", "seat": "viewer"}
    invitation = town.go("POST", f"/organizations/{town.ids['ann_org']}/invitations", offer, "ann").json["id"]
    with town.house.store.write() as tx:
        tx.execute(anomaly.insert().values(
            id="ano_made", client_id=made["client_id"], kind="burst", score=1, severity="low", sentences=[],
            evidence=[], raised_at=tx.now, seen_at=tx.now, state="open",
        ))  # fmt: skip
    return {
        "org": town.ids["ann_org"], "ann": town.ids["ann"], "vera": town.ids["vera"], "rita": town.ids["rita"],
        "app": made["application_id"], "cli": made["client_id"], "invitation": invitation, "anomaly": "ano_made",
    }  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "subject"), ATTEMPTS, ids=lambda one: str(one)[:40])
def test_whatever_a_seat_does_not_allow_is_one_entry_whichever_noun_it_is(
    town: Town, filled: dict[str, str], method: str, path: str, body: Any, subject: str
) -> None:
    told = None if body is None else json.loads(json.dumps(body), object_hook=lambda one: {
        name: value.format(**filled) if isinstance(value, str) else value for name, value in one.items()
    })  # fmt: skip
    before = town.entries()
    headers = {"If_Match": "*"} if method == "PATCH" else {}
    heard = town.go(method, path.format(**filled), told, "vera", **headers)
    assert (heard.status, heard.json["code"]) == (403, str(Reason.API_FORBIDDEN)), heard.body
    assert town.entries() == before + 1
    with town.house.store.read() as conn:
        last = conn.execute(sa.select(ledger).order_by(ledger.c.seq.desc()).limit(1)).one()
    assert str(last.happening).endswith(":refused")
    assert (last.actor_id, last.subject) == (filled["vera"], subject.format(**filled))
    if not subject.startswith(("house", "plan")):
        assert last.organization_id == filled["org"]
