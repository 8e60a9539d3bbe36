"""Errors of the whole app: JSON under /api/, a page elsewhere."""

from __future__ import annotations

from flask import Flask, Response, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, NotFound


class OutOfStock(Exception):
    """An order asks for more than there is."""

    def __init__(self, sku: str, stock: int) -> None:
        super().__init__(f"Only {stock} of {sku} left.")
        self.sku, self.stock = sku, stock


def init_app(app: Flask) -> None:
    app.register_error_handler(OutOfStock, out_of_stock)
    app.register_error_handler(CSRFError, csrf_failed)
    app.register_error_handler(404, not_found)
    app.register_error_handler(405, method_not_allowed)
    app.register_error_handler(Exception, anything_else)


def answer(error: HTTPException, **more: object) -> ResponseReturnValue:
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name.lower() in {"allow", "retry-after"}}
    if request.path.startswith("/api/"):
        body: Response = jsonify(error={"status": status, "name": error.name, "message": error.description, **more})
        return body, status, headers
    return render_template("error.html", error=error, status=status), status, headers


def not_found(error: NotFound) -> ResponseReturnValue:
    return answer(error)


def method_not_allowed(error: MethodNotAllowed) -> ResponseReturnValue:
    return answer(error, allowed=sorted(error.valid_methods or ()))


def out_of_stock(error: OutOfStock) -> ResponseReturnValue:
    body: Response = jsonify(error={"status": 409, "name": "Out of stock", "message": str(error), "left": error.stock})
    return body, 409


def csrf_failed(error: CSRFError) -> ResponseReturnValue:
    return render_template("error.html", error=error, status=400), 400


def anything_else(error: Exception) -> ResponseReturnValue:
    if isinstance(error, HTTPException):
        if error.response is not None or (error.code or 500) < 400:
            return error
        return answer(error)
    current_app.logger.error("unhandled error on %s", request.path, exc_info=error)
    return answer(InternalServerError("Something went wrong on our side."))
