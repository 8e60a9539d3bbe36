"""Routes that stand on the app itself, some written before the shop had blueprints."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Flask, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import text

from shop.access import tenant_required
from shop.extensions import csrf, db


def register(app: Flask) -> None:
    app.add_url_rule("/healthz", "healthz", lambda: ("ok", 200, {"Content-Type": "text/plain"}))
    app.add_url_rule("/readyz", "readyz", readyz)
    app.add_url_rule("/whoami", "whoami", whoami)
    app.add_url_rule("/api/v1/ping", "api_ping", lambda: {"pong": True})
    app.add_url_rule("/api/v1/me", "api_me", tenant_required(me))
    app.add_url_rule("/api/v1/account", "api_account", tenant_required(me))
    app.add_url_rule(
        "/api/v1/schema", "api_schema", schema, methods=["GET", "OPTIONS"], provide_automatic_options=False
    )
    app.add_url_rule("/api/v1/changes", "api_changes", changes)
    app.add_url_rule("/api/v1/echo", "api_echo", csrf.exempt(tenant_required(echo)), methods=["POST", "PUT"])
    app.add_url_rule("/api/v1/broken", "api_broken", tenant_required(broken))


def readyz() -> ResponseReturnValue:
    db.session.execute(text("SELECT 1"))
    return {"database": "ok"}


def whoami() -> ResponseReturnValue:
    """What the shop believes of the caller behind its proxy."""
    return {"address": request.remote_addr, "scheme": request.scheme, "host": request.host}


def me() -> Response:
    """The caller; one view behind two routes."""
    name = current_user.name if current_user.is_authenticated else None
    answer: Response = jsonify(tenant=g.tenant.slug, name=name)
    return answer


def schema() -> ResponseReturnValue:
    if request.method == "OPTIONS":
        return "", 204, {"Allow": "GET, HEAD, OPTIONS", "X-Shop-Schema": "2"}
    return {"version": 2, "resources": ["orders", "shipments", "customers", "reports"]}


def changes() -> Iterator[str]:
    """The view is itself a generator: newline-delimited JSON. Flask's contexts are gone when it runs."""
    for version, what in ((1, "orders"), (2, "shipments, reports")):
        yield json.dumps({"version": version, "added": what}) + "\n"


def echo() -> ResponseReturnValue:
    """For partners trying things: what arrived, byte for byte."""
    return request.get_data(), 200, {"Content-Type": request.content_type or "application/octet-stream"}


def broken() -> ResponseReturnValue:
    """Kept for the alarm test: an error nobody expected."""
    return {"ratio": 1 / len(request.args.get("empty", ""))}
