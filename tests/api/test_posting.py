"""How soon notices leave: beside the request that queued them, in every process, with none left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apiguard import APIGuard
from flask_apiguard.contracts import Notice
from flask_apiguard.extension import house_of
from flask_apiguard.house import House
from flask_apiguard.notices import notify
from tests.waiting import PATIENCE, wait_for

PEOPLE = "/apiguard/api/v1/people"


class Postman:
    """Takes mails, as a mail server does; ``hold`` keeps him from handing the first one over."""

    name, personal = "postman", True

    def __init__(self) -> None:
        self.bag: list[Notice] = []
        self.hold: threading.Event | None = None
        self.came = threading.Event()

    def send(self, notice: Notice) -> None:
        self.came.set()
        if self.hold is not None:
            self.hold.wait(PATIENCE)
        self.bag.append(notice)

    @property
    def addresses(self) -> list[str]:
        return [address for notice in self.bag for address in notice.to]


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
def app(tmp_path: Path, postman: Postman) -> Iterator[Flask]:
    app = Flask("posting", instance_path=str(tmp_path))
    app.config.update(APIGUARD_ONBOARDING="open")
    APIGuard(app, paths=["/api"], notifiers=[postman])
    yield app
    house_of(app).close()


@pytest.fixture
def house(app: Flask) -> House:
    return house_of(app)


def queue(house: House, address: str) -> None:
    with house.store.write() as tx:
        notify(tx, Notice(f"test:{address}", "A subject", "A text", (address,)))


def test_a_mail_leaves_without_waiting_for_the_tick(app: Flask, postman: Postman) -> None:
    assert app.test_client().post(PEOPLE, json={"email": "ann@ann.example"}).status_code == 202
    wait_for(lambda: postman.bag)
    assert postman.addresses == ["ann@ann.example"]


def test_a_mail_queued_just_after_the_last_look_is_not_left_behind(
    house: House, postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver, late = house.outbox.deliver, ["bob@bob.example"]

    def looked(limit: int) -> Any:
        found = deliver(limit)
        if not found.sent and late:  # nothing was there; now something is, before whoever looked has left
            queue(house, late.pop())
            house.post()
        return found

    monkeypatch.setattr(house.outbox, "deliver", looked)
    queue(house, "ann@ann.example")
    house.post()
    wait_for(lambda: len(postman.bag) == 2)
    assert postman.addresses == ["ann@ann.example", "bob@bob.example"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_sends_its_own_while_its_parent_was_sending(house: House, postman: Postman, tmp_path: Path) -> None:
    postman.hold = threading.Event()
    queue(house, "parent@ann.example")
    house.post()
    assert postman.came.wait(PATIENCE)  # the parent's thread is in the middle of it
    child = os.fork()
    if child == 0:
        status = 1
        try:
            postman.hold = None
            queue(house, "child@ann.example")
            house.post()
            wait_for(lambda: "child@ann.example" in postman.addresses)
            status = 0
        finally:
            os._exit(status)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        postman.hold.set()
    wait_for(lambda: postman.bag)
    assert postman.addresses == ["parent@ann.example"]


def test_a_mail_that_can_not_leave_holds_up_no_other(
    house: House, postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = postman.send

    def picky(notice: Notice) -> None:
        if "bad@ann.example" in notice.to:
            raise OSError("no such mailbox")
        send(notice)

    monkeypatch.setattr(postman, "send", picky)
    for address in ("bad@ann.example", "ann@ann.example"):
        queue(house, address)
    house.post()
    wait_for(lambda: postman.addresses == ["ann@ann.example"])
