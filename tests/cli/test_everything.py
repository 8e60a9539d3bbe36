"""Everything that takes a seat can be done by command as by JSON API: each endpoint has a command that does it."""

from __future__ import annotations

import pytest

from flask_apiguard.api.endpoints import ENDPOINTS

from .test_help import leaves

pytestmark = pytest.mark.sqlite

#: By endpoint. What a person does for themselves alone takes no seat: an account, signing in, a session.
BY_COMMAND = {
    "access.end": "grants end", "access.give": "grants give", "access.grants": "grants list",
    "access.roles": "roles list", "access.scopes": "scopes list",
    "anomalies.close": "anomalies close", "anomalies.list": "anomalies list", "anomalies.mute": "anomalies mute",
    "anomalies.read": "anomalies show",
    "applications.contact": "applications prove", "applications.create": "applications register",
    "applications.edit": "applications edit", "applications.enter_sandbox": "applications move",
    "applications.invite": "keys create", "applications.list": "applications list",
    "applications.prove_contact": "applications prove", "applications.read": "applications show",
    "applications.refer": "applications refer", "applications.retire": "applications retire",
    "calls.list": "calls list",
    "certificates.add": "certificates add", "certificates.list": "certificates list",
    "certificates.read": "certificates list", "certificates.revoke": "certificates revoke",
    "certificates.rotate": "certificates rotate",
    "checks.graduation": "applications show", "checks.list": "applications show", "checks.run": "applications check",
    "checks.second": "applications second", "checks.waive": "applications waive", "checks.waivers": "applications show",
    "clients.end_override": "clients override", "clients.override": "clients override", "clients.plan": "clients plan",
    "clients.read": "clients show", "clients.resume": "applications resume", "clients.roles": "clients roles",
    "clients.suspend": "applications suspend",
    "credentials.create": "keys create", "credentials.list": "keys list", "credentials.read": "keys list",
    "credentials.revoke": "keys revoke", "credentials.rotate": "keys rotate",
    "explain.read": "explain",
    "ledger.export": "audit report", "ledger.list": "audit list", "ledger.verify": "audit verify",
    "members.disable": "people disable", "members.enable": "people disable", "members.give": "people seat",
    "members.house_give": "people seat", "members.house_invitations": "people list",
    "members.house_invite": "people invite", "members.house_list": "people list", "members.house_take": "people seat",
    "members.invitations": "people list", "members.invite": "people invite", "members.list": "people list",
    "members.person": "people list", "members.take": "people seat", "members.withdraw": "people withdraw",
    "oauth.certificate_bound": "clients change", "oauth.device": "clients change",
    "oauth.grant_types": "clients change",
    "oauth.list": "consents list", "oauth.public": "clients change", "oauth.read": "clients show",
    "oauth.token_format": "clients change", "oauth.withdraw": "consents withdraw",
    "oauth.withdraw_all": "consents withdraw-all",
    "organizations.create": "organizations create", "organizations.edit": "organizations rename",
    "organizations.list": "organizations list", "organizations.read": "organizations list",
    "plans.list": "plans list", "plans.write": "apply",
    "public_keys.add": "public-keys add", "public_keys.list": "public-keys list",
    "public_keys.read": "public-keys list", "public_keys.revoke": "public-keys revoke",
    "reviews.answer": "reviews answer", "reviews.ask": "reviews ask", "reviews.decide": "reviews approve",
    "reviews.list": "reviews list", "reviews.read": "reviews show", "reviews.recertify": "applications request",
    "reviews.request": "applications request", "reviews.withdraw": "reviews withdraw",
    "settings.list": "settings list",
    "signing_keys.list": "signing-keys list", "signing_keys.revoke": "signing-keys revoke",
    "signing_keys.rotate": "signing-keys rotate",
    "usage.read": "clients usage",
}  # fmt: skip


def test_every_endpoint_that_takes_a_seat_has_its_command() -> None:
    missing = {endpoint.name for endpoint in ENDPOINTS if endpoint.act is not None} - BY_COMMAND.keys()
    assert not missing
    assert not BY_COMMAND.keys() - {endpoint.name for endpoint in ENDPOINTS}


def test_every_command_of_the_table_is_there() -> None:
    assert not set(BY_COMMAND.values()) - {name for name, _ in leaves()}
