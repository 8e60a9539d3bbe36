"""Nobody waits to write while somebody looks at calls: the event store is asked outside of transactions that write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard.events import Query
from flask_apiguard.extension import house_of

from ..servers.http import serve
from .conftest import Town, make_app, populate
from .examples import LATER

WRITING = threading.local()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A town whose event store answers nobody who holds the state store's write lock."""
    app = make_app(tmp_path)
    house = house_of(app)
    write, telling, looked = house.store.write, Query.telling, []

    @contextmanager
    def writing() -> Iterator[Any]:
        with write() as tx:
            WRITING.now = True
            try:
                yield tx
            finally:
                WRITING.now = False

    def look(query: Query, *told: Any) -> Any:
        assert not getattr(WRITING, "now", False), "looked at calls while others wait to write"
        looked.append(told)
        return telling(query, *told)

    monkeypatch.setattr(house.store, "write", writing)
    monkeypatch.setattr(Query, "telling", look)
    with serve(app) as url:
        yield populate(Town(app, house, url))
    assert looked
    house.close()


def test_the_whole_way_to_production_looks_at_calls_before_it_writes(watched: Town) -> None:
    town = watched
    scopes = {"orders:read": "To read the orders of the day.", "orders:write": "To order what ran out."}
    made = town.ready_application("ann", town.ids["ann_org"], requested_scopes=scopes)
    application, client = f"/applications/{made['application_id']}", f"/clients/{made['client_id']}"
    etag = town.go("GET", application, who="ann").headers["ETag"] or ""
    facts = {"purpose": "Pays orders, and says so at some length."}
    assert town.go("PATCH", application, facts, "ann", If_Match=etag).status == 200
    (review,) = town.go("GET", "/reviews", who="rita").json["items"]
    why = {"reason": "as agreed"}
    here = f"/reviews/{review['id']}"
    assert town.go("POST", f"{here}/questions", {"question": "Why?"}, "rita").status == 200
    assert town.go("POST", f"{here}/answers", {"text": "Because."}, "ann").status == 200
    assert town.go("POST", f"{here}/decisions", {"decision": "approve", **why}, "rita").status == 200
    assert town.call_api(made["key"], "POST", body={}).status == 422
    assert town.call_api(made["key"], "POST", body={"sku": "a"}).status == 201
    assert town.go("POST", f"{application}/checks", {}, "ann").status == 200
    opened = town.go("POST", f"{application}/reviews", {"kind": "production", **why}, "ann")
    assert opened.status == 201, opened.body
    approved = town.go("POST", f"/reviews/{opened.json['id']}/decisions", {"decision": "approve", **why}, "rita")
    assert (approved.status, approved.json["state"]) == (200, "approved"), approved.body
    assert town.go("POST", f"{client}/suspension", why, "rita").status == 200
    waiver = town.go("POST", f"{application}/checks/purpose/waiver", {**why, "until": LATER}, "rita")
    assert town.go("POST", f"{application}/waivers/{waiver.json['id']}/second", {}, "rudi").status == 200
    assert town.go("POST", f"{application}/retirement", why, "ann").status == 200
