"""What comes in, through real Flask requests: by location, strictly, all flaws together."""

from __future__ import annotations

import decimal
import gzip
import io
import json
from typing import Any

import pytest
from flask import Flask, Request, request
from flask.json.provider import DefaultJSONProvider
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import BadRequest

from flask_apiguard.contracts import Registry
from flask_apiguard.errors import ConfigurationError, Denied
from flask_apiguard.rules import Accepts, Returns, Rule
from flask_apiguard.schemas import Schemas, default_kinds, guard_json, release_json

from .conftest import Serve


class OrderIn(Schema):
    item = fields.Str(required=True, validate=validate.Length(1, 20))
    quantity = fields.Int(required=True, strict=True)


class Page(Schema):
    page = fields.Int(load_default=1)
    tag = fields.List(fields.Str())


class Head(Schema):
    x_trace_id = fields.Str(required=True)
    wants = fields.List(fields.Str(), data_key="X-Wants")


class Where(Schema):
    number = fields.Int(required=True, validate=validate.Range(max=99))


class Upload(Schema):
    title = fields.Str(required=True)
    tag = fields.List(fields.Str())
    file = fields.Raw()


JSON = Accepts(OrderIn, into="order")
GOOD = {"item": "tea", "quantity": 2}


def echo(**values: Any) -> dict[str, Any]:
    return values


def test_a_good_document_reaches_the_view_by_name(app: Flask, serve: Serve) -> None:
    compiled = serve(echo, [JSON])
    assert compiled.takes
    assert compiled.needs_body
    assert app.test_client().post("/x", json=GOOD).json == {"order": GOOD}


def test_without_a_name_it_is_only_validated(app: Flask, serve: Serve) -> None:
    serve(echo, [Accepts(OrderIn)])
    assert app.test_client().post("/x", json=GOOD).json == {}
    assert app.test_client().post("/x", json={}).status_code == 422


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8", "application/vnd.api+json"])
def test_every_json_media_type_is_taken(app: Flask, serve: Serve, kind: str) -> None:
    serve(echo, [JSON])
    assert app.test_client().post("/x", data=json.dumps(GOOD), content_type=kind).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "text/json", "multipart/form-data"])
def test_another_media_type_is_415(app: Flask, serve: Serve, kind: str) -> None:
    serve(echo, [JSON])
    answer = app.test_client().post("/x", data=json.dumps(GOOD), content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (415, "gate:media-type:unsupported")


def test_a_compressed_body_is_415_and_says_what_is_taken(app: Flask, serve: Serve) -> None:
    serve(echo, [JSON])
    body = gzip.compress(json.dumps(GOOD).encode())
    headers = {"Content-Encoding": "gzip"}
    answer = app.test_client().post("/x", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b'{"item":"a","item":"b","quantity":1}', "application/json"),
        (b'{"item":"a","quantity":1e999}', "application/json"),
        (b'{"item":"a","quantity":' + b"1" * 5000 + b"}", "application/json"),
        (b'{"item":"\\ud800","quantity":1}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "application/json"),
        (json.dumps(GOOD).encode(), "application/json;charset=utf-7"),
        (json.dumps(GOOD).encode("utf-16"), "application/json;charset=utf-16"),
    ],
)
def test_what_is_no_document_is_a_400_problem(app: Flask, serve: Serve, body: bytes, kind: str) -> None:
    serve(echo, [JSON])
    answer = app.test_client().post("/x", data=body, content_type=kind)
    assert (answer.status_code, answer.json["code"]) == (400, "gate:document:malformed")
    assert answer.json["errors"][0]["detail"]


def test_the_place_of_a_repeated_name_is_told(app: Flask, serve: Serve) -> None:
    serve(echo, [JSON])
    answer = app.test_client().post("/x", data=b'{"item":1,"item":2}', content_type="application/json")
    assert answer.json["errors"] == [{"pointer": "/item", "detail": "This name stands here more than once."}]


def test_a_body_beyond_the_requests_bound_is_413(app: Flask, serve: Serve) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10
    serve(echo, [JSON])
    answer = app.test_client().post("/x", json=GOOD)
    assert (answer.status_code, answer.json["code"]) == (413, "gate:body:too-large")


def test_a_body_of_unknown_length_is_bounded_while_it_is_read(app: Flask, serve: Serve) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10
    serve(echo, [JSON])
    environ = {"wsgi.input": io.BytesIO(json.dumps(GOOD).encode()), "wsgi.input_terminated": True}
    environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    answer = app.test_client().post("/x", content_type="application/json", environ_overrides=environ)
    assert answer.status_code == 413
    app.config["MAX_CONTENT_LENGTH"] = len(json.dumps(GOOD))
    environ["wsgi.input"] = io.BytesIO(json.dumps(GOOD).encode())
    assert app.test_client().post("/x", content_type="application/json", environ_overrides=environ).status_code == 200


@pytest.mark.parametrize("location", ["json", "form"])
def test_a_client_that_sends_less_than_it_said_is_400(app: Flask, serve: Serve, location: str) -> None:
    serve(echo, [Accepts(OrderIn, location)])
    kind = "application/json" if location == "json" else "multipart/form-data; boundary=b"
    environ = {"wsgi.input": io.BytesIO(b'{"item":'), "CONTENT_LENGTH": "500"}
    answer = app.test_client().post("/x", content_type=kind, environ_overrides=environ)
    assert (answer.status_code, answer.json["code"]) == (400, "gate:document:malformed")
    assert "Content-Length" in answer.json["detail"]


def test_the_flaws_of_all_locations_come_together(app: Flask, serve: Serve) -> None:
    accepts = [JSON, Accepts(Page, "query"), Accepts(Head, "headers"), Accepts(Where, "path")]
    serve(lambda number, order: {}, accepts, path="/x/<int:number>")
    answer = app.test_client().post("/x/100?page=one&page=two&more=1", json={"item": ""})
    assert answer.status_code == 422
    assert {(error.get("location", "json"), error["pointer"]) for error in answer.json["errors"]} == {
        ("json", "/item"),
        ("json", "/quantity"),
        ("query", "/page"),
        ("headers", "/x_trace_id"),
        ("path", "/number"),
    }


def test_a_query_reads_lists_where_the_schema_has_lists(app: Flask, serve: Serve) -> None:
    serve(echo, [Accepts(Page, "query", into="page")])
    client = app.test_client()
    assert client.post("/x?page=2&tag=a&tag=b").json == {"page": {"page": 2, "tag": ["a", "b"]}}
    assert client.post("/x?tag=a").json == {"page": {"page": 1, "tag": ["a"]}}
    assert client.post("/x").json == {"page": {"page": 1}}


@pytest.mark.parametrize(
    ("query", "pointer"), [("page=1&page=1", "/page"), ("pgae=1", "/pgae"), ("tag=%ff", ""), ("a/b=1", "/a~1b")]
)
def test_a_query_refuses_what_is_repeated_unknown_or_no_text(
    app: Flask, serve: Serve, query: str, pointer: str
) -> None:
    serve(echo, [Accepts(Page, "query")])
    answer = app.test_client().post("/x?" + query)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["location"] == "query"
    assert answer.json["errors"][0]["pointer"] == pointer


def test_headers_are_found_whatever_their_case_and_unknown_ones_are_ignored(app: Flask, serve: Serve) -> None:
    serve(echo, [Accepts(Head, "headers", into="head")])
    answer = app.test_client().post("/x", headers={"x-TRACE-id": "7", "X-Wants": "a, b", "X-Other": "1"})
    assert answer.json == {"head": {"x_trace_id": "7", "wants": ["a", "b"]}}


def test_the_path_is_read_as_its_converters_made_it(app: Flask, serve: Serve) -> None:
    serve(
        lambda number, other, where: {"number": number, "where": where},
        [Accepts(Where, "path", into="where")],
        path="/x/<int:number>/<other>",
    )
    assert app.test_client().post("/x/7/z").json == {"number": 7, "where": {"number": 7}}


def test_a_form_is_read_urlencoded_and_multipart_with_files(app: Flask, serve: Serve) -> None:
    def view(upload: dict[str, Any]) -> dict[str, Any]:
        file = upload.pop("file", None)
        return {**upload, "file": file.read().decode() if file else None}

    serve(view, [Accepts(Upload, "form", into="upload")])
    client = app.test_client()
    assert client.post("/x", data={"title": "a", "tag": ["b", "c"]}).json == {
        "title": "a",
        "tag": ["b", "c"],
        "file": None,
    }
    sent = client.post("/x", data={"title": "a", "file": (io.BytesIO(b"hello"), "h.txt")})
    assert sent.json == {"title": "a", "file": "hello"}
    assert client.post("/x", data={"title": ["a", "b"]}).json["errors"] == [
        {"location": "form", "pointer": "/title", "detail": "Given more than once."}
    ]
    assert client.post("/x", json={"title": "a"}).status_code == 415
    answer = client.post("/x", data=b"title=%ff", content_type="application/x-www-form-urlencoded")
    assert answer.json["errors"] == [{"location": "form", "pointer": "", "detail": "Not UTF-8."}]
    broken = b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xff\r\n--b--\r\n'
    answer = client.post("/x", data=broken, content_type="multipart/form-data; boundary=b")
    assert answer.json["errors"] == [{"location": "form", "pointer": "/title", "detail": "Not UTF-8."}]


def test_a_form_with_too_many_parts_is_413(app: Flask, serve: Serve) -> None:
    app.config["MAX_FORM_PARTS"] = 5
    serve(echo, [Accepts(Upload, "form")])
    data = {"title": "a", "file": (io.BytesIO(b""), "f"), **{f"x{number}": "1" for number in range(10)}}
    assert app.test_client().post("/x", data=data).status_code == 413


def test_gate_and_view_read_the_same_document_once(app: Flask, serve: Serve) -> None:
    seen = []

    def view(order: dict[str, Any]) -> dict[str, Any]:
        seen.extend([request.get_json(), request.json, request.get_json(force=True, cache=False)])
        return {}

    serve(view, [JSON])
    app.test_client().post("/x", json=GOOD)
    assert seen == [GOOD] * 3
    assert seen[0] is seen[1] is seen[2]


def test_a_view_without_a_schema_gets_the_strict_reader_too(app: Flask, serve: Serve) -> None:
    serve(lambda: {"read": request.get_json()})
    client = app.test_client()
    assert client.post("/x", json=[1]).json == {"read": [1]}
    answer = client.post("/x", data=b'{"a":1,"a":2}', content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "gate:document:malformed")
    assert answer.json["errors"][0]["pointer"] == "/a"
    assert client.post("/x", data=b"{}", content_type="text/plain").status_code == 415


def test_a_body_that_no_rule_takes_is_read_strictly_beside_a_query_that_one_does(app: Flask, serve: Serve) -> None:
    serve(lambda: {"read": request.get_json()}, [Accepts(Page, "query")])
    client = app.test_client()
    assert client.post("/x", json=[1]).json == {"read": [1]}
    answer = client.post("/x", data=b'{"a":1,"a":2}', content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "gate:document:malformed")


def test_a_view_that_asks_silently_gets_none_as_ever(app: Flask, serve: Serve) -> None:
    serve(lambda: {"read": request.get_json(silent=True)})
    assert app.test_client().post("/x", data=b'{"a":NaN}', content_type="application/json").json == {"read": None}


def test_requests_of_other_routes_keep_flasks_own_reader(app: Flask, serve: Serve) -> None:
    serve(lambda: {"read": request.get_json()})
    app.add_url_rule("/free", "free", lambda: {"read": request.get_json()}, methods=["POST"])
    client = app.test_client()
    client.post("/x", json=[1])
    assert client.post("/free", data=b'{"a":1,"a":2}', content_type="application/json").json == {"read": {"a": 2}}


def test_a_hosts_own_provider_still_reads_for_its_views_what_was_found_strict(app: Flask, serve: Serve) -> None:
    class Exact(DefaultJSONProvider):
        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return super().loads(s, parse_float=decimal.Decimal, **kwargs)

    app.json = Exact(app)
    kinds = []

    def view() -> dict[str, Any]:
        kinds.append(type(request.get_json()["a"]))
        return {}

    serve(view)
    client = app.test_client()
    client.post("/x", json={"a": 1.5})
    assert kinds == [decimal.Decimal]
    assert client.post("/x", data=b'{"a":1,"a":2}', content_type="application/json").status_code == 400
    with app.test_request_context("/x", method="POST", json={"a": 1.5}):
        guard_json(request._get_current_object())  # type: ignore[attr-defined]
        assert type(request.get_json()["a"]) is decimal.Decimal


def test_a_request_that_was_released_reads_as_flask_reads(app: Flask) -> None:
    with app.test_request_context("/x", method="POST", data=b'{"a":NaN}', content_type="application/json"):
        here = request._get_current_object()  # type: ignore[attr-defined]
        guard_json(here)
        with pytest.raises(Denied):
            request.get_json()
        release_json(here)
        assert str(request.get_json()["a"]) == "nan"
        release_json(here)


def test_a_hosts_own_answer_to_unreadable_json_stays(app: Flask, serve: Serve) -> None:
    class Own(Request):
        def on_json_loading_failed(self, e: ValueError | None) -> Any:
            raise BadRequest("ours")

    app.request_class = Own
    serve(lambda: {"read": request.get_json()})
    answer = app.test_client().post("/x", data=b"{", content_type="application/json")
    assert b"ours" in answer.data


def test_a_rule_without_schemas_costs_nothing(schemas: Schemas) -> None:
    assert schemas.route(Rule()) is schemas.route(Rule())
    nothing = schemas.route(Rule())
    assert (nothing.takes, nothing.gives, nothing.needs_body) == (False, False, False)


def test_one_schema_is_compiled_once(schemas: Schemas) -> None:
    assert schemas.compile(OrderIn) is schemas.compile(OrderIn)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(accepts=(Accepts({"type": "object"}),)),
        Rule(accepts=(Accepts(OrderIn), Accepts(Upload, "form"))),
        Rule(returns=(Returns(OrderIn), Returns(Page))),
        Rule(returns=(Returns(OrderIn, 204),)),
        Rule(returns=(Returns(OrderIn, 302),)),
    ],
)
def test_what_can_not_work_is_said_at_start(schemas: Schemas, rule: Rule) -> None:
    with pytest.raises(ConfigurationError):
        schemas.route(rule)


def test_a_kind_that_knows_no_names_is_asked_for_its_json_schema(app: Flask) -> None:
    class Plain:
        def load(self, document: Any) -> Any:
            return document, ()

        dump = load

        def describe(self) -> dict[str, Any]:
            return {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array"}}}

    class Kind:
        name = "plain"

        def owns(self, schema: Any) -> bool:
            return schema == "plain"

        def compile(self, schema: Any) -> Plain:
            return Plain()

    kinds = Registry("kind of schema", lambda kind: kind.name, [*default_kinds(), Kind()])
    compiled = Schemas(kinds).route(Rule(accepts=(Accepts("plain", "query", "q"),)))
    with app.test_request_context("/?a=1&b=2"):
        assert compiled.load(request._get_current_object()) == ({"q": {"a": "1", "b": ["2"]}}, None)  # type: ignore[attr-defined]


def test_while_the_gate_observes_the_view_reads_as_it_did_without_us(app: Flask, schemas: Schemas) -> None:
    accepts = [JSON, Accepts(Page, "query", "page"), Accepts(Where, "path", "where"), Accepts(Head, "headers", "head")]
    compiled = schemas.route(Rule(accepts=tuple(accepts)))
    twice = b'{"a":1,"a":2}'
    with app.test_request_context("/x?page=one", method="POST", data=twice, content_type="application/json"):
        here = request._get_current_object()  # type: ignore[attr-defined]
        assert compiled.load(here)[1] is not None
        raw = compiled.unchecked(here)
        assert (raw["order"], raw["page"], raw["where"]) == ({"a": 2}, {"page": "one"}, {})
        assert request.get_json() == {"a": 2}
    app.config["MAX_CONTENT_LENGTH"] = 5
    with app.test_request_context("/x", method="POST", data=twice, content_type="application/json"):
        here = request._get_current_object()  # type: ignore[attr-defined]
        assert compiled.unchecked(here)["order"] is None
