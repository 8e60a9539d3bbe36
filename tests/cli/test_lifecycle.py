"""``applications``, ``reviews`` and ``people``: the same moves as everywhere, by whoever acts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flask import Flask

from flask_apiguard.cli.common import operator
from flask_apiguard.clients import registry
from flask_apiguard.house import House

from .conftest import Run
from .shop import make

WHY = ("--reason", "as agreed in the contract")


@pytest.fixture
def made(told: Any) -> dict[str, Any]:
    found: dict[str, Any] = told("keys", "create", "Acme Pay", "--scope", "orders:read", *WHY)
    return found


def status(app: Flask, key: str) -> int:
    return app.test_client().get("/api/orders", headers={"X-API-Key": key}).status_code


def admit(house: House, told: Any, email: str, *seats: str, organization: str | None = None) -> str:
    """An account with seats, and its token."""
    with house.store.write() as tx:
        registered = house.people.register(tx, email, email.partition("@")[0])
    person = house.people.prove(registered.proof).person
    for seat in seats:
        with house.store.write() as tx:
            house.people.give_seat(tx, operator(), person.id, organization, seat)
    return str(told("people", "token", email)["token"])


def test_applications_are_listed_and_shown_with_what_comes_next(told: Any, run: Run, made: dict[str, Any]) -> None:
    assert [row["id"] for row in told("applications", "list", "--state", "production")] == [made["application"]]
    assert told("applications", "list", "--state", "draft") == []
    shown = told("applications", "show", made["application"])
    assert [grant["scope"] for grant in shown["grants"]] == ["orders:read"]
    assert {check["verdict"] for check in shown["checks"]} >= {"passed"}
    text = run("applications", "show", made["application"])
    assert text.status == 0
    assert "Grants" in text.out


def test_a_suspended_client_gets_nothing_until_it_is_resumed(app: Flask, told: Any, made: dict[str, Any]) -> None:
    told("applications", "suspend", made["client"], *WHY)
    assert status(app, made["key"]) == 401
    told("applications", "resume", made["application"], "--environment", "production", *WHY)
    assert status(app, made["key"]) == 200


def test_a_suspension_is_not_undone_later_without_a_review(run: Run, told: Any, house: House, made: Any) -> None:
    told("applications", "suspend", made["application"], *WHY)
    house.clock.advance(3600)
    answer = run("applications", "resume", made["client"], *WHY)
    assert answer.status == 1
    assert "review" in answer.err


def test_retirement_is_the_end(app: Flask, told: Any, run: Run, made: dict[str, Any]) -> None:
    told("applications", "retire", made["application"], *WHY)
    assert status(app, made["key"]) == 401
    answer = run("applications", "move", made["application"], "production", *WHY)
    assert answer.status == 1
    assert "retired" in answer.err


def test_a_draft_moves_as_far_as_its_checks_let_it(app: Flask, run: Run, told: Any, house: House) -> None:
    with house.store.write() as tx:
        owner = registry.create_organization(tx, operator(), "Acme")
        draft = registry.create_application(tx, operator(), owner.id, "Acme Pay")
    refused = run("applications", "move", draft.id, "sandbox", *WHY)
    assert refused.status == 1
    assert "Checks are in the way" in refused.err
    checked = run("applications", "check", draft.id, "--json")
    assert checked.status == 1
    assert any(one["blocks"] and one["fix"] for one in checked.json)
    assert run("applications", "move", draft.id, "somewhere", *WHY).status == 2


def test_a_check_is_waived_by_two_people_and_by_nobody_alone(run: Run, told: Any, house: House) -> None:
    with house.store.write() as tx:
        owner = registry.create_organization(tx, operator(), "Acme")
        draft = registry.create_application(tx, operator(), owner.id, "Acme Pay")
    rita, rolf = (admit(house, told, f"{name}@example.org", "reviewer") for name in ("rita", "rolf"))
    until = f"{house.clock.now() + dt.timedelta(days=30):%Y-%m-%d}"
    words = ("applications", "waive", draft.id, "purpose", "--until", until, *WHY)
    refused = run(*words)
    assert refused.status == 1
    assert "person token" in refused.err
    made = told(*words, "--as", rita)
    alone = run("applications", "second", made["waiver"], "--as", rita)
    assert alone.status == 1
    assert "Ask another reviewer" in alone.err
    agreed = told("applications", "second", made["waiver"], "--as", rolf)
    assert agreed["seconded_by"] is not None
    run("applications", "check", draft.id)
    shown = told("applications", "show", draft.id)
    assert [one["waived_until"] is not None for one in shown["checks"] if one["name"] == "purpose"] == [True]
    assert made["waiver"] in run("applications", "show", draft.id).out


def test_a_review_is_asked_for_shown_questioned_and_decided(told: Any, run: Run, house: House, made: Any) -> None:
    token = admit(house, told, "rita@example.org", "reviewer")
    admit(house, told, "rolf@example.org", "reviewer")
    opened = told("applications", "request", made["application"], "scopes", "--scope", "orders:write", *WHY)
    assert (opened["state"], opened["needed"]) == ("open", 1)
    assert [row["id"] for row in told("reviews", "list")] == [opened["review"]]
    asked = told("reviews", "ask", opened["review"], "What for?", "--as", token)
    assert asked["state"] == "asked"
    shown = run("reviews", "show", opened["review"])
    assert shown.status == 0
    assert "What for?" in shown.out
    assert "POST /api/orders" in shown.out
    refused = run("reviews", "approve", opened["review"], *WHY)
    assert refused.status == 1
    assert "person token" in refused.err
    approved = told("reviews", "approve", opened["review"], "--until", "2999-01-01", *WHY, "--as", token)
    assert approved["state"] == "approved"
    assert told("reviews", "list") == []
    grants = told("applications", "show", made["application"])["grants"]
    assert {one["scope"] for one in grants} == {"orders:read", "orders:write"}


def test_a_denied_review_gives_nothing(told: Any, house: House, made: dict[str, Any]) -> None:
    token = admit(house, told, "rita@example.org", "reviewer")
    admit(house, told, "rolf@example.org", "reviewer")
    opened = told("applications", "request", made["application"], "scopes", "--scope", "orders:write", *WHY)
    assert told("reviews", "deny", opened["review"], *WHY, "--as", token)["state"] == "denied"
    assert len(told("applications", "show", made["application"])["grants"]) == 1
    assert [row["state"] for row in told("reviews", "list", "--state", "denied")] == ["denied"]


def test_a_person_may_here_what_their_seat_allows(
    run: Run, told: Any, house: House, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = told("keys", "create", "Other", "--scope", "orders:read", *WHY)
    token = admit(house, told, "vera@example.org", "viewer", organization=made["organization"])
    monkeypatch.setenv("APIGUARD_PERSON_TOKEN", token)
    assert [row["id"] for row in told("keys", "list")] == [made["credential"]]
    assert [row["id"] for row in told("applications", "list")] == [made["application"]]
    for words in (
        ("keys", "revoke", made["credential"], *WHY),
        ("keys", "rotate", made["credential"], *WHY),
        ("keys", "create", "Mine", "--scope", "orders:read", *WHY),
        ("applications", "suspend", made["client"], *WHY),
        ("keys", "list", "--client", other["client"]),
        ("applications", "show", other["application"]),
        ("audit", "list"),
        ("people", "invite", "x@example.org", "--seat", "administrator"),
        ("drill",),
    ):
        answer = run(*words)
        assert answer.status == 1, words
        assert answer.err.startswith("Error: ")
    monkeypatch.setenv("APIGUARD_PERSON_TOKEN", token[:-1] + ("y" if token[-1] == "x" else "x"))
    assert "opens nothing" in run("keys", "list").err


def test_what_a_person_does_is_on_record_as_theirs(told: Any, house: House, made: dict[str, Any]) -> None:
    token = admit(house, told, "dora@example.org", "developer", organization=made["organization"])
    told("keys", "revoke", made["credential"], *WHY, "--as", token)
    entry = house.ledger.entries(happening="credentials:credential:revoked").entries[0]
    assert entry.actor_kind == "person"
    assert entry.actor_id == house.people.person_by_email("dora@example.org").id  # type: ignore[union-attr]


def test_people_are_invited_seated_shut_out_and_listed(told: Any, run: Run, house: House) -> None:
    told("init", "--email", "ada@example.org")
    invited = told("people", "invite", "bob@example.org", "--seat", "reviewer")
    assert [row["state"] for row in told("people", "list")] == ["seated", "invited"]
    house.people.accept(invited["token"], "Bob")
    assert told("people", "seat", "bob@example.org", "auditor")["seats"] == ["reviewer", "auditor"]
    assert told("people", "seat", "bob@example.org", "reviewer", "--take")["seats"] == ["auditor"]
    assert run("people", "seat", "ada@example.org", "administrator", "--take").status == 1
    token = told("people", "token", "bob@example.org", "--lifetime", "1h")["token"]
    assert run("audit", "list", "--as", token).status == 0
    told("people", "disable", "bob@example.org")
    assert run("audit", "list", "--as", token).status == 1
    told("people", "disable", "bob@example.org", "--enable")
    assert "no account" not in run("people", "list").out
    nobody = run("people", "token", "nobody@example.org")
    assert (nobody.status, "people invite nobody@example.org --seat SEAT" in nobody.err) == (1, True)


def test_an_invitation_is_taken_back(run: Run, told: Any, house: House) -> None:
    told("init", "--email", "ada@example.org")
    invited = told("people", "invite", "bob@example.org", "--seat", "reviewer")
    rita = admit(house, told, "rita@example.org", "reviewer")
    assert run("people", "withdraw", invited["invitation"], "--as", rita).status == 1
    assert told("people", "withdraw", invited["invitation"])["state"] == "withdrawn"
    assert "invited" not in {row["state"] for row in told("people", "list")}
    assert run("people", "withdraw", "inv_nobody").status == 1


def test_a_reference_is_bound_by_operators_only(run: Run, told: Any, house: House, made: dict[str, Any]) -> None:
    assert told("applications", "refer", made["application"], "customer:7")["reference"] == "customer:7"
    assert [row["id"] for row in told("applications", "list", "--reference", "customer:7")] == [made["application"]]
    token = admit(house, told, "olga@example.org", "owner", organization=made["organization"])
    assert run("applications", "refer", made["application"], "customer:8", "--as", token).status == 1
    assert told("applications", "refer", made["application"], "")["reference"] is None


def test_what_somebody_may_not_by_command_is_on_record_and_looking_is_not(
    run: Run, told: Any, house: House, made: dict[str, Any]
) -> None:
    organization = made["organization"]
    token = admit(house, told, "vera@example.org", "viewer", organization=organization)
    before = len(house.ledger.entries(limit=200).entries)
    assert run("audit", "list", "--as", token).status == 1
    assert len(house.ledger.entries(limit=200).entries) == before
    for words, name in (
        (("people", "invite", "z@z.example", "--seat", "owner", "--organization", organization), "people.invite"),
        (("keys", "revoke", made["credential"], *WHY), "keys.revoke"),
    ):
        assert run(*words, "--as", token).status == 1
        before += 1
        found = house.ledger.entries(happening="people:attempt:refused", limit=200).entries
        assert len(house.ledger.entries(limit=200).entries) == before
        (newest,) = (one for one in found if one.after == {"attempted": name})
        assert (newest.organization_id, newest.subject) == (organization, f"organization:{organization}")


def test_a_person_token_is_listed_and_ended(run: Run, told: Any, house: House) -> None:
    token = admit(house, told, "rita@example.org", "reviewer")
    live = {row["kind"]: row["id"] for row in told("people", "tokens", "rita@example.org", "--as", token)}
    assert set(live) == {"session", "token"}
    told("people", "tokens", "rita@example.org", "--revoke", live["token"])
    assert run("reviews", "list", "--as", token).status == 1


def test_what_is_not_there_and_what_is_not_theirs_is_told_alike(run: Run, told: Any, house: House, made: Any) -> None:
    other = told("keys", "create", "Other", "--scope", "orders:read", *WHY)
    token = admit(house, told, "vera@example.org", "viewer", organization=made["organization"])
    for words in (("applications", "show"), ("keys", "list", "--client"), ("keys", "list", "--organization")):
        kind = {"show": "application", "--client": "client"}.get(words[-1], "organization")
        theirs = run(*words, other[kind], "--as", token)
        nobodys = run(*words, other[kind][:-4] + "zzzz", "--as", token)
        assert (theirs.status, theirs.err) == (nobodys.status, nobodys.err) == (1, nobodys.err)


def test_a_token_in_the_environment_is_no_unknown_setting_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIGUARD_PERSON_TOKEN", "whatever")
    make(TESTING=True)


def test_names_can_not_command_the_terminal(told: Any, run: Run) -> None:
    evil = "Pay \x1b[2J\u202e for everybody"
    made = told("keys", "create", "Evil", "--scope", "orders:read", "--purpose", evil, *WHY)
    for words in (("applications", "show"), ("applications", "show", "--json")):
        out = run(*words, made["application"]).out
        assert "for everybody" in out
        assert "\x1b" not in out
        assert "\u202e" not in out
