"""How long things live is a setting with one reading."""

from __future__ import annotations

from typing import Any

import pytest

from flask_apiguard.credentials import KEY_LIFETIME, SETTINGS, TOKEN_LIFETIME, Lifetimes
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.settings import resolve

DAY = 86400


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, {"sandbox": 90 * DAY, "production": 365 * DAY}),
        ("30d", {"sandbox": 30 * DAY, "production": 30 * DAY}),
        ({"sandbox": "7d"}, {"sandbox": 7 * DAY, "production": 365 * DAY}),
        ({"sandbox": "7d", "production": 3600}, {"sandbox": 7 * DAY, "production": 3600}),
    ],
)
def test_a_key_s_lifetime_is_one_span_or_one_by_environment(value: Any, read: dict[str, int]) -> None:
    assert resolve({"APIGUARD_KEY_LIFETIME": value}, SETTINGS, {})[KEY_LIFETIME] == read


def test_from_the_environment_it_is_json() -> None:
    settings = resolve(
        {}, SETTINGS, {"APIGUARD_KEY_LIFETIME": '{"production": "30d"}', "APIGUARD_TOKEN_LIFETIME": "5m"}
    )
    assert settings[KEY_LIFETIME]["production"] == 30 * DAY
    assert settings[TOKEN_LIFETIME] == Lifetimes.each(300)


@pytest.mark.parametrize("value", ["0", "4000d", "soon", {"staging": "7d"}, {"sandbox": None}, ["7d"], True, -1])
def test_a_lifetime_that_is_none_is_said_at_start(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="APIGUARD_KEY_LIFETIME"):
        resolve({"APIGUARD_KEY_LIFETIME": value}, SETTINGS, {})


@pytest.mark.parametrize(
    "value",
    [
        "0", "2d", "86401", "soon", True, [], {}, {"staging": "5m"}, {"sandbox": "2d"}, {"sandbox": None},
        {"password": "5m"}, {"sandbox": "5m", "client_credentials": "5m"}, {"client_credentials": "25h"},
        {"client_credentials": {}}, {"client_credentials": {"staging": "5m"}}, {"refresh_token": {"sandbox": "2d"}},
        {1: "5m"}, {"client_credentials": ["5m"]},
    ],
)  # fmt: skip
def test_a_token_is_short_lived(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="APIGUARD_TOKEN_LIFETIME"):
        resolve({"APIGUARD_TOKEN_LIFETIME": value}, SETTINGS, {})
