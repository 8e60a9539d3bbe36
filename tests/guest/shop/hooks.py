"""What runs around every request: maintenance page, timing, headers, template values."""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

ALWAYS_UP = {"static", "healthz", "readyz"}


def init_app(app: Flask) -> None:
    app.before_request(start_timer)
    app.before_request(maintenance)
    app.before_request(remember_visit)
    app.after_request(add_headers)
    app.teardown_request(count_request)
    app.teardown_appcontext(count_context)
    app.context_processor(shop_values)
    app.template_filter("money")(money)


def start_timer() -> None:
    g.started = time.perf_counter()


def maintenance() -> ResponseReturnValue | None:
    if not current_app.config["MAINTENANCE"] or request.endpoint in ALWAYS_UP:
        return None
    if request.path.startswith("/api/"):
        answer: Response = jsonify(error={"status": 503, "name": "Maintenance", "message": "Back in a few minutes."})
        return answer, 503, {"Retry-After": "300"}
    return render_template("maintenance.html"), 503, {"Retry-After": "300"}


def remember_visit() -> None:
    if request.blueprint in {"pages", "storefront"}:
        session.permanent = True
        session["visits"] = session.get("visits", 0) + 1


def add_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers["X-Request-Seconds"] = f"{time.perf_counter() - g.get('started', time.perf_counter()):.4f}"
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", "default-src 'self'")
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def count_request(_: BaseException | None) -> None:
    current_app.extensions["shop"]["requests"] += 1


def count_context(_: BaseException | None) -> None:
    current_app.extensions["shop"]["teardowns"] += 1


def shop_values() -> dict[str, Any]:
    signed_in = current_user.is_authenticated
    return {
        "shop_name": current_app.config["SHOP_NAME"],
        "cart_size": sum(session.get("cart", {}).values()),
        "home_tenant": current_user.tenant.slug if signed_in else "north",
    }


def money(value: object) -> str:
    return f"{value:,.2f} €"
