"""A small app whose routes load and dump through their compiled schemas, as the gate does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, request

from flask_apiguard.errors import respond
from flask_apiguard.rules import Accepts, Returns, Rule
from flask_apiguard.schemas import RouteSchemas, Schemas, default_kinds

Serve = Callable[..., RouteSchemas]


@pytest.fixture
def app() -> Flask:
    return Flask("shop")


@pytest.fixture
def schemas(app: Flask) -> Schemas:
    return Schemas(default_kinds(), lambda: app.json)


@pytest.fixture
def serve(app: Flask, schemas: Schemas) -> Serve:
    """``serve(view, accepts=[...], returns=[...])``: mounts the view at /x with the gate's two steps around it."""

    def mount(
        view: Callable[..., Any], accepts: Any = (), returns: Any = (), path: str = "/x", methods: Any = ("POST",)
    ) -> RouteSchemas:
        compiled = schemas.route(Rule(accepts=tuple(accepts), returns=tuple(returns)))

        def guarded(**arguments: Any) -> Any:
            values, refusal = compiled.load(request._get_current_object())  # type: ignore[attr-defined]
            if refusal is not None:
                return respond(refusal, request.environ)
            answer, note = compiled.dump(view(**arguments, **(values or {})), head=request.method == "HEAD")
            if note is not None and not note:
                return respond(note, request.environ)
            response = app.make_response(answer)
            response.headers["Note"] = note.detail if note is not None else ""
            return response

        app.add_url_rule(path, path, guarded, methods=list(methods))
        return compiled

    return mount


__all__ = ["Accepts", "Response", "Returns"]
