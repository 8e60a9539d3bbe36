"""A guarded app, its commands in this process, and the same as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apiguard.house import House
from tests.waiting import PATIENCE

from .shop import make

ROOT = Path(__file__).parents[2]


@dataclass
class Answer:
    """What a command said: its status, both streams, and JSON when it was asked for."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = make(INSTANCE_PATH=str(tmp_path / "instance"), TESTING=True)
    yield made
    made.extensions["apiguard"].close()


@pytest.fixture
def house(app: Flask) -> House:
    return app.extensions["apiguard"]  # type: ignore[no-any-return]


@pytest.fixture
def run(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("keys", "list")`` in this process."""
    monkeypatch.delenv("APIGUARD_PERSON_TOKEN", raising=False)

    def runs(*words: str, given: str | None = None) -> Answer:
        result = app.test_cli_runner().invoke(args=["apiguard", *words], input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return runs


@pytest.fixture
def told(run: Run) -> Callable[..., Any]:
    """The JSON of a command that must end with 0."""

    def tell(*words: str, given: str | None = None) -> Any:
        answer = run(*words, "--json", given=given)
        assert answer.status == 0, answer.err
        return answer.json

    return tell


@pytest.fixture
def program(tmp_path: Path) -> Run:
    """``flask --app … apiguard …`` as a process of its own, on files in the test's folder."""

    def runs(*words: str, **more: str) -> Answer:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("APIGUARD_")}
        environment |= {"SHOP_INSTANCE_PATH": str(tmp_path / "instance"), "PYTHONPATH": str(ROOT), **more}
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "tests.cli.shop:make", "apiguard", *words],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr)

    return runs
