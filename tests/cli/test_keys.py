"""``keys``: one command to a working key, and what becomes of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apiguard.clients import registry
from flask_apiguard.house import House

from .conftest import Run
from .shop import make

WHY = ("--reason", "contract 2026-11")


@pytest.fixture
def made(told: Any) -> dict[str, Any]:
    words = ("Acme Pay", "--scope", "orders:read", "--reference", "customer:42")
    found: dict[str, Any] = told("keys", "create", *words, *WHY)
    return found


def get(app: Flask, key: str, path: str = "/api/orders") -> int:
    return app.test_client().get(path, headers={"X-API-Key": key}).status_code


def test_one_command_makes_a_key_that_opens_what_it_names_and_nothing_else(app: Flask, made: dict[str, Any]) -> None:
    assert get(app, made["key"]) == 200
    assert get(app, made["key"], "/api/refunds") == 403


def test_the_ledger_keeps_who_made_it_and_why(made: dict[str, Any], house: House) -> None:
    entry = next(iter(house.ledger.entries(happening="credentials:credential:created").entries))
    assert (entry.actor_kind, entry.reason) == ("operator", WHY[1])
    assert entry.subject == f"credential:{made['credential']}"


def test_a_key_is_shown_once_and_never_listed(run: Run, made: dict[str, Any]) -> None:
    for words in (("keys", "list"), ("keys", "list", "--json"), ("applications", "show", made["application"])):
        answer = run(*words)
        assert answer.status == 0, answer.err
        assert made["key"] not in answer.out


def test_a_scope_that_nobody_declared_is_refused_with_what_mends_it(run: Run) -> None:
    answer = run("keys", "create", "Acme", "--scope", "orders:burn", *WHY)
    assert answer.status == 1
    assert "orders:burn" in answer.err


def test_a_reason_is_not_optional(run: Run) -> None:
    answer = run("keys", "create", "Acme", "--scope", "orders:read")
    assert answer.status == 2
    assert "--reason" in answer.err


def test_a_rotated_key_overlaps_and_a_leaked_one_does_not(app: Flask, told: Any, made: dict[str, Any]) -> None:
    second = told("keys", "rotate", made["credential"], "--overlap", "1h", *WHY)
    assert [get(app, one["key"]) for one in (made, second)] == [200, 200]
    third = told("keys", "rotate", second["credential"], "--overlap", "0", *WHY)
    assert [get(app, one["key"]) for one in (second, third)] == [401, 200]


def test_a_revoked_key_opens_nothing_in_the_next_request(app: Flask, told: Any, made: dict[str, Any]) -> None:
    told("keys", "revoke", made["credential"], *WHY)
    assert get(app, made["key"]) == 401
    assert told("keys", "list") == []
    assert [row["phase"] for row in told("keys", "list", "--all")] == ["revoked"]


def test_everything_of_a_client_can_be_revoked_at_once(app: Flask, told: Any, run: Run, made: dict[str, Any]) -> None:
    second = told("keys", "rotate", made["credential"], *WHY)
    assert told("keys", "revoke", "--client", made["client"], *WHY)["revoked"] == 2
    assert get(app, second["key"]) == 401
    assert run("keys", "revoke", *WHY).status == 2


def test_the_list_narrows_to_a_customer(told: Any, made: dict[str, Any]) -> None:
    told("keys", "create", "Other", "--scope", "orders:read", "--reference", "customer:7", *WHY)
    assert len(told("keys", "list")) == 2
    assert [row["id"] for row in told("keys", "list", "--reference", "customer:42")] == [made["credential"]]
    assert [row["id"] for row in told("keys", "list", "--client", made["client"])] == [made["credential"]]
    assert [row["id"] for row in told("keys", "list", "--application", made["application"])] == [made["credential"]]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_hashed_keys_of_the_host_work_on(
    app: Flask, told: Any, made: dict[str, Any], tmp_path: Path, form: str
) -> None:
    text = "an-old-key-of-the-host-0123456789"
    digest = hashlib.sha256(text.encode()).hexdigest()
    file = tmp_path / "keys"
    lines = f"name,hash\nold,{digest}\n" if form == "csv" else json.dumps({"name": "old", "hash": digest}) + "\n"
    file.write_text(lines)
    taken = told("keys", "import", str(file), "--client", made["client"], *WHY)
    assert [row["name"] for row in taken] == ["old"]
    assert get(app, text) == 200
    assert told("keys", "import", str(file), "--client", made["client"], *WHY) == taken


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name,hash\nold\n", "Line 2"),
        ("name,digest\nold,00\n", "'digest'"),
        ('{"name": "old"\n', "Line 1"),
        ('{"name": "old", "hash": 5}\n', "no text"),
        ('{"name": "old", "hash": "00", "expires": "soon"}\n', "no date"),
        ("", "no key"),
    ],
)
def test_a_file_of_keys_that_can_not_be_read_names_its_line(
    run: Run, made: dict[str, Any], tmp_path: Path, text: str, line: str
) -> None:
    (tmp_path / "keys").write_text(text)
    answer = run("keys", "import", str(tmp_path / "keys"), "--client", made["client"], *WHY)
    assert answer.status == 2
    assert line in answer.err


def test_a_key_made_by_one_process_opens_in_another(program: Run, tmp_path: Path) -> None:
    made = program("keys", "create", "Acme Pay", "--scope", "orders:read", *WHY, "--json")
    assert made.status == 0, made.err
    app = make(INSTANCE_PATH=str(tmp_path / "instance"))
    assert get(app, made.json["key"]) == 200
    app.extensions["apiguard"].close()


def test_a_client_gets_a_further_key_that_opens_no_more_than_it_names(app: Flask, told: Any, run: Run) -> None:
    made = told("keys", "create", "Acme", "--scope", "orders:read", "--scope", "refunds:write", *WHY)
    narrow = told("keys", "create", "reader", "--client", made["client"], "--scope", "orders:read", *WHY)
    assert [get(app, narrow["key"], path) for path in ("/api/orders", "/api/refunds")] == [200, 403]
    whole = told("keys", "create", "all", "--client", made["client"], *WHY)
    assert [get(app, whole["key"], path) for path in ("/api/orders", "/api/refunds")] == [200, 200]
    secret = told("keys", "create", "token", "--client", made["client"], "--kind", "client_secret", *WHY)
    assert get(app, secret["key"]) == 401
    beyond = run("keys", "create", "x", "--client", made["client"], "--scope", "orders:write", *WHY)
    assert beyond.status == 1
    assert "doesn't hold orders:write" in beyond.err
    for words in (("--client", made["client"], "--plan", "x"), ("--scope", "orders:read", "--kind", "api_key"), ()):
        assert run("keys", "create", "x", *words, *WHY).status == 2


def test_what_data_an_application_handles_is_said_where_it_is_brought_in(told: Any, run: Run, house: House) -> None:
    made = told("keys", "create", "Acme", "--scope", "orders:read", "--data-class", "personal", *WHY)
    with house.store.read() as conn:
        assert registry.application(conn, made["application"]).data_class == "personal"
    further = run("keys", "create", "More", "--client", made["client"], "--data-class", "public", *WHY)
    assert (further.status, "--data-class" in further.err) == (2, True)
