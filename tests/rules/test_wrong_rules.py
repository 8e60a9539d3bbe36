"""A rule that can't hold shuts what is guarded, aloud, and is no matter of the host's own pages."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from flask import Flask

from flask_apiguard import APIGuard, limit, public, require
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.extension import house_of


def make(folder: Path, **settings: object) -> Flask:
    app = Flask("wrong", instance_path=str(folder))
    app.config.update(settings)
    APIGuard(app, paths=["/api"], brand="acme")

    @app.get("/")
    def page() -> str:
        return "the host's own page"

    @app.get("/outside")
    @require("a:read")
    def outside() -> str:
        return "guarded wherever it is"

    @require("a:read")
    @app.get("/above")
    def above() -> str:
        return "its rule stands above its route"

    @app.get("/api/good")
    @public("anybody may see it")
    def good() -> str:
        return "good"

    @app.get("/api/wrong")
    @require(policy="nobody-registered-it")
    @limit("20/second", cost=30)
    def wrong() -> str:
        return "never"

    return app


def test_the_hosts_pages_answer_and_nothing_guarded_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = make(tmp_path)
    client = app.test_client()
    with caplog.at_level(logging.CRITICAL, "flask_apiguard"):
        assert client.get("/").text == "the host's own page"
        assert client.get("/nowhere").status_code == 404
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "until this is mended" in said
    assert "above its route decorator" in said
    for path in ("/api/wrong", "/api/good", "/api/nowhere", "/api//good", "/outside", "/above"):
        answer = client.get(path)
        assert answer.status_code in (400, 500), path
        assert answer.is_json
    assert client.get("/api/wrong").get_json()["code"] == "gate:server:fault"
    assert client.get("/apiguard/api/v1/health").status_code == 200
    assert client.get("/").status_code == 200
    house_of(app).close()


@pytest.mark.parametrize("how", ["TESTING", "DEBUG"])
def test_who_writes_the_rule_sees_what_is_wrong_with_it(tmp_path: Path, how: str) -> None:
    app = make(tmp_path, **{how: True})
    with pytest.raises(ConfigurationError, match="above its route decorator"):
        app.test_client().get("/api/good")
    assert app.test_client().get("/").status_code == 200
    with pytest.raises(ConfigurationError):
        house_of(app).open()


def test_a_part_that_is_not_installed_or_not_known_shuts_the_gate_too(tmp_path: Path) -> None:
    app = Flask("parts", instance_path=str(tmp_path))
    APIGuard(app, paths=["/api"], brand="acme", sinks=[Twice(), Twice()])
    app.add_url_rule("/", "page", lambda: "page")
    app.add_url_rule("/api/x", "x", public("anybody")(lambda: "x"))
    assert app.test_client().get("/").text == "page"
    assert app.test_client().get("/api/x").status_code == 500


class Twice:
    name = "twice"
    required = False

    def write(self, events: object) -> None:
        """Nowhere."""
