"""Two reviewers in two processes, who decide at the same moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_apiguard.values import By, Happening

from .house import House

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from tests.onboarding.house import House
from flask_apiguard.errors import Conflict
house = House(sys.argv[1])
by = house.acting(sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(house.decide(by, *line.split()).state, flush=True)
    except Conflict as error:
        print("conflict", error.decision.detail, flush=True)
house.close()
"""
AtOnce = Callable[..., list[str]]


@pytest.fixture
def at_once(house: House, rita: By, rob: By) -> Iterator[AtOnce]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, house.url, by.id],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for by in (rita, rob)
    ]  # fmt: skip

    def decide(review: str, *words: str) -> list[str]:
        for process, word in zip(processes, words, strict=True):
            assert process.stdin
            process.stdin.write(f"{review} {word}\n")
            process.stdin.flush()
        return [process.stdout.readline().strip() for process in processes if process.stdout]

    try:
        assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 2
        yield decide
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_of_two_processes_that_decide_one_does(house: House, acme: str, ann: By, at_once: AtOnce) -> None:
    for words in (("approve", "approve"), ("approve", "deny"), ("deny", "approve")):
        made = house.draft(ann, acme, ["orders:write"])
        review = house.sandbox(ann, made.id).review
        assert review is not None
        answers = at_once(review.id, *words)
        assert sum(answer in ("approved", "denied") for answer in answers) == 1
        assert sum(answer.startswith("conflict This review is") for answer in answers) == 1
    assert len(house.entries(Happening.ONBOARDING_REVIEW_DECIDED)) == 3
    assert len(house.entries(Happening.ONBOARDING_REVIEW_REFUSED)) == 3

    made = house.draft(ann, acme, ["money:move"])
    review = house.sandbox(ann, made.id).review
    assert review is not None
    assert sorted(at_once(review.id, "approve", "approve")) == ["approved", "open"]
    assert house.granted(made.id, "sandbox") == {"money:move"}
