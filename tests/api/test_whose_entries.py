"""Entries about one organization's things belong to it, whoever acted and wherever they sit."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import flask_apiguard
from flask_apiguard import credentials
from flask_apiguard.errors import Conflict
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.quotas.plans import end_override, put_override
from flask_apiguard.values import Environment

from .conftest import OPERATOR, Town


def test_an_administrator_with_an_organization_of_their_own_writes_into_the_other_ones(town: Town) -> None:
    with town.house.store.write() as tx:
        town.house.people.give_seat(tx, OPERATOR, town.ids["adam"], town.ids["bob_org"], "owner")
    made = town.ready_application("ann", town.ids["ann_org"])
    with town.house.store.read() as conn:
        start = conn.execute(sa.select(sa.func.max(ledger.c.seq))).scalar_one()
    client, application = f"/clients/{made['client_id']}", f"/applications/{made['application_id']}"
    grant = {"environment": "sandbox", "scopes": ["orders:read"], "reason": "none of these any more"}
    for method, path, body in (
        ("PUT", f"{client}/plan", {"plan": None, "reason": "no plan"}),
        ("POST", f"{application}/grants/end", grant),
        ("POST", f"{application}/grants", grant),
        ("POST", f"{client}/suspension", {"reason": "looked odd"}),
        ("POST", f"{client}/resumption", {"reason": "was not"}),
        ("POST", f"/credentials/{made['credential_id']}/revocation", {"reason": "leaked"}),
    ):
        heard = town.go(method, path, body, "adam")
        assert heard.status in (200, 201, 204), (method, path, heard.body)
    with town.house.store.read() as conn:
        rows = conn.execute(sa.select(ledger.c.happening, ledger.c.organization_id).where(ledger.c.seq > start)).all()
    assert len(rows) >= 5
    assert {row.organization_id for row in rows} == {town.ids["ann_org"]}, rows


def entries_in(source: str) -> Iterator[tuple[int, ast.Call]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enter":
            yield node.lineno, node


def test_every_entry_about_what_belongs_to_somebody_says_to_whom() -> None:
    silent = []
    for path in Path(flask_apiguard.__file__).parent.rglob("*.py"):
        for line, call in entries_in(path.read_text(encoding="utf-8")):
            subject = ast.unparse(call.args[3]) if len(call.args) > 3 else ""
            owned = re.match(r"f'(application|client|credential|family|invitation|review):", subject)
            if owned and "organization" not in {keyword.arg for keyword in call.keywords}:
                silent.append(f"{path.name}:{line}")
    assert not silent


def test_imported_keys_own_limits_and_ended_tokens_are_entries_of_their_organization(town: Town) -> None:
    made = town.ready_application("ann", town.ids["ann_org"])
    house, client_id, here = town.house, made["client_id"], {"quota": 5, "per": "day", "name": "mine"}
    token: Any = {"client_id": client_id, "environment": Environment.SANDBOX, "scopes": ()}
    entry = credentials.Entry("old", hashlib.sha256(b"the host's own key").hexdigest())
    with house.store.read() as conn:
        start = conn.execute(sa.select(sa.func.max(ledger.c.seq))).scalar_one()
    for act in (
        lambda tx: credentials.import_hashed(house.keys, house.secrets, tx, OPERATOR, client_id, [entry]),
        lambda tx: put_override(tx, OPERATOR, client_id, here, reason="a trial"),
        lambda tx: end_override(tx, OPERATOR, client_id, "mine"),
        lambda tx: house.tokens.issue(tx, **token, family_id="fam_a"),
        lambda tx: credentials.revoke_family(tx, OPERATOR, "fam_a", "leaked"),
        lambda tx: house.tokens.issue(tx, **token, family_id="fam_b"),
        lambda tx: credentials.revoke_tokens_of(tx, OPERATOR, client_id, "leaked"),
    ):
        with house.store.write() as tx:
            act(tx)
    with house.store.read() as conn:
        rows = conn.execute(sa.select(ledger.c.happening, ledger.c.organization_id).where(ledger.c.seq > start)).all()
    assert {str(row.happening) for row in rows} == {
        "credentials:credential:imported", "credentials:tokens:revoked", "quotas:override:changed",
    }  # fmt: skip
    assert {row.organization_id for row in rows} == {town.ids["ann_org"]}


def test_a_refused_attempt_of_an_operator_is_an_entry_of_whose_thing_it_was(town: Town) -> None:
    made = town.ready_application("ann", town.ids["ann_org"])
    with pytest.raises(Conflict), town.house.store.write() as tx:
        town.house.onboarding.move(tx, OPERATOR, made["application_id"], "draft")
    with town.house.store.read() as conn:
        last = conn.execute(sa.select(ledger).order_by(ledger.c.seq.desc()).limit(1)).one()
    assert (str(last.happening), last.organization_id) == ("onboarding:move:refused", town.ids["ann_org"])
