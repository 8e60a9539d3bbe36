"""``apply``: the house's scopes, roles, plans and seats as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard import access, quotas
from flask_apiguard.cli.common import operator
from flask_apiguard.contracts import Registry
from flask_apiguard.house import House

from .conftest import Run
from .shop import make

FILE = """
[scopes."orders:write"]
description = "Create and change orders"
risk = "critical"
[scopes]
"orders:list" = "List them"
[roles.clerk]
scopes = ["orders:read", "orders:list"]
[plans.gold]
title = "Gold"
limits = [{ name = "calls", rate = "100/second" }, { name = "month", quota = 100000, per = "month" }]
[[people]]
email = "ada@example.org"
seats = ["administrator"]
[[people]]
email = "rita@example.org"
seats = ["reviewer"]
"""


@pytest.fixture
def file(tmp_path: Path, told: Any) -> Path:
    told("init", "--email", "ada@example.org")
    path = tmp_path / "house.toml"
    path.write_text(FILE)
    return path


def test_a_file_is_shown_then_applied_then_changes_nothing(told: Any, run: Run, house: House, file: Path) -> None:
    dry = told("apply", str(file), "--dry-run")
    assert dry["applied"] is False
    assert [change["sign"] for change in dry["changes"]] == ["+"] * 5
    assert house.people.invitations(None) == ()
    answer = run("apply", str(file))
    assert answer.status == 0, answer.err
    assert "+ role clerk" in answer.out
    with house.store.read() as conn:
        assert access.stored(conn)["orders:write"].risk == "critical"
        assert access.roles(conn)["clerk"].scopes == {"orders:read", "orders:list"}
        assert [one.name for one in quotas.plans(conn)] == ["gold"]
    assert [one.email for one in house.people.invitations(None)] == ["rita@example.org"]
    assert told("apply", str(file))["changes"] == []


def test_a_changed_line_is_a_changed_thing(told: Any, house: House, file: Path) -> None:
    told("apply", str(file))
    file.write_text(FILE.replace('"orders:list"]', '"orders:write"]').replace("100/second", "50/second"))
    changes = told("apply", str(file))["changes"]
    assert [(change["sign"], change["what"]) for change in changes] == [("~", "role clerk"), ("~", "plan gold")]
    assert "50" in changes[1]["detail"]


def test_a_scope_and_a_plan_can_want_tokens_that_are_bound_to_a_key(
    told: Any, run: Run, house: House, file: Path
) -> None:
    told("apply", str(file))
    bound = FILE.replace('risk = "critical"', 'risk = "critical"\nsender_constrained = true')
    file.write_text(bound.replace('title = "Gold"', 'title = "Gold"\nsender_constrained = true'))
    changes = told("apply", str(file))["changes"]
    assert [(change["what"], change["detail"]) for change in changes] == [
        ("scope orders:write", "sender_constrained False -> True"),
        ("plan gold", "sender_constrained False -> True"),
    ]
    with house.store.read() as conn:
        assert access.stored(conn)["orders:write"].sender_constrained
        assert [one.sender_constrained for one in quotas.plans(conn)] == [True]
    assert told("apply", str(file))["changes"] == []
    for wrong in ('risk = "critical"', 'title = "Gold"'):
        file.write_text(FILE.replace(wrong, f'{wrong}\nsender_constrained = "yes"'))
        answer = run("apply", str(file))
        assert answer.status == 2
        assert "sender_constrained" in answer.err
    file.write_text(FILE)
    assert len(told("apply", str(file))["changes"]) == 2  # what the file leaves out is set to its default


def test_seats_that_the_file_no_longer_names_are_taken_but_never_the_last(
    told: Any, run: Run, house: House, file: Path
) -> None:
    token = told("people", "invite", "rita@example.org", "--seat", "reviewer")["token"]
    house.people.accept(token, "Rita")
    told("people", "seat", "rita@example.org", "auditor")
    assert [change["sign"] for change in told("apply", str(file), "--dry-run")["changes"]][-1] == "-"
    told("apply", str(file))
    file.write_text('[[people]]\nemail = "ada@example.org"\nseats = []\n')
    answer = run("apply", str(file))
    assert answer.status == 1
    assert "last administrator" in answer.err


REVIEWER = '[[people]]\nemail = "rolf@example.org"\nseats = ["reviewer"]\n'


def test_an_invitation_that_no_mail_carries_is_shown_once(run: Run, told: Any, house: House, file: Path) -> None:
    file.write_text(REVIEWER)
    assert "accepts by this" not in run("apply", str(file), "--dry-run").out
    applied = run("apply", str(file))
    assert (applied.status, "rolf@example.org accepts by this" in applied.out) == (0, True)
    link = applied.out.rstrip().splitlines()[-1].strip()
    again = run("apply", str(file))
    assert (again.status, link in again.out) == (0, False)
    file.write_text(REVIEWER.replace("rolf", "rosa"))
    (offered,) = told("apply", str(file))["invitations"]
    assert house.people.accept(offered["token"], "Rosa").person.email == "rosa@example.org"
    assert house.people.accept(link.rpartition("#")[2], "Rolf").person.email == "rolf@example.org"


def test_an_invitation_that_a_mail_carries_is_not_shown(told: Any, house: House, file: Path) -> None:
    house.outbox.notifiers = Registry("notifier", lambda one: one.name, [Carrier(personal=False)])
    file.write_text(REVIEWER)
    assert "invitations" in told("apply", str(file))
    house.outbox.notifiers = Registry("notifier", lambda one: one.name, [Carrier(personal=True)])
    file.write_text(REVIEWER.replace("rolf", "rosa"))
    assert "invitations" not in told("apply", str(file))


@dataclass
class Carrier:
    """A way out for notices; a ``personal`` one brings a text to its addressee alone."""

    personal: bool
    name = "carrier"

    def send(self, notice: object) -> None:
        """Anywhere."""


DEMANDS = """
[plans.gold]
limits = [{ name = "calls", rate = "100/second" }]
[checks.purpose]
at_least = 60
[checks.reference]
required = true
[checks.contact-domain]
throw_away = ["Brief.Example", "brief.example"]
[graduation]
repair = false
[graduation.risk]
low = ["rotation", "forbidden"]
[graduation.plan]
gold = ["unauthorized"]
"""


def test_a_file_says_what_checks_and_graduation_demand_and_the_ledger_keeps_it(
    told: Any, run: Run, house: House, file: Path
) -> None:
    file.write_text(DEMANDS)
    shown = {one["what"]: one["detail"] for one in told("apply", str(file), "--dry-run")["changes"]}
    assert shown.pop("plan gold")
    assert shown == {
        "check purpose": "at_least 20 -> 60",
        "check reference": "required False -> True",
        "check contact-domain": "throw_away [] -> ['brief.example']",
        "graduation repair": "yes -> no",
        "graduation risk low": "nothing -> forbidden, rotation",
        "graduation plan gold": "nothing -> unauthorized",
    }
    assert told("audit", "list", "--happening", "onboarding:setting:changed") == []
    told("apply", str(file), "--reason", "the new contract")
    entries = told("audit", "list", "--happening", "onboarding:setting:changed")
    assert {entry["subject"] for entry in entries} == {
        "check:purpose", "check:reference", "check:contact-domain", "graduation:repair", "graduation:risk:low",
        "graduation:plan:gold",
    }  # fmt: skip
    purpose = next(entry for entry in entries if entry["subject"] == "check:purpose")
    assert (purpose["before"], purpose["after"]) == ({"at_least": 20}, {"at_least": 60})
    assert purpose["reason"] == "the new contract"
    assert told("apply", str(file))["changes"] == []
    file.write_text("[checks.purpose]\n[graduation.risk]\nlow = []\n")
    back = {one["what"]: one["detail"] for one in told("apply", str(file))["changes"]}
    assert back == {"check purpose": "at_least 60 -> 20", "graduation risk low": "forbidden, rotation -> nothing"}
    assert told("apply", str(file))["changes"] == []


def test_what_one_process_applies_every_other_one_demands_at_once(program: Run, tmp_path: Path) -> None:
    path = tmp_path / "house.toml"
    path.write_text(DEMANDS)
    # An app that tests has a store of its own, and this one shares the program's.
    house = make(INSTANCE_PATH=str(tmp_path / "instance")).extensions["apiguard"]
    with house.store.write() as tx:
        made = house.onboarding.invite(
            tx, operator(), organization="Acme", name="Pay", reason="the contract", scopes=["orders:read"],
            environment="sandbox",
        ).application  # fmt: skip

    def verdict() -> str:
        with house.store.write() as tx:
            found = house.onboarding.run_checks(tx, operator(), made.id)
        return next(one.verdict.value for one in found if one.name == "reference")

    def steps() -> dict[str, bool]:
        with house.store.read() as conn:
            return {one.name: one.optional for one in house.onboarding.graduation_of(conn, made.id)}

    assert (verdict(), steps()) == ("passed", {"call:orders:read": True, "repair": False})
    applied = program("apply", str(path), "--yes")
    assert applied.status == 0, applied.err
    assert verdict() == "failed"
    assert steps() == {"call:orders:read": True, "repair": True, "forbidden": False, "rotation": False}
    house.close()


def test_it_is_all_or_nothing(run: Run, house: House, file: Path) -> None:
    file.write_text(FILE.replace('seats = ["administrator"]', "seats = []"))
    assert run("apply", str(file)).status == 1
    with house.store.read() as conn:
        assert access.stored(conn) == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[scope.x]\n", "scope means nothing"),
        ('[scopes."orders:write"]\nrsk = "low"\n', 'scopes."orders:write".rsk means nothing'),
        ('[scopes."orders:write"]\nrisk = "huge"\n', "'orders:write'"),
        ("[roles.clerk]\nscopes = 'x'\n", 'roles."clerk".scopes'),
        ("[roles.clerk]\nscopes = ['a b']\n", 'roles."clerk".scopes has what can be no scope'),
        ('[scopes."a b"]\nrisk = "low"\n', "'a b' can't be a scope"),
        ("[plans.gold]\nlimits = [{ name = 'calls', rate = 'fast' }]\n", "/plans/gold/limits/0"),
        ("[[people]]\nemail = 'a@example.org'\nseats = ['king']\n", "people[0].seats: king"),
        ("[[people]]\nname = 'a'\n", "people[0].name means nothing"),
        ("people = 5\n", "people is a list"),
        ("[checks.purpos]\n", "checks.purpos: There is no such check.\n  Fix: Did you mean purpose?"),
        ("[checks.purpose]\natleast = 5\n", "checks.purpose.atleast: The check takes no such thing.\n  Fix: Did you"),
        ("[checks.purpose]\nat_least = true\n", "checks.purpose.at_least wants a whole number from 1 to 1000"),
        ("[checks.reference]\nrequired = 1\n", "checks.reference.required wants true or false"),
        ("[checks.contact-domain]\nunread = [1]\n", "checks.contact-domain.unread wants a list"),
        ("[checks.plan]\n", "checks.plan takes nothing from a file"),
        ("checks = 5\n", "checks is a table"),
        ("[graduation]\nrepairs = true\n", "graduation.repairs: It means nothing.\n  Fix: Did you mean repair?"),
        ("[graduation]\nrepair = 'no'\n", "graduation.repair is true or false"),
        ("[graduation.risk]\nhigh = []\n", "graduation.risk.high: There is no such risk.\n  Fix: Known here: critical"),
        ("[graduation.risk]\nlow = ['rotate']\n", "There is no such step.\n  Fix: Did you mean rotation?"),
        ("[graduation.risk]\nlow = 'rotation'\n", "graduation.risk.low is a list of texts"),
        ("[graduation.plan]\ngold = []\n", "graduation.plan.gold: There is no such plan.\n  Fix: Known here: none."),
        ("a = [\n", "can't be read"),
    ],
)
def test_what_means_nothing_is_named_with_its_place(run: Run, tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "house.toml").write_text(text)
    answer = run("apply", str(tmp_path / "house.toml"))
    assert answer.status == 2, answer.err
    assert place in answer.err


def test_a_reviewer_can_not_apply_a_file(run: Run, told: Any, house: House, file: Path) -> None:
    invited = told("people", "invite", "rita@example.org", "--seat", "reviewer")
    house.people.accept(invited["token"], "Rita")
    token = told("people", "token", "rita@example.org")["token"]
    answer = run("apply", str(file), "--as", token)
    assert answer.status == 1
    assert "administrator" in answer.err


def test_at_a_terminal_it_asks_first(run: Run, house: House, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr("flask_apiguard.cli.apply.sys", type("sys", (), {"stdin": Terminal}))
    refused = run("apply", str(file), given="n\n")
    assert (refused.status, "+ role clerk" in refused.out) == (1, True)
    with house.store.read() as conn:
        assert access.roles(conn) == {}
    assert run("apply", str(file), given="y\n").status == 0
    assert run("apply", str(file), "--yes").status == 0
