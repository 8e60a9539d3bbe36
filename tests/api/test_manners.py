"""How the API behaves in somebody else's app: its own errors, its own headers, nobody's cookies."""

from __future__ import annotations

import http.client
import re
import socket
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

import pytest
from jsonschema import Draft202012Validator

from flask_apiguard.api import openapi
from flask_apiguard.api.endpoints import ENDPOINTS
from flask_apiguard.api.reading import compiled
from flask_apiguard.api.table import Endpoint
from flask_apiguard.extension import house_of
from flask_apiguard.people.passwords import LONGEST, SHORTEST
from flask_apiguard.values import Reason
from tests.waiting import PATIENCE

from .conftest import Town, make_app
from .examples import good


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/nowhere", 404, Reason.API_MISSING),
    ("GET", "/applications/", 404, Reason.API_MISSING),
    ("PUT", "/applications", 405, Reason.API_METHOD),
    ("TRACE", "/applications", 405, Reason.API_METHOD),
    ("GET", "/applications", 401, Reason.API_UNAUTHENTICATED),
    ("GET", "/explain/req_x", 401, Reason.API_UNAUTHENTICATED),
])  # fmt: skip
def test_a_refusal_is_ours_and_never_the_hosts(town: Town, method: str, path: str, status: int, code: Reason) -> None:
    heard = town.go(method, path)
    assert (heard.status, heard.kind) == (status, "application/problem+json"), heard.body
    assert heard.json["code"] == str(code)
    assert heard.json["request_id"] == heard.headers["X-Request-Id"]
    assert heard.headers["Cache-Control"] == "no-store"
    assert heard.headers["X-Content-Type-Options"] == "nosniff"
    assert heard.headers["X-Town"] == "yes"
    assert heard.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    if status == 401:
        assert heard.headers["WWW-Authenticate"].startswith("Bearer")
    if status == 405:
        assert set((heard.headers["Allow"] or "").split(", ")) >= {"GET", "POST"}


@pytest.mark.parametrize(("data", "kind", "status"), [
    (b"{", "application/json", 400),
    (b'{"name": "a", "name": "b"}', "application/json", 400),
    (b'{"name": NaN}', "application/json", 400),
    (b'{"name": "\xff"}', "application/json", 400),
    (b'{"name": "\\ud800"}', "application/json", 400),
    (b"[" * 100 + b"]" * 100, "application/json", 400),
    (b'{"name": "a"}', "application/json; charset=utf-16", 400),
    (b'{"name": "a"}', "text/plain", 415),
    (b"name=a", "application/x-www-form-urlencoded", 415),
    (b'{"name": "' + b"a" * 70_000 + b'"}', "application/json", 413),
])  # fmt: skip
def test_a_body_that_can_not_be_read_is_refused(town: Town, data: bytes, kind: str, status: int) -> None:
    before = town.entries()
    heard = town.go("POST", "/organizations", who="ann", data=data, kind=kind)
    assert (heard.status, heard.kind) == (status, "application/problem+json"), heard.body
    assert town.entries() == before


def test_a_compressed_body_is_refused(town: Town) -> None:
    heard = town.go("POST", "/organizations", who="ann", data=b"\x1f\x8b", Content_Encoding="gzip")
    assert heard.status == 415


def test_a_body_that_ends_early_stores_nothing(town: Town) -> None:
    parts, before = urlsplit(town.url), town.entries()
    head = (
        f"POST /apiguard/api/v1/organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {town.tokens['ann']}\r\n"
        'Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"name": "Half'
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 400
    assert town.entries() == before


def test_two_different_credentials_are_refused(town: Town) -> None:
    heard = town.go("GET", "/me", who="ann", X_API_Key="another")
    assert heard.status == 400


@pytest.mark.parametrize(
    "token", ["acme_person_abc", "acme_session_x_y_z", "nonsense", "acme_sandbox_x_y_z", "x" * 5000]
)
def test_a_bad_credential_is_answered_alike(town: Town, token: str) -> None:
    heard = town.go("GET", "/me", who=token)
    assert heard.status == 401
    assert "WWW-Authenticate" in heard.headers


def test_failed_credentials_are_throttled_and_a_good_one_is_not(town: Town) -> None:
    statuses = [town.go("GET", "/me", who=f"acme_person_{number}").status for number in range(60)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert town.go("GET", "/me", who="ann").status == 200


def test_the_hosts_signed_in_user_is_a_person_here(town: Town) -> None:
    me = town.go("GET", "/me", Cookie="town=hal")
    assert me.status == 200, me.body
    assert me.json["email"] == "hal@host.example"
    assert town.go("POST", "/organizations", {"name": "Hal"}, Cookie="town=hal").status == 403
    evil = {"Cookie": "town=hal", "Origin": "https://evil.example"}
    assert town.go("POST", "/organizations", {"name": "Hal"}, **evil).status == 403
    made = town.go("POST", "/organizations", {"name": "Hal"}, Cookie="town=hal", Origin=town.url)
    assert made.status == 201, made.body
    bad = town.go("GET", "/me", who="acme_person_bad", Cookie="town=hal")
    assert bad.status in (401, 429)


def test_an_edit_names_the_version_it_changes(town: Town) -> None:
    made = town.go("POST", "/applications", {"name": "Edited"}, "ann")
    path, etag = f"/applications/{made.json['id']}", made.headers["ETag"] or ""
    assert town.go("PATCH", path, {"name": "Two"}, "ann").status == 428
    assert town.go("PATCH", path, {"name": "Two"}, "ann", If_Match=etag).status == 200
    stale = town.go("PATCH", path, {"name": "Three"}, "ann", If_Match=etag)
    assert (stale.status, stale.json["code"]) == (412, str(Reason.API_VERSION_STALE))
    assert town.go("GET", path, who="ann").json["name"] == "Two"


def test_an_organization_gets_another_name_from_its_owner_on_record(town: Town) -> None:
    town.person("dan", town.ids["bob_org"], "developer")
    path = f"/organizations/{town.ids['bob_org']}"
    read = town.go("GET", path, who="bob")
    etag, entries = read.headers["ETag"] or "", town.entries()
    assert town.go("PATCH", path, {"name": "Bob & Co"}, "bob").status == 428
    assert town.go("PATCH", path, {"name": "Mine"}, "dan", If_Match=etag).status == 403
    assert town.go("PATCH", path, {"name": "Mine"}, "ann", If_Match=etag).status == 404
    method, href = read.follow("edit")
    edited = town.go(method, href, {"name": "Bob & Co"}, "bob", If_Match=etag)
    assert (edited.status, edited.json["name"], edited.headers["ETag"]) == (200, "Bob & Co", '"2"')
    assert town.go("PATCH", path, {"name": "Bob & Daughters"}, "bob", If_Match=etag).status == 412
    (entry,) = town.house.ledger.entries(happening="clients:organization:changed").entries
    assert (entry.before, entry.after) == ({"name": "bob and sons"}, {"name": "Bob & Co"})
    assert town.entries() == entries + 2  # the other one is the developer's attempt
    assert "edit" not in {one["action"] for one in town.go("GET", path, who="dan").json["next"]}


def test_pages_of_a_list_are_complete_and_disjoint(town: Town) -> None:
    for number in range(7):
        assert town.go("POST", "/applications", {"name": f"Paged {number}"}, "bob").status == 201
    seen: list[str] = []
    path = "/applications?limit=3"
    while True:
        page = town.go("GET", path, who="bob").json
        seen += [one["id"] for one in page["items"]]
        if page["cursor"] is None:
            break
        path = f"/applications?limit=3&cursor={page['cursor']}"
    assert len(seen) == len(set(seen)) >= 7
    assert town.go("GET", "/applications?cursor=%27--", who="bob").status == 422
    assert town.go("GET", "/calls?cursor=1.2", who="rita").status == 422
    assert town.go("GET", "/ledger?cursor=x", who="olga").status == 422


def test_every_reason_has_its_page(town: Town) -> None:
    for reason in Reason:
        told = town.go("GET", f"/problems/{reason.slug}")
        assert told.json == {"code": str(reason), "title": reason.title, "status": reason.status,
                             "action": reason.action, "next": []}  # fmt: skip
    page = town.go("GET", f"/problems/{Reason.SCOPE_MISSING.slug}", Accept="text/html,*/*;q=0.1")
    assert page.kind == "text/html"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert b"<script" not in page.body
    assert town.go("GET", "/problems/nothing-of-ours").status == 404


def test_health_tells_no_more_than_yes_or_no(town: Town) -> None:
    heard = town.go("GET", "/health")
    assert heard.status == 200
    assert {"live": True, "ready": True}.items() <= heard.json.items()


def test_the_openapi_document_is_valid_and_names_every_endpoint(town: Town) -> None:
    from openapi_spec_validator import validate

    heard = town.go("GET", "/openapi.json")
    document = heard.json
    validate(document)
    assert document["openapi"].startswith("3.1")
    for endpoint in ENDPOINTS:
        operation = document["paths"][re.sub(r"<(\w+)>", r"{\1}", endpoint.path)][endpoint.method.lower()]
        assert operation["summary"] == endpoint.title
        assert str(endpoint.status) in operation["responses"]
        assert {"404", "422", "500"} <= set(operation["responses"])
        assert bool(operation["security"]) == (endpoint.who.value in ("person", "client"))
        assert ("requestBody" in operation) == (endpoint.body is not None)
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_the_openapi_document_says_what_fits_and_what_does_not() -> None:
    schemas = openapi.document("")["components"]["schemas"]
    register, facts = schemas["PeopleRegisterIn"]["properties"], schemas["DossiersFactsIn"]["properties"]
    assert (register["email"]["format"], register["email"]["maxLength"]) == ("email", 254)
    assert (register["password"]["minLength"], register["password"]["maxLength"]) == (SHORTEST, LONGEST)
    assert register["password"]["format"] == schemas["PeopleSignInIn"]["properties"]["password"]["format"] == "password"
    assert schemas["PeopleSignInIn"]["properties"]["password"]["minLength"] == 1
    assert facts["requested_scopes"]["maxProperties"] == 50
    assert "maxLength" not in facts["requested_scopes"]
    assert facts["redirect_uris"]["items"]["format"] == "uri"
    assert schemas["PeoplePersonOut"]["properties"]["email"]["format"] == "email"
    for name, schema in schemas.items():
        for member, told in schema.get("properties", {}).items() if name.endswith("In") else ():
            if told["type"] == "string" or (isinstance(told["type"], list) and "string" in told["type"]):
                assert {"enum", "format", "maxLength", "pattern"} & told.keys(), f"{name}.{member} has no bound"


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.body is not None], ids=lambda one: one.name)
def test_what_is_taken_fits_the_openapi_document(endpoint: Endpoint) -> None:
    assert endpoint.body is not None
    Draft202012Validator(compiled(endpoint.body).describe()).validate(good(endpoint.body))


def test_with_the_door_closed_strangers_may_only_answer_invitations(tmp_path_factory: pytest.TempPathFactory) -> None:
    closed = make_app(tmp_path_factory.mktemp("closed"), APIGUARD_ONBOARDING="invited")
    house = house_of(closed)
    client = closed.test_client()
    base = "/apiguard/api/v1"
    refused = client.post(base + "/people", json={"email": "new@new.example"})
    assert (refused.status_code, refused.json["code"]) == (403, str(Reason.API_FORBIDDEN))
    assert client.post(base + "/people/link", json={"email": "new@new.example"}).status_code == 202
    assert client.post(base + "/people/proof", json={"code": "none"}).status_code == 404
    assert client.post(base + "/people/invitation", json={"code": "none"}).status_code == 404
    house.close()


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action, self.fields, self.inline = "", [], False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self.action = told["action"] or ""
        if tag == "input":
            self.fields.append(told["name"])
        self.inline |= (tag == "script" and "src" not in told) or tag == "style" or "style" in told


def _page(town: Town, name: str) -> _Form:
    heard = town.go("GET", f"/apiguard/{name}")
    assert (heard.status, heard.kind) == (200, "text/html")
    policy = heard.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert heard.headers["Referrer-Policy"] == "no-referrer"
    form = _Form()
    form.feed(heard.body.decode())
    assert not form.inline
    return form


def _send(town: Town, form: _Form, **values: str) -> tuple[int, str]:
    heard = town.go("POST", form.action, data=urlencode(values).encode(), kind="application/x-www-form-urlencoded")
    assert "Set-Cookie" not in heard.headers
    return heard.status, heard.body.decode()


def test_the_links_in_mails_lead_to_pages_that_work_without_script(town: Town) -> None:
    assert town.go("POST", "/people", {"email": "zoe@zoe.example", "name": "Zoe <b>"}).status == 202
    code = town.mailed("zoe@zoe.example")
    form = _page(town, "prove")
    assert form.fields == ["code", "password"]
    status, text = _send(town, form, code=code)
    assert status == 200
    assert "Zoe &lt;b&gt;" in text
    token = re.search(r"acme_session_\w+", text)
    assert token is not None
    assert town.go("GET", "/me", who=token[0]).json["email"] == "zoe@zoe.example"
    assert _send(town, form, code=code)[0] == 404

    assert town.go("POST", "/people/link", {"email": "zoe@zoe.example"}).status == 202
    status, text = _send(town, _page(town, "sign-in"), code=town.mailed("zoe@zoe.example"))
    assert (status, "acme_session_" in text) == (200, True)

    body = {"email": "yan@yan.example", "seat": "developer"}
    assert town.go("POST", f"/organizations/{town.ids['ann_org']}/invitations", body, "ann").status == 201
    status, text = _send(town, _page(town, "invitation"), code=town.mailed("yan@yan.example"), name="Yan")
    assert (status, "acme_session_" in text) == (200, True)
    members = town.go("GET", f"/organizations/{town.ids['ann_org']}/members", who="ann").json["items"]
    assert ("Yan", "developer") in [(one["name"], one["seat"]) for one in members]


@pytest.mark.parametrize("name", ["code.js", "page.css"])
def test_what_the_pages_need_comes_from_here(town: Town, name: str) -> None:
    heard = town.go("GET", f"/apiguard/static/{name}")
    assert heard.status == 200
    assert heard.headers["X-Content-Type-Options"] == "nosniff"
