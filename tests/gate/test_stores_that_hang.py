"""A PostgreSQL that takes everything and answers nothing: every door says 503, none hangs, and all open again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_apiguard.errors import StoreAway
from flask_apiguard.extension import house_of
from flask_apiguard.testing import decisions
from flask_apiguard.values import Actor, By
from tests.oauth.world import Holder, World, make_app
from tests.servers.between import Between, between
from tests.waiting import wait_for

ISSUER = "https://api.example"


@pytest.fixture
def line(ready_postgres_url: str) -> Iterator[Between]:
    with between(ready_postgres_url) as made:
        yield made


@pytest.fixture
def app(line: Between) -> Iterator[Flask]:
    """A guarded API with its authorization server, beyond a line that may go dead."""
    made = make_app(ISSUER, line.url())
    made.add_url_rule("/", "front", lambda: "open to everybody")
    yield made
    house_of(made).close()


@pytest.fixture
def holder(app: Flask) -> Holder:
    return World(app, ISSUER).holder()


@pytest.fixture
def person(app: Flask) -> str:
    """A person's token."""
    house = house_of(app)
    with house.store.write() as tx:
        made = house.people.register(tx, "ann@example.org", "Ann")
    return str(house.people.prove(made.proof).secret)


def ask(app: Flask, holder: Holder, endpoint: str = "token") -> TestResponse:
    data = {"grant_type": "client_credentials"}
    return app.test_client().post(f"/oauth/{endpoint}", data=data, headers=holder.basic, base_url=ISSUER)


def call(app: Flask, token: str, path: str = "/api/orders") -> TestResponse:
    return app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})


def test_every_door_says_503_and_opens_again(app: Flask, line: Between, holder: Holder, person: str) -> None:
    known = ask(app, holder).get_json()["access_token"]

    def doors() -> dict[str, TestResponse]:
        return {
            "token": ask(app, holder), "par": ask(app, holder, "par"), "gate": call(app, known),
            "api": call(app, person, "/apiguard/api/v1/me"),
        }  # fmt: skip

    assert [answer.status_code for answer in doors().values()] == [200, 400, 200, 200]
    with line.dead():
        said = doors()
        assert app.test_client().get("/").text == "open to everybody"
    assert {answer.status_code for answer in said.values()} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in said.values())
    assert said["token"].get_json()["error"] == said["par"].get_json()["error"] == "temporarily_unavailable"
    assert said["gate"].get_json()["code"] == said["api"].get_json()["code"] == "gate:store:away"
    wait_for(lambda: [answer.status_code for answer in doors().values()] == [200, 400, 200, 200])
    assert "gate:store:away" in [event["reason"] for event in decisions(app)]


def test_threads_that_wait_together_hear_it_together(app: Flask, line: Between, holder: Holder) -> None:
    known = ask(app, holder).get_json()["access_token"]
    assert call(app, known).status_code == 200
    house_of(app).watch._looked = float("-inf")  # what was seen is too old to stand on
    heard: list[int] = []
    threads = [threading.Thread(target=lambda: heard.append(call(app, known).status_code)) for _ in range(16)]
    with line.dead():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert heard == [503] * 16


def test_a_table_that_somebody_holds_for_ever_is_a_store_that_is_away(
    app: Flask, holder: Holder, ready_postgres_url: str
) -> None:
    house = house_of(app)
    assert ask(app, holder).status_code == 200
    house.store.patience = 0.5
    house.store.close()
    house.watch.close()
    with psycopg.connect(ready_postgres_url.replace("postgresql+psycopg:", "postgresql:", 1)) as other:
        other.execute("LOCK TABLE apiguard_token, apiguard_credential IN ACCESS EXCLUSIVE MODE")
        refused = ask(app, holder)
        assert (refused.status_code, refused.get_json()["error"]) == (503, "temporarily_unavailable")
        with pytest.raises(StoreAway), house.store.write() as tx:
            house.keys.create(tx, By(Actor.OPERATOR, "root"), holder.id, name="another")
    wait_for(lambda: ask(app, holder).status_code == 200)
