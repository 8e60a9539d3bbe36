"""The smallest apps that show whether a server works. Started by the tests here, also in other processes."""

from __future__ import annotations

import os

from flask import Flask, request


def make() -> Flask:
    app = Flask(__name__)

    @app.route("/", methods=["GET", "POST"])
    def root() -> dict[str, object]:
        return {"pid": os.getpid(), "word": os.environ.get("WORD"), "body": request.get_data(as_text=True)}

    @app.get("/headers")
    def headers() -> dict[str, object]:
        return {"headers": [list(pair) for pair in request.headers]}

    return app
