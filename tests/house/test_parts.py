"""What can't work is said where it is handed in; what fails later shuts what is guarded, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_limiter import Limiter
from marshmallow import Schema

from flask_apiguard import APIGuard, accepts, public, require
from flask_apiguard.access import Scope
from flask_apiguard.contracts import Notice
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.extension import house_of
from flask_apiguard.house.parts import CONTRACTS


class Sink:
    name = "mine"
    required = False

    def write(self, events: object) -> None:
        """Nowhere."""


class NoFlag(Sink):
    required = "yes"  # type: ignore[assignment]


class Nameless(Sink):
    name = " "


class OneMove:
    name, title, before = "mine", "Mine", "enter_sandbox"

    def examine(self, application: object) -> None:
        """Nothing."""


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"scopes": ["a"]}, r"scopes is \['a'\], and wants a mapping.*Write scopes="),
    ({"scopes": "orders:read"}, "scopes is 'orders:read', and wants a mapping"),
    ({"scopes": {"a b": "Two words"}}, "'a b' can't be a scope.*RFC 6749"),
    ({"scopes": {'a"b': "A quote"}}, "can't be a scope"),
    ({"scopes": {"ä": "Not ASCII"}}, "can't be a scope"),
    ({"scopes": {"": "Nothing"}}, "'' can't be a scope"),
    ({"scopes": {"a" * 121: "Long"}}, "can't be a scope"),
    ({"scopes": {5: "A number"}}, "5 can't be a scope"),
    ({"scopes": {"a": 5}}, "The scope 'a' can't be read.*Write a sentence"),
    ({"scopes": {"a": {"risk": "huge"}}}, "The scope 'a' can't be read"),
    ({"scopes": {"a": Scope("b")}}, "Under 'a' stands the scope 'b'"),
    ({"paths": "/api"}, r"paths is the text '/api', and wants a list. Write paths=\['/api'\]"),
    ({"paths": [5]}, "paths has 5 in it"),
    ({"paths": 5}, "paths is 5"),
    ({"credentials": [object()]}, r"credentials\[0\] is of class object, no CredentialType.*name.*no read\(\)"),
    ({"checks": [object()]}, r"checks\[0\] is of class object, no OnboardingCheck.*no examine\(\)"),
    ({"checks": [OneMove()]}, r"its before has to be a tuple of texts"),
    ({"sinks": [Sink(), object()]}, r"sinks\[1\] is of class object, no EventSink.*no write\(\)"),
    ({"sinks": [Sink]}, r"sinks\[0\] is the class Sink. Give one of it: Sink\(...\)"),
    ({"sinks": [NoFlag()]}, "its required has to be True or False"),
    ({"sinks": [Nameless()]}, "its name has to be a text"),
    ({"sinks": Sink()}, r"sinks is of class Sink, and wants a list of parts. Write sinks=\[...\]"),
    ({"notifiers": ["mail"]}, r"notifiers\[0\] is 'mail', no Notifier.*no send\(\)"),
    ({"notifiers": None}, "notifiers is None"),
    ({"limiter": object()}, "limiter is of class object, no flask_limiter.Limiter"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[next(iter(one)) + str(n) for n, (one, _) in enumerate(WRONG)])
def test_a_part_that_can_t_work_is_named_where_it_is_handed_in(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        APIGuard(**options)


def test_what_settings_say_of_scopes_and_brand_is_read_when_the_app_is_given(tmp_path: Path) -> None:
    for config, said in (
        ({"APIGUARD_SCOPES": {"a b": "Two words"}}, "'a b' can't be a scope"),
        ({"APIGUARD_BRAND": "Two words"}, "no brand"),
    ):
        app = Flask("told", instance_path=str(tmp_path))
        app.config.update(config)
        with pytest.raises(ConfigurationError, match=said):
            APIGuard(app)


def test_parts_that_can_work_are_taken_from_any_list() -> None:
    guard = APIGuard(
        paths=(path for path in ["/api"]), scopes={"a": Scope("a"), "b:read": "Read"}, sinks=iter([Sink()]),  # type: ignore[arg-type]
        limiter=Limiter(lambda: "everybody"),
    )  # fmt: skip
    assert [one.name for one in guard._options.sinks] == ["mine"]
    assert guard._options.paths == ("/api",)


def test_the_contracts_on_the_page_are_those_that_are_looked_at() -> None:
    members = {argument: set(contract.attributes) | set(contract.methods) for argument, contract in CONTRACTS.items()}
    for argument, contract in CONTRACTS.items():
        named = {name for name in vars(contract.kind) if not name.startswith("_")}
        assert members[argument] == named | set(contract.kind.__annotations__)


class Unmakeable(Schema):
    """As a host's schema is that looks something up when it is made."""

    def __init__(self, **options: Any) -> None:
        raise LookupError("secret of the host")


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Flask]:
    app = Flask("broken", instance_path=str(tmp_path))
    APIGuard(app, paths=["/api"], brand="acme")
    app.add_url_rule("/", "page", lambda: "page")
    app.add_url_rule("/api/x", "x", require("a")(accepts(Unmakeable)(lambda: "x")), methods=["POST"])
    app.add_url_rule("/api/y", "y", public("anybody")(lambda: "y"))
    yield app
    house_of(app).close()


def test_whatever_fails_at_start_shuts_what_is_guarded_and_nothing_else(
    broken: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    client = broken.test_client()
    with caplog.at_level(logging.CRITICAL, "flask_apiguard"):
        for _ in range(2):
            assert client.get("/").text == "page"
            answer = client.get("/api/y")
            assert answer.status_code == 500
            assert answer.get_json()["code"] == "gate:server:fault"
            assert "secret" not in answer.text
    (said,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "until this is mended: LookupError" in said.getMessage()
    assert said.exc_info is not None, "nothing else tells where it came from"


def test_a_notice_is_no_notifier() -> None:
    with pytest.raises(ConfigurationError, match="no Notifier"):
        APIGuard(notifiers=[Notice("a", "b", "c")])  # type: ignore[list-item]
