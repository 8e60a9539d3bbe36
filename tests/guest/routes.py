"""One representative request for each route and method of the shop, and what it answers: to be compared before and
after adopting an extension.

The calls are made in the order given (what is uploaded is downloaded later; what is deleted goes last), so `collect`
wants an app with freshly seeded data. Every call has a client of its own, which behaves as a browser does: it signs in
through the login page, keeps cookies, sends `Origin`, and takes CSRF tokens out of the pages.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

PASSWORD = "correct horse"
SHIPMENT = "00000000-0000-4000-8000-000000000001"
PEOPLE = {"alice": "alice@north.example", "root": "root@north.example"}
API = "/api/v1"


@dataclass(frozen=True)
class Call:
    """method, url and `kwargs` as `FlaskClient.open` takes them; `needs_login`: "" or a key of `PEOPLE`."""

    method: str
    url: str
    needs_login: str = ""
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method} {self.url}"


@dataclass(frozen=True)
class Answer:
    """What is compared: status, media type, where a redirect leads, and the digest of the body without its changing
    parts (CSRF tokens, times, random ids)."""

    status: int
    mimetype: str
    location: str
    digest: str


def calls() -> list[Call]:
    """At least one call for every route and method, then some that match none."""
    return [*_pages(), *_api_reads(), *_api_writes(), *_webhooks(), *_deletions(), *_unmatched()]


def _pages() -> Iterator[Call]:
    for url in ("/", "/login", "/healthz", "/readyz", "/whoami", "/robots.txt", "/my-orders", "/static/board.js"):
        yield Call("GET", url)
    yield Call("GET", "/t/north/")
    yield Call("GET", "/t/north/products/NB-0001")
    yield Call("POST", "/t/north/cart", kwargs={"data": {"sku": "NB-0001"}})
    yield Call("POST", "/login", kwargs={"data": {"email": PEOPLE["alice"], "password": PASSWORD}})
    for url in ("/dashboard", "/orders", "/orders/2", "/orders/print", "/board", "/profile"):
        yield Call("GET", url, "alice")
    yield Call("POST", "/profile", "alice", {"data": {"name": "Alice", "email": PEOPLE["alice"]}})
    yield Call("POST", "/profile/password", "alice", {"data": {"current": "wrong", "new": "x" * 12, "again": "x" * 12}})
    yield Call("POST", "/preferences", "alice", {"json": {"theme": "dark"}})
    yield Call("POST", "/logout", "alice")


def _api_reads() -> Iterator[Call]:
    for path in ("/ping", "/schema", "/changes"):
        yield Call("GET", API + path)
    yield Call("OPTIONS", f"{API}/schema")
    yield Call("GET", f"{API}/broken", "alice", {"query_string": {"empty": ""}})
    own = ("/me", "/account", "/orders", "/orders?limit=3&page=2", "/orders/2", "/orders/2/invoice")
    days = ("/orders/by-day/2026-03-02", "/orders/export.csv")
    moving = ("/shipments", "/shipments/stream?rounds=1", "/shipments/states", f"/shipments/{SHIPMENT}")
    rest = ("/customers/", "/customers/1", "/north/reports", "/north/reports/1")
    goods = ("/catalogue/products/", "/catalogue/products/nb-0001", "/catalogue/tree", "/catalogue/tree/a/b")
    for path in own + days + moving + rest + goods:
        yield Call("GET", API + path, "alice")
    for path in ("/admin/stats", "/admin/users", "/admin/settings/page_size", "/admin/settings/nothing"):
        yield Call("GET", API + path, "root")


def _api_writes() -> Iterator[Call]:
    yield Call("POST", f"{API}/echo", "alice", {"data": b"\x00\x01", "content_type": "application/octet-stream"})
    yield Call("PUT", f"{API}/echo", "alice", {"data": b"text", "content_type": "text/plain"})
    yield Call("POST", f"{API}/orders", "alice", {"json": {"customer": 1, "sku": "NB-0001", "quantity": 2}})
    yield Call("PATCH", f"{API}/orders/2", "alice", {"json": {"note": "leave at the door"}})
    yield Call("POST", f"{API}/orders/3/cancel", "alice")
    yield Call("POST", f"{API}/shipments", "alice", {"json": {"order_id": 2, "carrier": "Swift"}})
    yield Call("PATCH", f"{API}/shipments/{SHIPMENT}", "alice", {"json": {"status": "delivered"}})
    document = {"data": {"file": (io.BytesIO(b"delivered"), "proof.txt")}, "content_type": "multipart/form-data"}
    yield Call("POST", f"{API}/shipments/{SHIPMENT}/documents", "alice", document)
    yield Call("GET", f"{API}/shipments/documents/1", "alice")
    yield Call("POST", f"{API}/customers/", "alice", {"json": {"name": "New", "email": "new@mail.example"}})
    yield Call("PATCH", f"{API}/customers/1", "alice", {"json": {"name": "Zoë's Bakery"}})
    yield Call("PUT", f"{API}/customers/1/tags", "alice", {"json": {"tags": ["gold"]}})
    yield Call("POST", f"{API}/north/reports", "alice", {"json": {"kind": "sales"}})
    yield Call("POST", f"{API}/admin/customers/1/lock", "root")


def _webhooks() -> Iterator[Call]:
    def signed(url: str, secret: str, body: bytes, content_type: str = "application/json") -> Call:
        headers = {"X-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
        return Call("POST", url, kwargs={"data": body, "content_type": content_type, "headers": headers})

    news = f'{{"ref": "{SHIPMENT}", "status": "delivered"}}'.encode()
    yield signed("/webhooks/carrier", "carrier-secret", news)
    yield signed("/webhooks/payments", "payments-secret", b"order=4", "application/x-www-form-urlencoded")
    yield signed(f"{API}/hooks/stock", "stock-secret", b'{"PN-0002": 5}')


def _deletions() -> Iterator[Call]:
    yield Call("DELETE", f"{API}/orders/8", "alice")
    yield Call("DELETE", f"{API}/orders/1", "alice")
    yield Call("DELETE", f"{API}/customers/4", "alice")
    yield Call("DELETE", f"{API}/north/reports/1", "alice")


def _unmatched() -> Iterator[Call]:
    yield Call("HEAD", f"{API}/orders", "alice")
    yield Call("OPTIONS", f"{API}/orders")
    yield Call("GET", f"{API}/orders/9", "alice")
    yield Call("GET", f"{API}/customers", "alice")
    yield Call("GET", f"{API}/shipments/", "alice")
    yield Call("GET", f"{API}/nowhere", "alice")
    yield Call("GET", f"{API}/elsewhere/reports/1", "alice")
    yield Call("PUT", f"{API}/orders/2", "alice")
    yield Call("GET", "/nowhere")
    yield Call("DELETE", "/dashboard", "alice")
    yield Call("GET", "/dashboard?page=1")
    yield Call("GET", "/t/elsewhere/")


def collect(app: Flask, only: Iterable[Call] | None = None, *, sign_in: bool = True) -> dict[str, Answer]:
    """The answer to each call, by `Call.name` (" as a stranger" added to it when the call needs a login that is not
    made). With `sign_in=False` nobody signs in."""
    found: dict[str, Answer] = {}
    for call in calls() if only is None else only:
        signs_in = bool(call.needs_login) and sign_in
        name = call.name if signs_in == bool(call.needs_login) else f"{call.name} as a stranger"
        client = app.test_client()
        if signs_in:
            sign(client, call.needs_login)
        found[name] = ask(client, call, signs_in)
    return found


def sign(client: FlaskClient, who: str) -> None:
    """Sign in through the login page."""
    data = {"email": PEOPLE[who], "password": PASSWORD}
    answer = client.post("/login", data=data, headers=_token(client, "/login"))
    assert answer.status_code == 302, answer.status


def ask(client: FlaskClient, call: Call, signed_in: bool) -> Answer:
    kwargs = dict(call.kwargs)
    headers = dict(kwargs.pop("headers", {}))
    if call.method not in {"GET", "HEAD", "OPTIONS"} and signed_in:
        headers |= {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    if call.method == "POST" and not call.url.startswith(API):
        headers |= _token(client, "/board" if signed_in else "/login")
    with client.open(call.url, method=call.method, headers=headers, **kwargs) as answer:
        digest = hashlib.sha256(without_changing_parts(answer.get_data())).hexdigest()[:16]
        return Answer(answer.status_code, answer.mimetype or "", plain(answer.headers.get("Location", "")), digest)


def _token(client: FlaskClient, page: str) -> dict[str, str]:
    """The CSRF token of a page, as the header our scripts send it in."""
    if not client.application.config["WTF_CSRF_ENABLED"]:
        return {}
    found = re.search(rb'name="csrf[-_]token"[^>]*(?:value|content)="([^"]+)"', client.get(page).get_data())
    return {"X-CSRFToken": found.group(1).decode()} if found else {}


CHANGING = (
    (re.compile(rb'(name="csrf[-_]token"[^>]*(?:value|content)=")[^"]+'), rb"\1TOKEN"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), b"TIME"),
    (re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), b"UUID"),
)


def without_changing_parts(body: bytes) -> bytes:
    for pattern, instead in CHANGING:
        body = pattern.sub(instead, body)
    return body


def plain(location: str) -> str:
    return without_changing_parts(location.encode()).decode()


def differences(
    before: Mapping[str, Answer], after: Mapping[str, Answer]
) -> dict[str, tuple[Answer | None, Answer | None]]:
    """The calls which are not answered as before."""
    names = [*before, *(name for name in after if name not in before)]
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def table(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> str:
    """Both as a Markdown table: request, before, after, same or not."""
    lines = ["| request | before | after | body |", "|---|---|---|---|"]
    for name, old in before.items():
        new = after.get(name)
        status, same = (new.status, "same" if old.digest == new.digest else "differs") if new else ("none", "")
        lines.append(f"| `{name}` | {old.status} | {status} | {same} |")
    return "\n".join(lines)


def uncovered(app: Flask) -> set[tuple[str, str]]:
    """(method, endpoint) of the shop which no call reaches; HEAD, automatic OPTIONS, and what a guest brings, aside."""
    adapter = app.url_map.bind("localhost")
    reached = set()
    for call in calls():
        with contextlib.suppress(HTTPException, RequestRedirect):  # those that match none are there on purpose
            reached.add((call.method, adapter.match(call.url.partition("?")[0], call.method)[0]))
    rules = [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("apiguard")]
    every = {(method, rule.endpoint) for rule in rules for method in rule.methods or ()}
    return {(method, endpoint) for method, endpoint in every - reached if method not in {"HEAD", "OPTIONS"}}
