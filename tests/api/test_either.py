"""A route that one of several scopes opens shows the use of the one that was held."""

from __future__ import annotations

from .conftest import Town


def test_a_scope_that_was_not_held_is_not_ticked(town: Town) -> None:
    scopes = {"orders:read": "to read the orders", "orders:write": "to write the orders"}
    made = town.ready_application("ann", town.ids["ann_org"], requested_scopes=scopes)
    assert town.call_api(made["key"], path="/api/v1/either").status == 200
    heard = town.go("GET", f"/applications/{made['application_id']}/graduation", who="ann")
    done = {step["name"]: step["done"] for step in heard.json["items"]}
    assert (done["call:orders:read"], done["call:orders:write"]) == (True, False)
