"""Organizations and drafts by command: registered, edited, proved, asked about, by whoever may."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_apiguard import access, quotas
from flask_apiguard.cli.common import operator
from flask_apiguard.house import House
from flask_apiguard.monitor.anomalies import Finding, put
from flask_apiguard.notices.outbox import notice

from .conftest import Run
from .shop import make
from .test_lifecycle import WHY, admit

SHIP = (
    "--purpose", "Marks the orders that our lorries have taken.", "--contact", "Dev@Ship.Example",
    "--scope", "orders:read", "To see which orders wait.", "--data-class", "internal", "--calls-per-day", "1000",
    "--address", "192.0.2.0/28", "--redirect-uri", "https://ship.example/back",
)  # fmt: skip


@pytest.fixture
def owner(told: Any) -> str:
    return str(told("organizations", "create", "Ship Ltd", *WHY)["organization"])


@pytest.fixture
def draft(told: Any, owner: str) -> str:
    return str(told("applications", "register", owner, "Ship", *SHIP, *WHY)["application"])


def code_of(house: House) -> str:
    """What the newest mail to the contact brings."""
    with house.store.read() as conn:
        query = sa.select(notice.c.text, notice.c.to).where(notice.c.key.like("contact:%")).order_by(notice.c.id.desc())
        text, to = conn.execute(query.limit(1)).one()
    assert to == ["dev@ship.example"]
    found = re.search(r"^\d+-\w+$", text, re.MULTILINE)
    assert found
    return found[0]


def test_an_organization_is_registered_renamed_and_listed(run: Run, told: Any, owner: str) -> None:
    assert told("organizations", "rename", owner, "Ship and Sons", *WHY)["version"] == 2
    assert [(row["organization"], row["name"]) for row in told("organizations", "list")] == [(owner, "Ship and Sons")]
    for happening in ("created", "changed"):
        assert told("audit", "list", "--happening", f"clients:organization:{happening}")[0]["reason"] == WHY[1]
    assert run("organizations", "create", " ", *WHY).status == 2
    assert run("organizations", "rename", "org_nobody", "Nobody", *WHY).status == 1


def test_no_person_registers_an_organization_behind_the_closed_door(run: Run, told: Any, house: House) -> None:
    dora = admit(house, told, "dora@example.org")
    refused = run("organizations", "create", "Dora Ltd", *WHY, "--as", dora)
    assert (refused.status, "administrator" in refused.err) == (1, True)
    assert told("audit", "list", "--happening", "people:attempt:refused")[0]["after"]["attempted"]


def test_at_the_open_door_a_person_registers_their_own(
    app: Flask, run: Run, told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = make(INSTANCE_PATH=str(tmp_path / "open"), TESTING=True, APIGUARD_ONBOARDING="open")
    monkeypatch.setattr(app, "test_cli_runner", opened.test_cli_runner)
    house = opened.extensions["apiguard"]
    theirs = told("organizations", "create", "Ship Ltd", *WHY)["organization"]
    dora = admit(house, told, "dora@example.org")
    mine = told("organizations", "create", "Dora Ltd", *WHY, "--as", dora)["organization"]
    token = told("people", "token", "dora@example.org")["token"]
    assert [row["organization"] for row in told("organizations", "list", "--as", token)] == [mine]
    made = told("applications", "register", mine, "Dora", "--contact", "dora@example.org", *WHY, "--as", token)
    assert made["contact_proved"] is not None  # it is her own proved address
    assert run("applications", "register", theirs, "Theirs", *WHY, "--as", token).status == 1
    house.close()


def test_a_draft_is_registered_proved_edited_and_enters_the_sandbox(
    run: Run, told: Any, house: House, draft: str
) -> None:
    shown = told("applications", "show", draft)["application"]
    assert (shown["state"], shown["contact_email"]) == ("draft", "dev@ship.example")
    assert shown["addresses"] == ["192.0.2.0/28"]
    assert shown["requested_scopes"] == {"orders:read": "To see which orders wait."}
    assert told("audit", "list", "--happening", "clients:application:created")[0]["reason"] == WHY[1]
    wrong = run("applications", "prove", draft, "1-wrong")
    assert (wrong.status, "/code" in wrong.err) == (2, True)
    assert told("applications", "prove", draft)["sent"] is True
    assert told("applications", "prove", draft, code_of(house))["contact_proved"] is not None
    assert run("applications", "prove", draft).status == 1
    edited = told("applications", "edit", draft, "--name", "Ship it", "--address", "", "--calls-per-day", "7", *WHY)
    assert (edited["name"], edited["addresses"], edited["calls_per_day"]) == ("Ship it", [], 7)
    assert (edited["purpose"], edited["contact_proved"] is not None) == (SHIP[1], True)
    assert run("applications", "edit", draft, *WHY).status == 2
    admit(house, told, "olga@example.org", "owner", organization=edited["organization"])
    entered = told("applications", "move", draft, "sandbox", *WHY)
    assert entered["state"] == "sandbox"
    refused = run("applications", "edit", draft, "--purpose", "", *WHY)
    assert (refused.status, "would no longer hold" in refused.err) == (1, True)


def test_another_contact_is_unproved_and_gets_a_code(told: Any, house: House, draft: str) -> None:
    told("applications", "prove", draft, code_of(house))
    told("applications", "edit", draft, "--contact", "", *WHY)
    again = told("applications", "edit", draft, "--contact", "dev@ship.example", *WHY)
    assert again["contact_proved"] is None
    assert told("applications", "prove", draft, code_of(house))["contact_proved"] is not None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "x" * 201), "/name"),
        (("--name", "two\nlines"), "/name"),
        (("--purpose", "x" * 2001), "/purpose"),
        (("--contact", "nobody"), "not an e-mail address"),
        (("--redirect-uri", "javascript:alert(1)"), "/redirect_uris/0"),
        (("--redirect-uri", "http://ship.example/"), "/redirect_uris/0"),
        (("--scope", "a b", "why"), "/requested_scopes"),
        (("--scope", "orders:read", "x" * 501), "/requested_scopes/orders:read"),
        (("--plan", "x" * 41), "/requested_plan"),
        (("--data-class", "x" * 41), "/data_class"),
        (("--calls-per-day", str(10**10)), "/expected_calls_per_day"),
        (("--address", "x" * 61), "/addresses/0"),
    ],
)
def test_what_can_not_be_kept_is_refused_with_its_place(
    run: Run, draft: str, words: tuple[str, ...], said: str
) -> None:
    answer = run("applications", "edit", draft, *words, *WHY)
    assert answer.status == 2, answer.err
    assert said in answer.err


def test_a_question_is_answered_and_a_request_taken_back(run: Run, told: Any, house: House) -> None:
    made = told("keys", "create", "Acme Pay", "--scope", "orders:read", *WHY)
    rita = admit(house, told, "rita@example.org", "reviewer")
    admit(house, told, "rolf@example.org", "reviewer")
    ann = admit(house, told, "ann@example.org", "developer", organization=made["organization"])
    words = ("applications", "request", made["application"], "scopes", "--scope", "orders:write", *WHY)
    opened = told(*words, "--as", ann)["review"]
    told("reviews", "ask", opened, "What for?", "--as", rita)
    assert run("reviews", "answer", opened, "For me.", "--as", rita).status == 1
    assert told("reviews", "answer", opened, "To mark them.", "--as", ann)["state"] == "open"
    assert "To mark them." in run("reviews", "show", opened).out
    assert run("reviews", "withdraw", opened, *WHY, "--as", rita).status == 1
    assert told("reviews", "withdraw", opened, *WHY, "--as", ann)["state"] == "withdrawn"
    assert told("audit", "list", "--happening", "onboarding:review:closed")[0]["reason"] == WHY[1]
    assert run("reviews", "answer", opened, "Too late.", "--as", ann).status == 1


def test_an_anomaly_is_listed_shown_muted_and_closed(run: Run, told: Any, house: House) -> None:
    made = told("keys", "create", "Acme Pay", "--scope", "orders:read", *WHY)
    other = told("keys", "create", "Other", "--scope", "orders:read", *WHY)
    finding = Finding(
        "refusal_burst", 80, "critical", ("Many refused.", "Here.", "Ask them."), ({"id": "req_1", "route": "/api"},)
    )
    with house.store.write() as tx:
        raised = [put(tx, one["client"], finding, ()) for one in (made, other)]
    assert all(raised)
    ann = admit(house, told, "ann@example.org", "owner", organization=made["organization"])
    mine = told("anomalies", "list", "--as", ann)
    assert [(row["client"], row["said"]) for row in mine] == [(made["client"], "Many refused.")]
    assert len(told("anomalies", "list")) == 2
    assert len(told("anomalies", "list", "--client", other["client"], "--state", "open")) == 1
    assert run("anomalies", "list", "--client", other["client"], "--as", ann).status == 1
    name = mine[0]["anomaly"]
    assert "Ask them." in run("anomalies", "show", name, "--as", ann).out
    assert run("anomalies", "close", name, *WHY, "--as", ann).status == 1
    until = (house.clock.now().replace(microsecond=0)).isoformat()
    assert run("anomalies", "mute", name, "--until", until, *WHY).status == 2
    rita = admit(house, told, "rita@example.org", "reviewer")
    soon = f"{house.clock.now():%Y-%m-%d}T23:59:59.999999+00:00"
    assert told("anomalies", "mute", name, "--until", soon, *WHY, "--as", rita)["state"] == "muted"
    assert told("anomalies", "close", name, *WHY, "--as", rita)["state"] == "closed"
    assert run("anomalies", "close", name, *WHY).status == 1
    assert [row["client"] for row in told("anomalies", "list")] == [other["client"]]
    assert len(told("anomalies", "list", "--all")) == 2
    assert run("anomalies", "show", "ano_nobody").status == 1


def test_what_there_is_to_choose_from_is_listed(run: Run, told: Any, house: House) -> None:
    with house.store.write() as tx:
        access.put_role(tx, operator(), access.Role("reader", frozenset({"orders:read"})))
        quotas.put_plan(tx, operator(), "gold", [{"name": "calls", "rate": "100/second"}])
    assert [row["name"] for row in told("scopes", "list")] == ["orders:read", "orders:write", "refunds:write"]
    assert [(row["name"], row["scopes"]) for row in told("roles", "list")] == [("reader", ["orders:read"])]
    assert [row["limits"] for row in told("plans", "list")] == [[{"name": "calls", "rate": "100 per second"}]]
    settings = {row["name"]: row for row in told("settings", "list")}
    assert settings["APIGUARD_ONBOARDING"]["value"] == "invited"
    assert {row["value"] for row in settings.values() if row["secret"]} <= {None, "set"}
    rita = admit(house, told, "rita@example.org", "reviewer")
    assert run("settings", "list", "--as", rita).status == 1
    assert run("plans", "list", "--as", rita).status == 0
