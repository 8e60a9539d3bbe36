"""Tokens that are just being issued while what they are issued on is ended: none may survive."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_apiguard.credentials import revoke_tokens_of
from flask_apiguard.oauth import withdraw
from flask_apiguard.oauth.consents import give
from flask_apiguard.values import SYSTEM

from .served import SCOPES, USER, Said, post

if TYPE_CHECKING:
    from .races import Crowd

HEAD = ("store, ended", "rounds", "issued", "survived", "5xx", "seconds")
#: How much later the end begins, at most, in seconds: about as long as tokens take to be issued.
LATER = 0.012


def given_back(crowd: Crowd) -> Round:
    """A refresh, and its refresh token given back."""
    text = crowd.chain(1)[0]
    return Round(crowd.refresh_of(text), lambda: crowd.own.ask(post("/oauth/revoke", {"token": text}, crowd.basic)))


def used_again(crowd: Crowd) -> Round:
    """A refresh, and an older token of its family shown again."""
    first, _, third = crowd.chain(3)
    return Round(crowd.refresh_of(third), lambda: crowd.own.ask(crowd.refresh_of(first)))


def refresh_withdrawn(crowd: Crowd) -> Round:
    """A refresh, and the user's consent withdrawn."""
    return Round(crowd.refresh_of(crowd.chain(1)[0]), lambda: _withdraw(crowd))


def code_withdrawn(crowd: Crowd) -> Round:
    """A code that is redeemed, and the user's consent withdrawn."""
    return Round(crowd.code(), lambda: _withdraw(crowd))


def all_revoked(crowd: Crowd) -> Round:
    """A refresh, and every token of its client revoked."""

    def end() -> None:
        with crowd.place.house.store.write() as tx:
            revoke_tokens_of(tx, SYSTEM, crowd.client.id, "a race")

    return Round(crowd.refresh_of(crowd.chain(1)[0]), end)


def _withdraw(crowd: Crowd) -> None:
    with crowd.place.house.store.write() as tx:
        withdraw(tx, SYSTEM, USER, crowd.client.id, "a race")


def _allow(crowd: Crowd) -> None:
    with crowd.place.house.store.write() as tx:
        give(tx, USER, crowd.client.id, list(SCOPES))


@dataclass(frozen=True)
class Round:
    """What is asked for, and how that is ended meanwhile."""

    asked: bytes
    end: Callable[[], object]


ENDS = {
    "given back": given_back, "used again": used_again, "refresh, consent withdrawn": refresh_withdrawn,
    "code, consent withdrawn": code_withdrawn, "all of its client": all_revoked,
}  # fmt: skip


@dataclass
class Survival:
    """What came of one way of ending on one store."""

    rounds: int = 0
    issued: int = 0
    survived: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def faults(self) -> int:
        """Everything that must not be."""
        return self.survived + self.failed

    def row(self, name: str) -> tuple[str, ...]:
        """The same for people."""
        return (name, *map(str, (self.rounds, self.issued, self.survived, self.failed)), f"{self.seconds:.0f}")

    def add(self, said: Said, lives: Callable[[Said], bool]) -> None:
        """Take one round in."""
        self.rounds += 1
        self.failed += said.status >= 500 or not said.status
        if said.status == 200:
            self.issued += 1
            self.survived += lives(said)


def race_ends(crowd: Crowd, rounds: int) -> dict[str, Survival]:
    """Every way of ending in turn, each so many times."""
    found = {name: Survival() for name in ENDS}
    later = random.Random(0)
    for _ in range(rounds):
        for name, make in ENDS.items():
            _allow(crowd)
            began, one = time.perf_counter(), make(crowd)
            crowd.others[0].send(one.asked)
            time.sleep(later.random() * LATER)
            one.end()
            found[name].add(crowd.others[0].read("POST"), lambda said: _lives(crowd, said))
            found[name].seconds += time.perf_counter() - began
    return found


def _lives(crowd: Crowd, said: Said) -> bool:
    """Whether any of the tokens of an answer still opens something, also once the user says yes again."""
    tokens = json.loads(said.body)
    told = crowd.own.ask(post("/oauth/introspect", {"token": tokens["access_token"]}, crowd.basic))
    _allow(crowd)
    again = crowd.own.ask(crowd.refresh_of(tokens["refresh_token"]))
    return bool(json.loads(told.body)["active"]) or again.status == 200
