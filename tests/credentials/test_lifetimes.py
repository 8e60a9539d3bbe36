"""A lifetime is one span, or one by environment, or by grant type, and keeps to its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from flask_apiguard.credentials import Lifetimes, Within, written
from flask_apiguard.values import Environment

READ = Within(600, 60, 3600, ("client_credentials", "refresh_token"))
SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION


@pytest.mark.parametrize(
    ("value", "of_client", "of_refresh", "of_code"),
    [
        ("5m", (300, 300), (300, 300), (300, 300)),
        ({"sandbox": "1h"}, (3600, 600), (3600, 600), (3600, 600)),
        ({"sandbox": "1h", "production": 60}, (3600, 60), (3600, 60), (3600, 60)),
        ({"client_credentials": "2m"}, (120, 120), (600, 600), (600, 600)),
        ({"client_credentials": "2m", "refresh_token": {"production": "3m"}}, (120, 120), (600, 180), (600, 600)),
    ],
)
def test_the_nearest_name_says_how_long(
    value: Any, of_client: tuple[int, int], of_refresh: tuple[int, int], of_code: tuple[int, int]
) -> None:
    found = READ(value)
    for grant_type, wanted in (
        ("client_credentials", of_client), ("refresh_token", of_refresh), ("authorization_code", of_code),
    ):  # fmt: skip
        assert (found.of(SANDBOX, grant_type), found.of(PRODUCTION, grant_type)) == wanted


def test_names_of_grant_types_are_taken_only_where_they_mean_something() -> None:
    plain = Within(600, 60, 3600)
    assert plain({"sandbox": "5m"}).of(SANDBOX) == 300
    with pytest.raises(ValueError, match="from 1m to 1h, or a mapping from environments to such spans"):
        plain({"client_credentials": "5m"})


@pytest.mark.parametrize("value", ["59s", 3601, "1d", {"sandbox": 59}, {"refresh_token": {"sandbox": "61m"}}])
def test_nothing_lies_beyond_the_bounds(value: Any) -> None:
    with pytest.raises(ValueError, match="from 1m to 1h"):
        READ(value)


def test_it_is_written_as_it_may_be_set() -> None:
    assert [written(span) for span in (45, 60, 5400, 7200, 86400)] == ["45s", "1m", "90m", "2h", "1d"]
    assert str(Lifetimes.each(600)) == "10m"
    assert str(READ({"sandbox": "1h"})) == "sandbox 1h, production 10m"
    assert str(READ({"refresh_token": {"sandbox": "5m"}})).endswith("refresh_token sandbox 5m")
