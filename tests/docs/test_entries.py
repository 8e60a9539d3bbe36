"""Whatever the package has has its entry in the documentation, and what the documentation names is there."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
from flask import Flask

import flask_apiguard
from flask_apiguard import contracts, signals
from flask_apiguard.credentials import Within
from flask_apiguard.gate import Way
from flask_apiguard.house import SETTINGS
from flask_apiguard.house.declared import EVENTS_FILE, SECRET_FILE, SPOOL_FOLDER, STATE_FILE
from flask_apiguard.ledger import CHECKPOINTS_NAME, Entry
from flask_apiguard.people import Act
from flask_apiguard.quotas.choose import COUNTERS_NAME
from flask_apiguard.settings import FOR_COMMANDS
from flask_apiguard.values import AccessEvent, Happening, Reason

from .conftest import Pages

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Parts of contracts; the other protocols of that page are what these give and take.
CONTRACTS = ("CredentialType", "EventSink", "Notifier", "OnboardingCheck", "SchemaKind")
#: What people say elsewhere, and our word for it.
OTHER_WORDS = {
    r"audit (?:log|trail)s?": "ledger",
    r"api consumers?": "client",
    r"(?:owner|developer|viewer|reviewer|administrator|auditor)(?:'s)? roles?": "seat",
    r"admin(?:istrator)? users?": "person in the administrator's seat",
    r"user accounts?": "account of a person",
    r"(?:api|secret) tokens?": "API key, access token or person token",
    r"rate limits?": "limit",
    r"approval requests?": "review",
}


def command_paths(references: ModuleType) -> dict[tuple[str, ...], click.Command]:
    from flask_apiguard.cli import commands

    return dict(references.walk(commands("apiguard"), ()))


def test_every_setting_has_a_heading(pages: Pages) -> None:
    assert {setting.name for setting in SETTINGS} <= set(pages.headings("settings"))


def test_every_setting_says_its_type_and_default(pages: Pages) -> None:
    for setting in SETTINGS:
        _, _, rest = pages["settings"].partition(f"\n{setting.name}\n---")
        entry = rest.partition("\n.. _setting-")[0]
        assert re.search(r"^:Type: \S.*\.$", entry, re.MULTILINE), setting.name
        assert re.search(r"^:Default: \S", entry, re.MULTILINE), setting.name


def test_every_lifetime_that_differs_by_environment_stands_in_their_table(pages: Pages) -> None:
    for setting in SETTINGS:
        if isinstance(setting.parse, Within):
            row = pages["oauth"].partition(f"   * - :ref:`setting-{setting.name.lower().replace('_', '-')}`\n")[2]
            _, default, bounds, _ = row.split("     - ", 3) if row.startswith("     - ") else ("", "", "", "")
            assert str(setting.default) in default, setting.name
            assert " to " in bounds


def test_every_reason_has_a_heading_that_its_slug_leads_to(pages: Pages) -> None:
    headings = pages.headings("errors")
    for reason in Reason:
        assert str(reason.value) in headings
        assert f".. _reason-{reason.slug}:" in pages["errors"]


def test_every_happening_has_an_entry(pages: Pages) -> None:
    for happening in Happening:
        assert f"``{happening.value}``" in pages["happenings"]


def test_every_signal_has_a_heading(pages: Pages) -> None:
    ours = {name for name in dir(signals) if type(getattr(signals, name)).__name__ == "NamedSignal"}
    assert len(ours) > 5
    assert ours <= set(pages.headings("signals"))


def test_every_contract_has_a_heading_and_an_example(pages: Pages) -> None:
    assert set(CONTRACTS) | {"Registry"} <= set(pages.headings("contracts"))
    for name in CONTRACTS:
        section = pages["contracts"].partition(f"\n{name}\n---")[2]
        example = re.split(r"\n\S+\n-+\n", section)[0]
        assert ".. code-block:: python" in example, name
        for method in (found for found in vars(getattr(contracts, name)) if not found.startswith("_")):
            if inspect.isfunction(getattr(contracts, name).__dict__[method]):
                assert f"def {method}(" in example, f"{name}.{method}"


def test_no_contract_is_left_out() -> None:
    parts = {
        name
        for name, value in vars(contracts).items()
        if getattr(value, "_is_protocol", False) and value.__module__ == contracts.__name__
    }
    assert parts == {*CONTRACTS, "Schema"}


def test_every_command_has_a_heading(pages: Pages, references: ModuleType) -> None:
    wanted = {"flask apiguard " + " ".join(path) for path in command_paths(references)}
    assert wanted == set(pages.headings("commands")) - {"Commands"}


def test_every_finding_of_the_doctor_has_a_heading_that_its_number_leads_to(pages: Pages) -> None:
    from flask_apiguard.cli.findings import Kind

    headings = pages.headings("doctor")
    for kind in Kind:
        assert f"{kind.number} {kind.slug}" in headings
        entry = pages["doctor"].partition(f".. _finding-{kind.number.lower()}:")[2].partition("\n.. _finding-")[0]
        assert all(f"\n:{name}: " in entry for name in ("Severity", "Why", "Fix")), kind
        assert kind.standard in entry
    assert len(headings) == 1 + len(Kind)


def test_every_public_name_has_a_heading(pages: Pages) -> None:
    assert set(flask_apiguard.__all__) <= set(pages.headings("reference"))


def test_every_endpoint_has_an_entry(pages: Pages) -> None:
    from flask_apiguard.api.endpoints import ENDPOINTS

    for endpoint in ENDPOINTS:
        assert f"``{endpoint.method} {endpoint.path}``" in pages["api"]


def test_every_field_of_the_records_has_a_meaning(pages: Pages, references: ModuleType) -> None:
    assert set(references.MEANINGS) == {one.name for one in fields(AccessEvent)}
    for name in [one.name for kind in (AccessEvent, Entry) for one in fields(kind)]:
        assert f"``{name}``" in pages["records"]


def test_the_way_of_a_request_is_told_in_its_own_order(pages: Pages) -> None:
    steps = [name for name in re.findall(r"self\.(\w+)\(", inspect.getsource(Way.walk)) if hasattr(Way, name)]
    assert steps[0] == "bound"
    assert steps[-1] == "validate"
    told = re.findall(r"^   \* - (\w+)$", pages["way"], re.MULTILINE)
    assert [name for name in told if name in steps] == steps


def test_every_status_of_the_gate_stands_on_its_way(pages: Pages) -> None:
    table = pages["way"].partition("What each name means")[0]
    statuses = {reason.status for reason in Reason if reason.value.startswith("gate:")} - {200, 404, 405}
    assert {str(status) for status in statuses} <= set(re.findall(r"\b\d{3}\b", table))


def test_what_the_authorization_server_can_do_stands_on_its_page(pages: Pages) -> None:
    app = Flask("server")
    app.config.update(TESTING=True, APIGUARD_ISSUER="https://api.example.com", APIGUARD_TRUSTED_PROXIES=["10.0.0.2"])
    flask_apiguard.APIGuard(app, paths=["/api/v1"])
    client = app.test_client()
    document = client.get("/.well-known/oauth-authorization-server", base_url="https://api.example.com").json
    for name, told in document.items():
        if name.endswith("_endpoint"):
            assert urlsplit(told).path in pages["oauth"], name
        elif name in ("grant_types_supported", "token_endpoint_auth_methods_supported"):
            assert all(f"``{one}``" in pages["oauth"] for one in told), name
    assert client.get("/.well-known/oauth-protected-resource", base_url="https://api.example.com").status_code == 200
    # The form and the style sheet of our own pages are for nobody to call.
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("apiguard_oauth")}
    for rule in rules - {"/oauth/consent", "/oauth/style.css"}:
        assert f"{rule}``" in pages["oauth"], rule


def test_what_is_added_to_an_app_is_told(pages: Pages) -> None:
    bare, guarded = Flask("bare"), Flask("guarded")
    guarded.testing = True
    flask_apiguard.APIGuard(guarded, paths=["/api/v1"])
    before = {rule.rule for rule in bare.url_map.iter_rules()}
    added = {rule.rule for rule in guarded.url_map.iter_rules()} - before
    assert added
    assert all(rule.startswith("/apiguard/") for rule in added)
    assert set(guarded.extensions) - set(bare.extensions) == {"apiguard"}
    for name in (STATE_FILE, EVENTS_FILE, SECRET_FILE, SPOOL_FOLDER, COUNTERS_NAME, CHECKPOINTS_NAME):
        assert f"``{name}``" in pages["guest"]


def texts(pages: Pages) -> dict[str, str]:
    return {**pages, "README": README}


def test_a_setting_that_is_named_anywhere_exists(pages: Pages) -> None:
    known = {setting.name for setting in SETTINGS} | FOR_COMMANDS | {"APIGUARD_X"}
    for page, text in texts(pages).items():
        assert set(re.findall(r"(?<![A-Z_])APIGUARD_[A-Z_]+[A-Z]", text)) <= known, page


def test_a_command_that_is_named_anywhere_exists_with_its_options(pages: Pages, references: ModuleType) -> None:
    known = command_paths(references)
    named = 0
    for page, text in texts(pages).items():
        for found in re.findall(r"flask apiguard ([a-z][^`\n]*)", text):
            if page == "commands":
                continue
            parts = found.split()
            path = next((tuple(parts[:size]) for size in (2, 1) if tuple(parts[:size]) in known), None)
            assert path, f"{page}: flask apiguard {found}"
            options = {
                name for parameter in known[path].params for name in (*parameter.opts, *parameter.secondary_opts)
            }
            asked = {part.partition("=")[0] for part in parts[len(path) :] if part.startswith("--")}
            assert asked <= options, f"{page}: flask apiguard {found}"
            named += 1
    assert named > 15


def test_a_reason_that_is_named_anywhere_exists(pages: Pages) -> None:
    known = {str(reason.value) for reason in Reason} | set(Happening) | {act.value for act in Act}
    for page, text in texts(pages).items():
        for name in re.findall(r"(?<![:\w])(?:gate|oauth):[a-z-]+:[a-z-]+", text):
            assert name in known, f"{page}: {name}"


@pytest.mark.parametrize(("wrong", "ours"), OTHER_WORDS.items())
def test_things_are_called_by_their_one_name(pages: Pages, wrong: str, ours: str) -> None:
    for page, text in texts(pages).items():
        found = re.search(rf"\b{wrong}\b", text, re.IGNORECASE)
        assert found is None, f"{page}: {found[0]}: our word is {ours}" if found else ""


def test_links_between_pages_lead_somewhere(pages: Pages) -> None:
    labels = {label for text in pages.values() for label in re.findall(r"^\.\. _([\w-]+):$", text, re.MULTILINE)}
    for page, text in pages.items():
        folder = page.rpartition("/")[0]
        for target in re.findall(r":doc:`(?:[^`<]*<)?([^`>]+)>?`", text):
            assert target in pages or f"{folder}/{target}" in pages, f"{page}: {target}"
        for target in re.findall(r":ref:`(?:[^`<]*<)?([^`>]+)>?`", text):
            assert target in labels, f"{page}: {target}"


def test_the_type_of_a_setting_is_told_by_its_parser(references: ModuleType) -> None:
    def takes_anything(value: Any) -> Any:
        return value

    with pytest.raises(AssertionError, match="says nothing about the type"):
        references._type(takes_anything)
