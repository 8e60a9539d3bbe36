"""The same write sent twice is done once, whoever sends it, however close together."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from flask_apiguard.api import idempotency
from flask_apiguard.api.tables import idempotency as table
from flask_apiguard.values import Reason

from .conftest import FACTS, Town


def _names(town: Town, name: str) -> int:
    told = town.go("GET", "/applications?limit=200", who="ann").json["items"]
    return sum(1 for one in told if one["name"] == name)


def test_the_same_key_and_request_bring_the_same_answer(town: Town) -> None:
    facts = {**FACTS, "name": "Once"}
    first = town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-1")
    before = town.entries()
    again = town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-1")
    assert first.status == again.status == 201
    assert first.body == again.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert town.entries() == before
    assert _names(town, "Once") == 1


def test_the_same_key_for_another_request_is_refused(town: Town) -> None:
    town.go("POST", "/applications", {**FACTS, "name": "First"}, "ann", Idempotency_Key="k-2")
    other = town.go("POST", "/applications", {**FACTS, "name": "Second"}, "ann", Idempotency_Key="k-2")
    assert (other.status, other.json["code"]) == (422, str(Reason.API_IDEMPOTENCY))
    path = town.go("POST", "/organizations", {"name": "Third"}, "ann", Idempotency_Key="k-2")
    assert path.status == 422
    assert _names(town, "Second") == 0


def test_keys_are_each_actors_own(town: Town) -> None:
    mine = town.go("POST", "/applications", {**FACTS, "name": "Hers"}, "ann", Idempotency_Key="k-3")
    his = town.go("POST", "/applications", {**FACTS, "name": "His"}, "bob", Idempotency_Key="k-3")
    assert (mine.status, his.status) == (201, 201)


def test_a_secret_is_neither_kept_nor_shown_again(town: Town) -> None:
    here = town.ready_application("ann", town.ids["ann_org"], name="Secretive")
    path = f"/clients/{here['client_id']}/credentials"
    first = town.go("POST", path, {"name": "one"}, "ann", Idempotency_Key="k-4")
    again = town.go("POST", path, {"name": "one"}, "ann", Idempotency_Key="k-4")
    assert first.status == 201
    assert (again.status, again.json["code"]) == (409, str(Reason.API_IDEMPOTENCY_SHOWN))
    assert first.headers["Location"] in again.json["detail"]
    assert len(town.go("GET", path, who="ann").json["items"]) == 2
    with town.house.store.read() as conn:
        rows = conn.execute(sa.select(table)).all()
    kept = "".join(str(value) for row in rows for value in row)
    assert first.json["secret"] not in kept


def test_a_refused_write_leaves_its_key_free(town: Town) -> None:
    made = town.go("POST", "/applications", {**FACTS, "name": "Later", "purpose": ""}, "ann").json
    path = f"/applications/{made['id']}"
    for _ in range(2):
        refused = town.go("POST", f"{path}/sandbox", {}, "ann", Idempotency_Key="k-5")
        assert refused.status == 409
        assert refused.json["code"] == str(Reason.API_CONFLICT)
    mended = {"purpose": FACTS["purpose"], "contact_email": "ann@ann.example"}
    assert town.go("PATCH", path, mended, "ann", If_Match="*").status == 200
    assert town.go("POST", f"{path}/sandbox", {}, "ann", Idempotency_Key="k-5").status == 201


def test_of_many_at_once_one_is_done(town: Town) -> None:
    facts = {**FACTS, "name": "Crowd"}

    def send(_: int) -> Any:
        return town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-6")

    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(send, range(8)))
    statuses = Counter(one.status for one in heard)
    assert set(statuses) <= {201, 409}, statuses
    assert statuses[201] >= 1
    assert len({one.json["id"] for one in heard if one.status == 201}) == 1
    for one in heard:
        if one.status == 409:
            assert one.json["code"] == str(Reason.API_IDEMPOTENCY_RUNNING)
            assert one.headers["Retry-After"] == "1"
    assert _names(town, "Crowd") == 1


def test_a_write_that_nobody_saw_end_is_not_done_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {**FACTS, "name": "Cut off"}
    monkeypatch.setattr(idempotency.Reservation, "keep", lambda *_: None)  # as if the process had died right here
    assert town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-7").status == 201
    monkeypatch.undo()
    soon = town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-7")
    assert (soon.status, soon.json["code"]) == (409, str(Reason.API_IDEMPOTENCY_RUNNING))
    with town.house.store.write() as tx:
        tx.execute(table.update().where(table.c.status.is_(None)).values(created_at=tx.now - dt.timedelta(minutes=2)))
    later = town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-7")
    assert (later.status, later.json["code"]) == (409, str(Reason.API_IDEMPOTENCY_UNKNOWN))
    assert _names(town, "Cut off") == 1


def test_keys_are_forgotten_after_a_day(town: Town) -> None:
    facts = {**FACTS, "name": "Daily"}
    assert town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-8").status == 201
    with town.house.store.write() as tx:
        tx.execute(table.update().values(created_at=tx.now - dt.timedelta(hours=25)))
    assert town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-8").status == 201
    assert _names(town, "Daily") == 2


@pytest.mark.parametrize("key", ["", "a" * 256, "caf\xe9", "a b"])
def test_a_key_that_is_none_is_refused(town: Town, key: str) -> None:
    heard = town.go("POST", "/applications", {**FACTS, "name": "Odd"}, "ann", Idempotency_Key=key)
    assert heard.status == 422
    assert heard.json["errors"][0]["pointer"] == "/Idempotency-Key"


def test_an_answer_is_not_replayed_to_a_narrower_token(town: Town) -> None:
    facts = {**FACTS, "name": "For the whole person"}
    assert town.go("POST", "/applications", facts, "ann", Idempotency_Key="k-narrow").status == 201
    narrow = town.go("POST", "/me/tokens", {"name": "v", "seats": ["viewer"]}, "ann").json["secret"]
    other = town.go("POST", "/applications", facts, narrow, Idempotency_Key="k-narrow")
    assert (other.status, other.json["code"]) == (422, str(Reason.API_IDEMPOTENCY))
