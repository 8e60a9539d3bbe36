"""The same moves on PostgreSQL, where two transactions really run at the same time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_apiguard.onboarding import Review
from flask_apiguard.values import Happening, State

from .house import House
from .test_reviews import race


@pytest.fixture
def house(ready_postgres_url: str) -> Iterator[House]:
    made = House(ready_postgres_url)
    yield made
    made.close()


def test_the_whole_way_and_its_races(house: House) -> None:
    acme = house.organization()
    ann = house.person("ann", "owner", acme)
    rita, rob = house.person("rita", "reviewer"), house.person("rob", "reviewer")
    made = house.draft(ann, acme, ["orders:read", "money:move"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    answers = race(house, [lambda: house.decide(rita, review.id), lambda: house.decide(rob, review.id)])
    assert sorted(one.state for one in answers) == ["approved", "open"]

    house.graduate("orders:read", "money:move")
    answers = race(house, [lambda: house.request(ann, made.id) for _ in range(3)])
    (asked,) = [one for one in answers if isinstance(one, Review)]
    house.decide(rita, asked.id)
    third = house.person("ron", "reviewer")
    answers = race(
        house,
        [
            lambda: house.decide(rob, asked.id),
            lambda: house.decide(third, asked.id),
            lambda: house.do(house.onboarding.retire, ann, made.id, "we close"),
        ],
    )
    assert house.application(made.id).state is State.RETIRED
    assert house.granted(made.id) == set()
    assert len([one for one in answers if isinstance(one, Review)]) <= 1
    assert house.read(house.onboarding.review, asked.id).state in ("approved", "closed")
    assert len(house.entries(Happening.ONBOARDING_REVIEW_REFUSED)) >= 3
    assert house.onboarding.tick() == []
