"""Many at once: threads on both stores, and processes on SQLite. Exactly one wins where one may."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard.errors import Conflict, Missing
from flask_apiguard.people import Origin
from flask_apiguard.values import HostUser

from .conftest import GOOD, OPERATOR, House

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def somewhere(request: pytest.FixtureRequest) -> House:
    return request.getfixturevalue("house" if request.param == "sqlite" else "postgres_house")  # type: ignore[no-any-return]


def together(acts: list[Callable[[], Any]]) -> Counter[str]:
    """Run all at once; how often each ended how."""
    ends: list[str] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> None:
        start.wait()
        try:
            act()
        except Exception as error:
            ends.append(type(error).__name__)
        else:
            ends.append("done")

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(ends)


def test_of_32_who_use_a_link_one_gets_in(somewhere: House) -> None:
    somewhere.member("ann@example.com")
    somewhere.people.request_link("ann@example.com")
    link = somewhere.mailed("ann@example.com")
    ends = together([lambda: somewhere.people.sign_in_by_link(link)] * 32)
    assert ends == {"done": 1, "Missing": 31}


def test_of_16_who_use_a_proof_or_an_invitation_one_gets_in(somewhere: House) -> None:
    proof = somewhere.tx(somewhere.people.register, "ann@example.com", "Ann", GOOD).proof
    assert together([lambda: somewhere.people.prove(proof)] * 16) == {"done": 1, "Missing": 15}
    offered = somewhere.tx(somewhere.people.invite, OPERATOR, "bob@example.com", "org_1", "viewer").secret
    assert together([lambda: somewhere.people.accept(offered)] * 16) == {"done": 1, "Missing": 15}


def test_of_two_last_owners_who_leave_at_once_one_stays(somewhere: House) -> None:
    for number in range(3):
        where = f"org_{number}"
        owners = [somewhere.member(f"p{number}{n}@example.com", where, "owner") for n in range(2)]
        first, second = (owner.id for owner in owners)
        ends = together(
            [
                lambda first=first, where=where: somewhere.tx(
                    somewhere.people.take_seat, OPERATOR, first, where, "owner"
                ),
                lambda second=second: somewhere.tx(somewhere.people.disable, OPERATOR, second),
            ]
        )
        assert ends == {"done": 1, Conflict.__name__: 1}


def test_registering_one_address_many_times_at_once_makes_one_account(somewhere: House) -> None:
    ends = together(
        [lambda: somewhere.tx(somewhere.people.register, "ann@example.com", "Ann", GOOD, origin=Origin())] * 5
    )
    assert ends == {"done": 5}
    proofs = [mail for mail in somewhere.post if mail.key.startswith("people:proof")]
    assert len(proofs) == 5
    secrets = [mail.text.split("#")[1].split()[0] for mail in proofs]
    assert together([lambda s=s: somewhere.people.prove(s) for s in secrets]) == {"done": 1, Missing.__name__: 4}


@pytest.mark.parametrize("before", ["unknown", "without an address", "with an account"])
def test_a_host_user_seen_many_times_at_once_is_one_person(somewhere: House, before: str) -> None:
    found: list[str] = []
    if before == "with an account":
        somewhere.member("ann@example.com")
    user = HostUser("42", "Ann", "ann@example.com", {"email_proved": before != "without an address"})
    ends = together([lambda: found.append(somewhere.people.for_host_user(user).id)] * 8)
    assert ends == {"done": 8}
    assert len(set(found)) == 1


def test_a_seat_given_many_times_at_once_is_held_once(somewhere: House) -> None:
    ann = somewhere.member("ann@example.com")
    for where, seat in (("org_1", "viewer"), (None, "auditor")):
        give = lambda where=where, seat=seat: somewhere.tx(  # noqa: E731
            somewhere.people.give_seat, OPERATOR, ann.id, where, seat
        )
        assert together([give] * 8) == {"done": 8}
    assert len(somewhere.people.seats_of(ann.id)) == 2


IN_A_PROCESS = """
import sys
from flask_apiguard.errors import Missing
from tests.people.conftest import new_house
house = new_house(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    house.people.sign_in_by_link(sys.argv[2])
    print("in")
except Missing:
    print("out")
"""


def test_of_four_processes_that_use_a_link_one_gets_in(house: House) -> None:
    house.member("ann@example.com")
    house.people.request_link("ann@example.com")
    command = [sys.executable, "-c", IN_A_PROCESS, str(house.store.engine.url), house.mailed("ann@example.com")]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        answers = [process.stdout.read() for process in running if process.stdout]
    finally:
        for process in running:
            process.kill()
            process.communicate()
    assert Counter(answers) == {"in\n": 1, "out\n": 3}
