"""Several workers forked from one loaded app: everything is reopened after the fork, and every event arrives."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard import credentials
from flask_apiguard.testing import TESTER, TestClient, client_in, decisions
from tests.gate.attacked import make
from tests.servers.gunicorn import Gunicorn
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.sqlite

CALLS = 60


class House:
    """A gunicorn of three workers, and an app here that shares its stores."""

    def __init__(self, server: Gunicorn, folder: Path) -> None:
        self.server = server
        self.app = make(str(folder), TESTING=True)
        self.client: TestClient = client_in(self.app, scopes=["secret:read"])

    def get(self, path: str, key: str = "") -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key or self.client.key}"})
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def get_many(self, path: str, count: int) -> list[tuple[int, bytes, dict[str, str]]]:
        found: list[tuple[int, bytes, dict[str, str]]] = []

        def call() -> None:
            found.extend(self.get(path) for _ in range(count // 6))

        threads = [threading.Thread(target=call) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def events(self, at_least: int, **filters: Any) -> list[dict[str, Any]]:
        """What arrived in the event store; waits for the workers to ship."""
        wait_for(lambda: len(decisions(self.app, **filters)) >= at_least)
        return decisions(self.app, **filters)


@pytest.fixture(scope="module", params=[["--preload"], []], ids=["preload", "each loads"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("workers")
    environment = {"ATTACKED": str(folder)}
    with ExitStack() as stack:
        server = Gunicorn(
            "tests.gate.attacked:make()", folder, workers=3, threads=2, env=environment, arguments=request.param
        )
        stack.callback(server.stop)
        made = House(server, folder)
        stack.callback(made.app.extensions["apiguard"].close)
        yield made


def test_every_worker_answers_and_every_event_arrives(house: House) -> None:
    found = house.get_many("/api/v1/who", CALLS)
    for pid in house.server.pids:
        with house.server.only(pid):
            found.append(house.get("/api/v1/who"))
            assert json.loads(found[-1][1])["pid"] == pid
    assert {status for status, _, _ in found} == {200}
    ids = {headers["x-request-id"] for _, _, headers in found}
    assert len(ids) == CALLS + 3
    arrived = house.events(len(ids))
    assert ids <= {event["id"] for event in arrived}


def test_a_limit_is_one_for_all_workers(house: House) -> None:
    found = Counter(status for status, _, _ in house.get_many("/api/v1/limited", 30))
    assert found == {200: 5, 429: 25}


def test_a_revoked_key_is_denied_by_every_worker(house: House) -> None:
    other = client_in(house.app, scopes=["secret:read"])
    for pid in house.server.pids:
        with house.server.only(pid):
            assert house.get("/api/v1/who", other.key)[0] == 200
    with house.app.extensions["apiguard"].store.write() as tx:
        (found,) = credentials.list_of(tx, other.client.id)
        credentials.revoke(tx, TESTER, found.id, "leaked")
    for pid in house.server.pids:
        with house.server.only(pid):
            assert house.get("/api/v1/who", other.key)[0] == 401, "at once"


@pytest.mark.parametrize("path", ["/api/v1/file", "/api/v1/made", "/api/v1/stream", "/api/v1/async", "/api/v1/headers"])
def test_every_kind_of_answer_goes_through(house: House, path: str) -> None:
    status, body, headers = house.get(path)
    assert status == 200
    assert body
    assert headers["x-request-id"].startswith("req_")
    if path == "/api/v1/file":
        assert body == Path(__file__).with_name("attacked.py").read_bytes()


def test_a_long_stream_blocks_nobody_and_ends_with_its_key(house: House) -> None:
    other = client_in(house.app, scopes=["secret:read"])
    connection = http.client.HTTPConnection(house.server.host, house.server.port, timeout=PATIENCE)
    with closing(connection):
        # By itself it would go on for hours.
        connection.request("GET", "/api/v1/stream?rounds=1000000", headers={"Authorization": f"Bearer {other.key}"})
        answer = connection.getresponse()
        assert answer.read(9) == b"data: 0\n\n"
        for pid in house.server.pids:
            with house.server.only(pid):
                assert house.get("/api/v1/who")[0] == 200
        with house.app.extensions["apiguard"].store.write() as tx:
            (found,) = credentials.list_of(tx, other.client.id)
            credentials.revoke(tx, TESTER, found.id, "leaked")
        assert answer.read().endswith(b"\n\n")


def test_a_killed_worker_loses_no_event(house: House) -> None:
    status, body, headers = house.get("/api/v1/who")
    assert status == 200
    house.server.kill(json.loads(body)["pid"])
    for pid in house.server.pids:
        with house.server.only(pid):
            house.get("/api/v1/who")
    wait_for(lambda: headers["x-request-id"] in {event["id"] for event in decisions(house.app)})
