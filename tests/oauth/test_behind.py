"""A store that nobody brought to this version yet: everybody hears 503, and only who operates the app hears why."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

import pytest
import requests

from tests.oauth.browser import CALLBACK, challenge
from tests.oauth.world import FORM, make_app, running

QUERY = urlencode({
    "response_type": "code", "client_id": "cli_x", "redirect_uri": CALLBACK, "code_challenge": challenge(),
    "code_challenge_method": "S256",
})  # fmt: skip
PROOF = {"client_id": "cli_x", "client_secret": "s"}


def test_a_store_left_behind_is_said_with_503_everywhere(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with running(lambda base: make_app(base, postgres_url)) as world, caplog.at_level(logging.ERROR):
        answers = [
            world.post("token", {"grant_type": "client_credentials", **PROOF}),
            world.post("introspect", {"token": "x", **PROOF}),
            world.post("revoke", {"token": "x", **PROOF}),
            world.post("par", PROOF),
            world.post("device_authorization", PROOF),
            requests.get(f"{world.base}/oauth/jwks", timeout=20),
            requests.get(f"{world.base}/oauth/authorize?{QUERY}", timeout=20),
            requests.get(f"{world.base}/oauth/connections", cookies={"user": "ada"}, timeout=20),
            requests.post(
                f"{world.base}/oauth/consent", {"answer": "allow", "request": "x"}, cookies={"user": "ada"},
                headers={"Content-Type": FORM, "Origin": world.base}, timeout=20,
            ),
            world.call(world.house.tokens.format.access_prefix + "x"),
            requests.get(f"{world.base}/apiguard/api/v1/applications", cookies={"user": "ada"}, timeout=20),
        ]  # fmt: skip
        told = [(answer.url, answer.status_code, answer.headers.get("Retry-After")) for answer in answers]
    assert [(status, after) for _, status, after in told] == [(503, "60")] * len(told), told
    assert not any("upgrade" in answer.text for answer in answers)
    assert caplog.text.count("flask apiguard db upgrade") >= len(answers)
