"""What a command queues for people leaves before the command ends, or the command says that it waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apiguard.contracts import Notice
from flask_apiguard.house import House

from .conftest import Run
from .shop import make

INVITE = ("people", "invite", "ann@ann.example", "--seat", "reviewer")


class Postman:
    """Takes mails, or not while he is ill."""

    name, personal = "postman", True

    def __init__(self) -> None:
        self.bag: list[Notice] = []
        self.ill = False

    def send(self, notice: Notice) -> None:
        if self.ill:
            raise OSError("ill")
        self.bag.append(notice)


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
def app(tmp_path: Path, postman: Postman) -> Iterator[Flask]:
    made = make(INSTANCE_PATH=str(tmp_path / "instance"), TESTING=True)
    made.extensions["apiguard"].options.notifiers = (postman,)
    yield made
    made.extensions["apiguard"].close()


def test_an_invitation_is_on_its_way_when_the_command_ends(run: Run, postman: Postman) -> None:
    answer = run(*INVITE)
    assert answer.status == 0, answer.err
    assert [notice.to for notice in postman.bag] == [("ann@ann.example",)]
    assert answer.err == ""


def test_a_mail_that_can_not_leave_is_said_and_leaves_with_the_tick(
    run: Run, told: Any, house: House, postman: Postman
) -> None:
    postman.ill = True
    answer = run(*INVITE, "--json")
    assert answer.status == 0, "what was asked for is done"
    assert answer.json["email"] == "ann@ann.example"
    assert "flask apiguard tick" in answer.err
    postman.ill = False
    house.clock.advance(60)
    assert told("tick")["done"]["notices"]["sent"] == 1
    assert [notice.to for notice in postman.bag] == [("ann@ann.example",)]


def test_a_command_that_queues_nothing_sends_nothing(run: Run, postman: Postman) -> None:
    postman.ill = True
    run(*INVITE)
    postman.ill = False
    assert run("people", "list").err == ""
    assert postman.bag == []
