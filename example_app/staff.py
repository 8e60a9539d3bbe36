"""The company's own people: a tiny sign-in with a session cookie."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, session
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash

from . import data

blueprint = Blueprint("staff", __name__, url_prefix="/staff")


@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Sign in with e-mail and password, by form."""
    member = data.member(request.form.get("email", ""))
    if member is None or not check_password_hash(member["password"], request.form.get("password", "")):
        return {"error": "No."}, 401
    session.clear()
    session["staff"] = member["email"]
    return {"name": member["name"]}


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Forget who it was."""
    session.clear()
    return "", 204


def signed_in() -> dict[str, Any] | None:
    """Who of the staff is signed in."""
    return data.member(session["staff"]) if "staff" in session else None
