"""What goes out: checked whatever form the view returns it in, and never unchecked in silence."""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask, Response, jsonify, redirect, send_file
from marshmallow import Schema, fields, validate

from flask_apiguard.rules import Returns

from .conftest import Serve


class OrderOut(Schema):
    id = fields.Int(required=True, dump_only=True)
    state = fields.Str(validate=validate.OneOf(["new", "paid"]))
    when = fields.DateTime()


class Fault(Schema):
    message = fields.Str(required=True)


GOOD = {"id": 7, "state": "new", "cost_price": 1}
OUT = {"id": 7, "state": "new"}
RETURNS = [Returns(OrderOut), Returns(OrderOut, 201), Returns(Fault, 404), Returns(OrderOut(many=True), 206)]


class Row:
    id = 7
    state = "new"
    cost_price = 1


def listed(**options: Any) -> Response:
    response = jsonify(GOOD)
    for name, value in options.items():
        setattr(response, name, value)
    return response


@pytest.mark.parametrize(
    ("answer", "status", "header"),
    [
        (lambda: dict(GOOD), 200, None),
        (Row, 200, None),
        (lambda: (dict(GOOD), 201), 201, None),
        (lambda: (dict(GOOD), HTTPStatus.CREATED), 201, None),
        (lambda: (dict(GOOD), "201 CREATED"), 201, None),
        (lambda: (dict(GOOD), {"X-A": "1"}), 200, "1"),
        (lambda: (dict(GOOD), [("X-A", "1")]), 200, "1"),
        (lambda: (dict(GOOD), 201, {"X-A": "1"}), 201, "1"),
        (lambda: jsonify(GOOD), 200, None),
        (lambda: (jsonify(GOOD), 201), 201, None),
        (lambda: (jsonify(GOOD), {"X-A": "1"}), 200, "1"),
        (lambda: listed(status_code=201), 201, None),
    ],
)
def test_every_form_of_answer_is_masked_and_keeps_status_and_headers(
    app: Flask, serve: Serve, answer: Any, status: int, header: str | None
) -> None:
    serve(answer, returns=RETURNS)
    got = app.test_client().post("/x")
    assert (got.status_code, got.json) == (status, OUT)
    assert got.headers["Note"] == ""
    assert int(got.headers["Content-Length"]) == len(got.data)
    assert got.headers.get("X-A") == header


@pytest.mark.parametrize(
    "answer",
    [
        lambda: {"state": "new"},
        lambda: ({"id": 1, "state": "lost"}, 201),
        lambda: jsonify(id=1, when="yesterday"),
        lambda: (jsonify(id=1, state="lost"), 201),
        lambda: ({"id": 1}, 404),
        lambda: ([{"id": 1}, {}], 206),
        lambda: {"id": float("nan")},
    ],
)
def test_an_answer_that_violates_its_schema_never_leaves(app: Flask, serve: Serve, answer: Any) -> None:
    serve(answer, returns=RETURNS)
    got = app.test_client().post("/x")
    assert (got.status_code, got.json["code"]) == (500, "gate:response:invalid")
    assert got.json["errors"]


def test_each_status_has_its_own_schema(app: Flask, serve: Serve) -> None:
    serve(lambda: ({"message": "none", "trace": "secret"}, 404), returns=RETURNS)
    assert app.test_client().post("/x").json == {"message": "none"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda: ({"id": "x"}, 403),
        lambda: ("", 204),
        lambda: redirect("/y"),
        lambda: (jsonify(a=1), 400),
        lambda: Response(status=304),
    ],
)
def test_a_status_without_a_schema_passes_unchanged_and_says_so(app: Flask, serve: Serve, answer: Any) -> None:
    serve(answer, returns=RETURNS)
    got = app.test_client().post("/x")
    assert got.status_code in (204, 302, 304, 400, 403)
    assert got.headers["Note"] == f"Status {got.status_code} has no schema."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: "text", "returned str"),
        (lambda: b"{}", "returned bytes"),
        (lambda: None, "returned NoneType"),
        (lambda: (part for part in ["{}"]), "returned generator"),
        (lambda: Response("{}"), "returned text/html"),
        (lambda: Response("{", content_type="application/json"), "can't be read"),
        (lambda: Response('{"id":1,"id":2}', content_type="application/json"), "can't be read"),
        (lambda: Response(iter(["{}"]), content_type="application/json"), "stream"),
        (lambda: send_file(io.BytesIO(b"{}"), mimetype="application/json"), "stream or file"),
        (lambda: Response("{}", content_type="application/json", headers={"Content-Encoding": "gzip"}), "encoded"),
        (lambda: Response("", content_type="application/json"), "can't be read"),
    ],
)
def test_what_can_not_be_checked_is_a_violation_and_never_silence(
    app: Flask, serve: Serve, answer: Any, said: str
) -> None:
    serve(answer, returns=RETURNS)
    got = app.test_client().post("/x")
    assert got.status_code == 500
    assert said in got.json["detail"]


def test_head_is_checked_as_get_and_may_be_empty(app: Flask, serve: Serve) -> None:
    compiled = serve(lambda: dict(GOOD), returns=RETURNS, methods=("GET", "HEAD"))
    assert app.test_client().head("/x").headers["Note"] == ""
    empty = Response("", content_type="application/json")
    assert compiled.dump(empty, head=True)[0] is empty
    assert not compiled.dump(empty)[1]


def test_a_response_that_fits_is_not_rewritten(app: Flask, serve: Serve) -> None:
    compiled = serve(lambda: "", returns=RETURNS)
    response = Response('{ "id" : 1 }', content_type="application/json")
    assert compiled.dump(response) == (response, None)
    assert response.data == b'{ "id" : 1 }'
