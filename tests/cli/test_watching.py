"""``explain``, ``tick``, ``audit``: what was, what is due, and whether the record is whole."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_apiguard.cli.common import operator
from flask_apiguard.clients import registry
from flask_apiguard.house import House
from flask_apiguard.oauth.tables import oauth_pushed
from flask_apiguard.testing import client_in
from flask_apiguard.values import Environment

from .conftest import Run

WHY = ("--reason", "as agreed in the contract")


def test_a_refusal_is_explained_step_by_step(app: Flask, told: Any, run: Run) -> None:
    refused = client_in(app, scopes=["orders:read"]).post("/api/orders", json={"item": "a"})
    found = told("explain", refused.json["request_id"])
    assert (found["status"], found["reason"]) == (403, "gate:scope:missing")
    steps = {step["step"]: step for step in found["steps"]}
    assert [step["outcome"] for step in found["steps"]] == ["passed"] * 4 + ["refused"] + ["not reached"] * 3
    assert (steps["access"]["seen"], steps["access"]["needed"]) == ("orders:read", "orders:write")
    text = run("explain", refused.json["request_id"])
    assert "Ask for the scope" in text.out


def test_an_allowed_call_passed_every_step(app: Flask, house: House, told: Any) -> None:
    client_in(app, scopes=["orders:read"]).get("/api/orders")
    found = told("explain", house.recorder.query.calls().events[0]["id"])
    assert {step["outcome"] for step in found["steps"]} == {"passed"}


def test_calls_are_listed_newest_first_and_narrowed(app: Flask, told: Any, run: Run) -> None:
    caller = client_in(app, scopes=["orders:read"])
    for _ in range(3):
        caller.get("/api/orders")
    refused = caller.post("/api/orders", json={"item": "a"}).json["request_id"]
    assert told("calls", "list")["items"][0]["id"] == refused
    for words in (("--refused",), ("--status-class", "4"), ("--reason", "gate:scope:missing"), ("--limit", "1")):
        assert [one["id"] for one in told("calls", "list", *words)["items"]] == [refused]
    assert len(told("calls", "list", "--allowed", "--client", caller.client.id)["items"]) == 3
    assert told("calls", "list", "--mode", "observe")["items"] == []
    first = told("calls", "list", "--limit", "3", "--application", caller.application_id)
    (last,) = told("calls", "list", "--cursor", first["cursor"])["items"]
    assert last["id"] not in {one["id"] for one in first["items"]}
    text = run("calls", "list", "--refused")
    assert (text.status, refused in text.out, "403" in text.out) == (0, True, True)
    assert run("calls", "list", "--cursor", "made-up").status == 2


def test_calls_are_found_however_far_back_they_are(app: Flask, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page goes through so many; a command goes on until it has what was asked for."""
    monkeypatch.setattr("flask_apiguard.events.query.LOOKED_AT", 1)
    caller = client_in(app, scopes=["orders:read"])
    refused = [caller.post("/api/orders", json={"item": "a"}).json["request_id"] for _ in range(2)]
    for _ in range(4):
        caller.get("/api/orders")
    found = told("calls", "list", "--refused")
    assert ([one["id"] for one in found["items"]], found["cursor"]) == (refused[::-1], None)
    first = told("calls", "list", "--refused", "--limit", "1")
    assert [one["id"] for one in first["items"]] == refused[1:]
    then = told("calls", "list", "--refused", "--cursor", first["cursor"])
    assert [one["id"] for one in then["items"]] == refused[:1]


def test_a_person_lists_the_calls_of_their_own_only(app: Flask, told: Any, run: Run, house: House) -> None:
    mine, other = client_in(app, scopes=["orders:read"]), client_in(app, scopes=["orders:read"])
    mine.get("/api/orders")
    other.get("/api/orders")
    with house.store.read() as conn:
        organization = registry.application(conn, mine.application_id).organization_id
    with house.store.write() as tx:
        registered = house.people.register(tx, "vera@example.org", "Vera")
    person = house.people.prove(registered.proof).person
    with house.store.write() as tx:
        house.people.give_seat(tx, operator(), person.id, organization, "viewer")
    token = told("people", "token", "vera@example.org")["token"]
    assert len(told("calls", "list", "--client", mine.client.id, "--as", token)["items"]) == 1
    assert run("calls", "list", "--as", token).status == 1
    theirs = run("calls", "list", "--client", other.client.id, "--as", token)
    nobodys = run("calls", "list", "--client", "cli_nobodys", "--as", token)
    assert (theirs.status, theirs.err) == (nobodys.status, nobodys.err) == (1, nobodys.err)


def test_an_unknown_call_is_a_sentence(run: Run) -> None:
    answer = run("explain", "req_nothing")
    assert answer.status == 1
    assert "No call has the id" in answer.err


def test_tick_ships_signs_and_says_nothing_twice(app: Flask, told: Any, house: House) -> None:
    client_in(app, scopes=["orders:read"], lifetime=None).get("/api/orders")
    house.clock.advance(365 * 86400 - 5 * 86400)
    first = told("tick")
    assert first["failed"] == {}
    assert first["done"]["uses"] == {"written": 1}
    assert any("ends within 7 days" in said for said in first["done"]["onboarding"])
    assert house.ledger.checkpoints()[0].extra["events"]["seq"] == house.recorder.head().seq == 1
    signed = len(house.ledger.checkpoints())
    second = told("tick")
    assert second["done"]["onboarding"] == []
    assert len(house.ledger.checkpoints()) == signed


def test_tick_clears_away_what_nobody_can_show_any_more(app: Flask, told: Any, house: House) -> None:
    holder = client_in(app, scopes=["orders:read"]).get("/api/orders")
    assert holder.status_code == 200
    client_id = house.recorder.query.calls().events[0]["client"]
    with house.store.write() as tx:
        facts = {"client_id": client_id, "environment": Environment.PRODUCTION, "scopes": ["orders:read"]}
        short, _ = house.tokens.issue(tx, lifetime=60, **facts)
        parent, _ = house.tokens.issue(tx, lifetime=60, **facts)
        house.tokens.issue(tx, lifetime=30 * 86400, parent=parent, **facts)
        tx.execute(oauth_pushed.insert(), [
            {"digest": str(number), "client_id": client_id, "query": "", "expires_at": tx.now + dt.timedelta(days=days)}
            for number, days in enumerate([-1] * 2100 + [1])
        ])  # fmt: skip
    assert told("tick")["done"]["expired"] == {"tokens": 0, "requests and codes": 2100}
    house.clock.advance(2 * 86400)
    assert told("tick")["done"]["expired"] == {"tokens": 1, "requests and codes": 1}  # a family stays whole
    assert told("tick")["done"]["expired"] == {"tokens": 0, "requests and codes": 0}
    assert short.id != parent.id


def test_of_two_ticks_at_once_one_works(told: Any, house: House) -> None:
    from flask_apiguard.cli.tick import LEASE, SPAN
    from flask_apiguard.onboarding import lease

    assert lease.take(house.store, LEASE, "another", SPAN, house.clock.now())
    assert told("tick")["busy"] is True
    house.clock.advance(SPAN.total_seconds() + 1)
    assert told("tick")["busy"] is False


def test_a_part_that_fails_holds_up_no_other(run: Run, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ledger.file = house.folder / "a-file" / "checkpoints"
    (house.folder / "a-file").write_text("no folder")
    answer = run("tick", "--json")
    assert answer.status == 1
    assert "can't be written" in answer.json["failed"]["ledger"]
    assert "notices" in answer.json["done"]


def test_the_ledger_verifies_and_an_edited_entry_is_named(run: Run, told: Any, house: House) -> None:
    told("keys", "create", "Acme", "--scope", "orders:read", *WHY)
    told("tick")
    assert told("audit", "verify")["ledger"]["ok"] is True
    with house.store.write() as tx:
        tx.execute(sa.text("UPDATE apiguard_ledger SET entry = replace(entry, 'agreed', 'argued') WHERE seq = 2"))
    answer = run("audit", "verify", "--json")
    assert answer.status == 1
    assert answer.json["ledger"]["first_bad"] == 2
    assert "BAD at entry 2" in run("audit", "verify").out


def test_a_cut_tail_of_the_events_is_found_by_what_was_signed(app: Flask, run: Run, told: Any, house: House) -> None:
    client_in(app, scopes=["orders:read"]).get("/api/orders")
    told("tick")
    with house.events_store.write() as tx:
        tx.execute(sa.text("DELETE FROM apiguard_access_event"))
        tx.execute(sa.text("DELETE FROM apiguard_event_batch"))
    answer = run("audit", "verify", "--json")
    assert answer.status == 1
    assert answer.json["events"]["first_bad"] == 1


def test_entries_are_listed_by_what_happened_and_page_by_page(told: Any, run: Run) -> None:
    told("keys", "create", "Acme", "--scope", "orders:read", *WHY)
    assert {row["happening"] for row in told("audit", "list", "--happening", "access:grant:")} == {"access:grant:given"}
    answer = run("audit", "list", "--limit", "2", "--json")
    assert len(answer.json) == 2
    cursor = answer.err.split()[-1]
    more = told("audit", "list", "--limit", "2", "--cursor", cursor)
    assert more[0]["seq"] == answer.json[-1]["seq"] - 1
    assert run("audit", "list", "--since", "yesterday").status == 2


def test_the_report_is_a_folder_that_a_spreadsheet_reads_without_running_it(
    told: Any, run: Run, tmp_path: Path
) -> None:
    told("keys", "create", "=cmd()", "--scope", "orders:read", "--reason", "=HYPERLINK(evil)")
    told("init", "--email", "ada@example.org", "--name", "@ada")
    done = told("audit", "report", str(tmp_path / "report"))
    counts = {"grants": 1, "decisions": 1, "seats": 1, "waivers": 0}
    assert done == {"folder": str(tmp_path / "report"), **counts, "whole": True}
    for name in ("grants", "decisions", "seats", "waivers"):
        rows = json.loads((tmp_path / "report" / f"{name}.json").read_text())
        with (tmp_path / "report" / f"{name}.csv").open() as file:
            listed = list(csv.DictReader(file))
        assert len(listed) == len(rows) == done[name]
        assert not any(str(value).startswith(("=", "@", "+")) for row in listed for value in row.values())
    assert json.loads((tmp_path / "report" / "verification.json").read_text())["ledger"]["ok"] is True
