"""Who the host says is signed in: whoever has no id of their own is nobody, at every door alike."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import AnonymousUserMixin

from flask_apiguard import APIGuard, HostUser, current_caller, require

pytestmark = pytest.mark.sqlite

ACCOUNT = "person:per_0123456789abcdefghjkmnpqrs"


def app_of(folder: Path, user_id: Any) -> Flask:
    """An app that names one user, whoever asks."""
    app = Flask("named", instance_path=str(folder))
    app.config.update(TESTING=True, APIGUARD_ISSUER="https://api.example", APIGUARD_SECRET="0123456789abcdef" * 4)
    guard = APIGuard(app, paths=["/api"], scopes={"orders:read": "See your orders"}, brand="acme")

    @guard.host_user
    def signed_in() -> HostUser | None:
        return HostUser(user_id, "Ann")

    @app.get("/api/orders")
    @require("orders:read")
    def orders() -> dict[str, Any]:
        return {"user": current_caller.user.id}

    return app


@pytest.mark.parametrize(
    ("user_id", "said"),
    [
        (None, "None"), (AnonymousUserMixin().get_id(), "None"), ("", "empty"), (" ", "empty"), (True, "of type bool"),
        (1.5, "of type float"), (b"ann", "of type bytes"), (uuid.UUID(int=7), "of type UUID"),
        (ACCOUNT, "kept for people with an account here"),
    ],
    ids=repr,
)  # fmt: skip
def test_who_has_no_id_of_their_own_is_signed_in_nowhere_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, user_id: Any, said: str
) -> None:
    app = app_of(tmp_path, user_id)
    browser = app.test_client()
    with caplog.at_level(logging.ERROR, "flask_apiguard"):
        for path in ("/api/orders", "/oauth/connections", "/oauth/device", "/apiguard/api/v1/me"):
            assert browser.get(path).status_code == 401, path
    told = [record.getMessage() for record in caplog.records if "guard.host_user" in record.getMessage()]
    assert len(told) == 1
    assert f"whose id is {said}." in told[0]
    assert "Return None where nobody is signed in" in told[0]


@pytest.mark.parametrize("user_id", ["ann", "0", "None", "person:42", ACCOUNT + "x", 0, 42])
def test_a_text_or_a_whole_number_names_a_user(tmp_path: Path, user_id: Any) -> None:
    browser = app_of(tmp_path, user_id).test_client()
    assert browser.get("/api/orders").json == {"user": str(user_id)}
    assert "Signed in as <strong>Ann</strong>" in browser.get("/oauth/connections").text
    assert browser.get("/apiguard/api/v1/me").status_code == 200
