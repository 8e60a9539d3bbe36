"""The work of hashing is done for nobody who has no code, and for no network at will."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_apiguard.errors import Denied, Missing
from flask_apiguard.people import Origin, Passwords
from flask_apiguard.people.throttle import WINDOW

from .conftest import GOOD, OPERATOR, House

FAR = Origin("192.0.2.7")


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that is hashed, by the real hasher."""
    done: list[str] = []
    real: Callable[..., Any] = Passwords.hashed

    def counted(self: Passwords, password: Any, **more: Any) -> Any:
        done.append(password)
        return real(self, password, **more)

    monkeypatch.setattr(Passwords, "hashed", counted)
    return done


def test_nothing_is_hashed_for_a_code_that_opens_nothing(house: House, hashes: list[str]) -> None:
    made = house.tx(house.people.register, "ann@example.com", "Ann")
    house.people.prove(made.proof)
    invited = house.tx(house.people.invite, OPERATOR, "bob@example.com", None, "reviewer")
    house.tx(house.people.withdraw, OPERATOR, invited.id)
    for wrong in ("acme_proof_x_y_z", "", made.proof, made.proof[:-1] + "!"):
        with pytest.raises(Missing):
            house.people.prove(wrong, GOOD, origin=FAR)
    for wrong in ("acme_invitation_x_y_z", "", invited.secret):
        with pytest.raises(Missing):
            house.people.accept(wrong, "Bob", GOOD, origin=FAR)
    assert hashes == []


def test_a_good_code_sets_a_password(house: House, hashes: list[str]) -> None:
    made = house.tx(house.people.register, "ann@example.com", "Ann")
    house.people.prove(made.proof, GOOD, origin=FAR)
    invited = house.tx(house.people.invite, OPERATOR, "bob@example.com", None, "reviewer")
    house.people.accept(invited.secret, "Bob", GOOD, origin=FAR)
    assert len(hashes) == 2
    assert house.people.sign_in("ann@example.com", GOOD)
    assert house.people.sign_in("bob@example.com", GOOD)


def test_one_network_has_so_many_passwords_hashed_and_no_more(house: House, hashes: list[str]) -> None:
    for _ in range(30):
        house.people.hashed(GOOD, origin=FAR)
    with pytest.raises(Denied) as refused:
        house.people.hashed(GOOD, origin=FAR)
    assert refused.value.decision.reason.status == 429
    assert len(hashes) == 30
    house.people.hashed(GOOD, origin=Origin("192.0.2.8"))
    house.clock.advance(2 * WINDOW)
    house.people.hashed(GOOD, origin=FAR)
