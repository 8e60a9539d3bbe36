"""An app to attack over real sockets: as a host has it, with an error handler that turns every error into 200."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request, send_file
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apiguard import APIGuard, HostUser, accepts, current_caller, limit, public, require

PROTECTED = "the-protected-body"


class Order(Schema):
    item = fields.String(required=True, validate=validate.Length(1, 50))
    amount = fields.Integer(validate=validate.Range(1, 100))


def make(folder: str | None = None, *, proxied: bool = False, **config: Any) -> Flask:
    """With ``folder``, also from the environment, the stores are files there that several processes share."""
    folder = folder or os.environ.get("ATTACKED")
    app = Flask("attacked", instance_path=folder or "/nonexistent", static_folder=None)
    app.config.update(PROPAGATE_EXCEPTIONS=False, SECRET_KEY="of the host", APIGUARD_FAILED_ATTEMPTS=0)
    if folder is not None:
        app.config.update(APIGUARD_DATABASE_URL=f"sqlite:///{folder}/apiguard.db")
    app.config.update(config)
    if proxied:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]
    guard = APIGuard(app, paths=["/api/v1"], brand="attacked")

    @guard.host_user
    def signed_in() -> HostUser | None:
        return HostUser(request.cookies["who"]) if "who" in request.cookies else None

    @app.errorhandler(Exception)
    def swallow(error: Exception) -> Any:
        if app.config.get("LOUD") and not isinstance(error, HTTPException):
            raise error
        return {"error": type(error).__name__}

    _secrets(app)
    _bodies(app)
    _answers(app)
    return app


def _secrets(app: Flask) -> None:  # noqa: C901 - a list of small views
    @app.get("/")
    def home() -> str:
        return "home"

    @app.route("/outside/headers", methods=["GET", "POST"])
    def outside() -> dict[str, Any]:
        return {"headers": dict(request.headers), "body": request.get_data(as_text=True)}

    @app.route("/api/v1/secret", methods=["GET", "POST", "PUT"])
    @require("secret:read")
    def secret() -> str:
        return PROTECTED

    @app.get("/api/v1/secret/<path:name>")
    @require("secret:read")
    def below(name: str) -> str:
        return PROTECTED + name

    @app.get("/api/v1/trailing/")
    @require("secret:read")
    def trailing() -> str:
        return PROTECTED

    @app.get("/api/v1/undeclared")
    def undeclared() -> str:
        return PROTECTED

    @app.get("/<anything>/v1/secret")
    def converted(anything: str) -> str:
        return PROTECTED if request.path.startswith("/api/v1") else "another"

    @app.get("/api/v1/health")
    @public("health check")
    def health() -> str:
        return "fine"

    @app.get("/api/v1/headers")
    @require("secret:read")
    def headers() -> dict[str, Any]:
        return {"headers": dict(request.headers), "address": request.remote_addr}

    @app.get("/api/v1/who")
    @require("secret:read")
    def who() -> dict[str, Any]:
        return {"pid": os.getpid(), "client": current_caller.client.id if current_caller.client else None}


def _bodies(app: Flask) -> None:
    @app.post("/api/v1/orders")
    @require("secret:read")
    @accepts(Order, into="order")
    def create(order: dict[str, Any]) -> dict[str, Any]:
        return {"order": order}

    @app.post("/api/v1/loose")
    @require("secret:read")
    def loose() -> Any:
        return {"got": request.get_json()}

    @app.post("/api/v1/upload")
    @require("secret:read")
    def upload() -> dict[str, Any]:
        return {"bytes": len(request.get_data())}

    @app.post("/api/v1/small")
    @accepts(Order, into="order", max_body=64)
    @require("secret:read")
    def small(order: dict[str, Any]) -> dict[str, Any]:
        return {"order": order}

    @app.post("/api/v1/form")
    @require("secret:read")
    def form() -> dict[str, Any]:
        return {"fields": len(request.form), "files": len(request.files)}


def _answers(app: Flask) -> None:
    @app.get("/api/v1/file")
    @require("secret:read")
    def file() -> Response:
        return send_file(__file__, mimetype="text/x-python")

    @app.get("/api/v1/made")
    @require("secret:read")
    def made() -> Response:
        return send_file(io.BytesIO(PROTECTED.encode()), mimetype="text/plain")

    @app.get("/api/v1/stream")
    @require("secret:read")
    def stream() -> Response:
        def chunks() -> Iterator[str]:
            for number in range(int(request_rounds)):
                yield f"data: {number}\n\n"
                time.sleep(0.02)

        request_rounds = request.args.get("rounds", "3")
        return Response(chunks(), mimetype="text/event-stream")

    @app.get("/api/v1/async")
    @require("secret:read")
    async def asynchronous() -> str:
        return "async"

    @app.get("/api/v1/limited")
    @require("secret:read")
    @limit("5/hour")
    def limited() -> str:
        return "limited"

    @app.get("/api/v1/raises")
    @require("secret:read")
    def raises() -> str:
        raise LookupError("the host's own")
