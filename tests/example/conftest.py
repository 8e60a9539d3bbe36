"""The example app in a folder of its own, with the gate and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from example_app import create_app


@pytest.fixture(autouse=True)
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXAMPLE_INSTANCE", str(tmp_path))
    return tmp_path


@pytest.fixture
def plain() -> Flask:
    return create_app({"TESTING": True}, guard=False)


@pytest.fixture
def app() -> Iterator[Flask]:
    app = create_app({"TESTING": True})
    yield app
    app.extensions["apiguard"].close()
