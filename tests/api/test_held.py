"""A credential is narrowed to what its client holds now, and what silence took is not held."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_apiguard import access
from flask_apiguard.clients import registry
from flask_apiguard.errors import Conflict
from flask_apiguard.extension import house_of
from flask_apiguard.testing import advance, client_in
from flask_apiguard.values import State

from ..servers.http import serve
from .conftest import OPERATOR, Town, make_app


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Town]:
    app = make_app(tmp_path, TESTING=True)
    house = house_of(app)
    with serve(app) as url:
        yield Town(app, house, url)
    house.close()


def test_no_key_is_narrowed_to_a_scope_that_a_role_gave_and_silence_took(small: Town) -> None:
    house = small.house
    with house.store.write() as tx:
        access.put_role(tx, OPERATOR, access.Role("clerk", frozenset({"orders:write"})))
    client = client_in(small.app, roles=["clerk"]).client
    with house.store.write() as tx:
        registry.set_state(tx, client.application_id, State.PRODUCTION, tx.now + dt.timedelta(days=365))
        house.demand_held(tx, client, ["orders:write"])
    advance(small.app, days=1000)
    small.person("adam", None, "administrator")
    body = {"name": "narrow", "scopes": ["orders:write"]}
    refused = small.go("POST", f"/clients/{client.id}/credentials", body, "adam")
    assert (refused.status, "orders:write" in refused.json["detail"]) == (409, True)
    with house.store.write() as tx, pytest.raises(Conflict):
        house.demand_held(tx, client, ["orders:write"])
