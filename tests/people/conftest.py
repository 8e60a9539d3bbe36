"""One house with people in it, on a store of its own. Passwords are hashed cheaply, by the real argon2id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from flask_apiguard.clock import Clock
from flask_apiguard.contracts import Notice
from flask_apiguard.crypto import Secrets
from flask_apiguard.db import STATE, Store
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.notices.outbox import notice
from flask_apiguard.people import Issued, Passwords, People, Person
from flask_apiguard.people.throttle import WINDOW, Throttle
from flask_apiguard.quotas import Memory, Tries
from flask_apiguard.values import Actor, By

GOOD = "a horse walks into a bar"
OTHER = "and orders a glass of hay"
OPERATOR = By(Actor.OPERATOR, "root")


@dataclass
class House:
    """What a test works with."""

    store: Store
    clock: Clock
    people: People

    def tx(self, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """One call in a transaction of its own."""
        with self.store.write() as tx:
            return act(tx, *args, **more)

    @property
    def post(self) -> list[Notice]:
        """Every mail that waits to be sent, oldest first."""
        with self.store.read() as conn:
            rows = conn.execute(sa.select(notice).order_by(notice.c.created_at, notice.c.id)).all()
        return [Notice(row.key, row.subject, row.text, tuple(row.to), facts=row.facts) for row in rows]

    def happenings(self, subject: str = "%") -> list[str]:
        """What the ledger has of a subject."""
        with self.store.read() as conn:
            query = sa.select(ledger.c.happening).where(ledger.c.subject.like(subject)).order_by(ledger.c.seq)
            return list(conn.execute(query).scalars())

    def mailed(self, email: str) -> str:
        """The secret in the last mail to an address."""
        last = next(mail for mail in reversed(self.post) if email in mail.to and mail.facts)
        found = re.search(r"#(\S+)", last.text)
        assert found is not None, last.text
        return found[1]

    def member(self, email: str, organization_id: str | None = None, *seats: str, password: str = GOOD) -> Person:
        """A person with a proved address, a password and seats."""
        made = self.tx(self.people.register, email, email.partition("@")[0].title(), password)
        owner = self.people.prove(made.proof).person
        for seat in seats:
            self.tx(self.people.give_seat, OPERATOR, owner.id, organization_id, seat)
        return owner

    def token(self, owner: Person, **more: Any) -> Issued:
        """A person token made by its person."""
        issued: Issued = self.tx(self.people.create_token, self.people.acting(owner.id), owner.id, "laptop", **more)
        return issued


def new_house(url: str) -> House:
    clock = Clock()
    store = Store(STATE, lambda: url, clock.now)
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    counter, secrets = Memory(), Secrets(b"x" * 32)
    throttle = Throttle(Tries(lambda: counter, clock, secrets, WINDOW))
    people = People(store, secrets, clock, throttle, brand="acme", base_url="https://api.example/", passwords=cheap)
    return House(store, clock, people)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = new_house(f"sqlite:///{tmp_path}/apiguard.db")
    yield made
    made.store.close()


@pytest.fixture
def postgres_house(ready_postgres_url: str) -> Iterator[House]:
    made = new_house(ready_postgres_url)
    yield made
    made.store.close()
