"""How long each thing lives is the host's to say, by environment and grant type, and never beyond its ceiling."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk

from flask_apiguard.errors import ConfigurationError
from flask_apiguard.oauth.public_keys import add_key
from flask_apiguard.oauth.settings import SETTINGS
from flask_apiguard.settings import resolve
from flask_apiguard.values import SYSTEM, Environment, State
from tests.oauth.browser import CALLBACK, Browser, redeem, refresh, wanted
from tests.oauth.devices import Screen
from tests.oauth.proofs import sign
from tests.oauth.world import Holder, World, make_app, running

SET: dict[str, Any] = {
    "APIGUARD_TOKEN_LIFETIME": {
        "client_credentials": {"sandbox": "1h", "production": "2m"}, "authorization_code": "3m", "refresh_token": "4m",
        "device_code": "6m",
    },
    "APIGUARD_CODE_LIFETIME": {"production": "20s"},
    "APIGUARD_DEVICE_LIFETIME": {"sandbox": "5m", "production": "30m"},
    "APIGUARD_PUSHED_LIFETIME": {"sandbox": "10m", "production": "90s"},
    "APIGUARD_REFRESH_LIFETIME": {"authorization_code": "10m", "refresh_token": {"production": "5m"}},
    "APIGUARD_FAMILY_LIFETIME": {"production": "1h"},
    "APIGUARD_ASSERTION_LIFETIME": {"production": "5m"},
}  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("lifetimes")
    with running(lambda base: make_app(base, f"sqlite:///{folder}/a.db", **SET)) as world:
        yield world


@pytest.fixture
def set_world(shared: World) -> World:
    return shared.fresh()


def in_sandbox(world: World, **more: Any) -> Holder:
    return world.holder(environment=Environment.SANDBOX, state=State.SANDBOX, **more)


def lifetime(world: World, holder: Holder) -> int:
    answer = world.post("token", {"grant_type": "client_credentials"}, holder)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["expires_in"])


def test_access_tokens_live_by_grant_type_and_environment(set_world: World) -> None:
    holder = set_world.holder(redirect_uris=(CALLBACK,))
    assert lifetime(set_world, holder) == 120
    assert lifetime(set_world, in_sandbox(set_world)) == 3600
    tokens = Browser(set_world).tokens(holder)
    assert int(tokens["expires_in"]) == 180
    assert refresh(set_world, holder, tokens["refresh_token"]).json()["expires_in"] == 240


def test_a_token_is_over_when_its_answer_said_so(set_world: World) -> None:
    token = set_world.token(set_world.holder())
    set_world.house.clock.advance(100)
    assert set_world.call(token).status_code == 200
    set_world.house.clock.advance(21)
    assert set_world.call(token).status_code == 401


def test_a_code_waits_as_long_as_was_set(set_world: World) -> None:
    holder = set_world.holder(redirect_uris=(CALLBACK,))
    in_time = Browser(set_world).code(holder)
    set_world.house.clock.advance(10)
    assert redeem(set_world, holder, in_time).status_code == 200
    late = Browser(set_world, "bob").code(holder)
    set_world.house.clock.advance(21)
    assert redeem(set_world, holder, late).json()["error"] == "invalid_grant"
    other = in_sandbox(set_world, redirect_uris=(CALLBACK,))
    code = Browser(set_world, "carol").code(other)
    set_world.house.clock.advance(40)
    assert redeem(set_world, other, code).status_code == 200


def test_refresh_tokens_live_by_what_issued_them_and_end_with_the_family(set_world: World) -> None:
    holder = set_world.holder(redirect_uris=(CALLBACK,))
    text = Browser(set_world, "dora").tokens(holder)["refresh_token"]
    set_world.house.clock.advance(590)  # the first waits ten minutes
    answer = refresh(set_world, holder, text)
    assert answer.status_code == 200
    set_world.house.clock.advance(310)  # each next one five
    assert refresh(set_world, holder, answer.json()["refresh_token"]).json()["error"] == "invalid_grant"
    text = Browser(set_world, "emil").tokens(holder)["refresh_token"]
    for _ in range(14):
        set_world.house.clock.advance(250)
        text = refresh(set_world, holder, text).json()["refresh_token"]
    set_world.house.clock.advance(120)
    assert refresh(set_world, holder, text).json()["error"] == "invalid_grant"


def test_a_pushed_request_waits_as_long_as_was_set(set_world: World) -> None:
    holder = set_world.holder(redirect_uris=(CALLBACK,))
    answer = set_world.post("par", wanted(holder), holder).json()
    assert answer["expires_in"] == 90
    set_world.house.clock.advance(91)
    named = {"client_id": holder.id, "request_uri": answer["request_uri"]}
    assert Browser(set_world).ask(named).status_code == 400
    other = in_sandbox(set_world, redirect_uris=(CALLBACK,))
    assert set_world.post("par", wanted(other), other).json()["expires_in"] == 600


def test_a_device_waits_as_long_as_was_set_and_its_tokens_live_as_was_set_for_devices(set_world: World) -> None:
    assert Screen(set_world, in_sandbox(set_world, device=True)).start()["expires_in"] == 300
    screen = Screen(set_world, set_world.holder(device=True))
    assert screen.start()["expires_in"] == 1800
    assert int(screen.tokens("fay")["expires_in"]) == 360


def test_an_assertion_may_be_held_to_five_minutes(set_world: World) -> None:
    for holder, ahead, status in (
        (set_world.holder(), 290, 200), (set_world.holder(), 400, 401), (in_sandbox(set_world), 3590, 200),
        (in_sandbox(set_world), 3700, 401),
    ):  # fmt: skip
        key = jwk.ECKey.generate_key("P-256")
        with set_world.house.store.write() as tx:
            add_key(tx, SYSTEM, holder.id, key.as_dict(private=False), lifetime=dt.timedelta(days=1))
        said = {
            "iss": holder.id, "sub": holder.id, "aud": set_world.base, "exp": int(time.time()) + ahead,
            "jti": secrets.token_hex(8),
        }  # fmt: skip
        answer = set_world.post(
            "token",
            {
                "grant_type": "client_credentials", "client_assertion": sign({"alg": "ES256"}, said, key),
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            },
        )  # fmt: skip
        assert answer.status_code == status, (ahead, answer.text)


@pytest.mark.parametrize(
    ("name", "beyond"),
    [
        ("APIGUARD_ASSERTION_LIFETIME", ["0", "61m", "2h", {"sandbox": "2h"}]),
        ("APIGUARD_CODE_LIFETIME", ["5s", "11m", "1h", {"production": "1h"}, {"authorization_code": "60s"}]),
        ("APIGUARD_DEVICE_LIFETIME", ["59s", "31m", {"device_code": "5m"}]),
        ("APIGUARD_FAMILY_LIFETIME", ["10m", "366d"]),
        ("APIGUARD_PUSHED_LIFETIME", ["5s", "601s"]),
        ("APIGUARD_REFRESH_LIFETIME", ["0", "59s", "366d", {"client_credentials": "1d"}, {"refresh_token": "2000d"}]),
    ],
)
def test_a_span_beyond_its_ceiling_is_said_at_start(name: str, beyond: list[Any]) -> None:
    for value in beyond:
        with pytest.raises(ConfigurationError, match=f"{name} is .* it wants a span of time from"):
            resolve({name: value}, SETTINGS, {})
