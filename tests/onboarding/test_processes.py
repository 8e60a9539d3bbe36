"""Two reviewers in two processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flask_apiguard.values import By, Happening

from .house import House

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from tests.onboarding.house import House
from flask_apiguard.errors import Conflict
url, person, review, word = sys.argv[1:]
house = House(url)
by = house.acting(person)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(house.decide(by, review, word).state)
except Conflict as error:
    print("conflict", error.decision.detail)
house.close()
"""


def decide_at_once(house: House, review: str, words: list[tuple[By, str]]) -> list[str]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, house.url, by.id, review, word],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for by, word in words
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=20)[0].strip() for process in processes]


@pytest.mark.parametrize("words", [("approve", "approve"), ("approve", "deny")])
def test_of_two_processes_that_decide_one_does(
    house: House, acme: str, ann: By, rita: By, rob: By, words: tuple[str, str]
) -> None:
    made = house.draft(ann, acme, ["orders:write"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    answers = decide_at_once(house, review.id, list(zip((rita, rob), words, strict=True)))
    assert sum(answer in ("approved", "denied") for answer in answers) == 1
    assert sum(answer.startswith("conflict This review is") for answer in answers) == 1
    assert len(house.entries(Happening.ONBOARDING_REVIEW_DECIDED)) == 1
    assert len(house.entries(Happening.ONBOARDING_REVIEW_REFUSED)) == 1


def test_two_processes_fill_two_seats(house: House, acme: str, ann: By, rita: By, rob: By) -> None:
    made = house.draft(ann, acme, ["money:move"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    assert sorted(decide_at_once(house, review.id, [(rita, "approve"), (rob, "approve")])) == ["approved", "open"]
    assert house.granted(made.id, "sandbox") == {"money:move"}
