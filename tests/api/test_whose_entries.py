"""Entries about one organization's things belong to it, whoever acted and wherever they sit."""

from __future__ import annotations

import sqlalchemy as sa

from flask_apiguard.ledger.tables import ledger

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
