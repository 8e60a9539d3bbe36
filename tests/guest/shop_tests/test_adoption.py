"""What an adoption changes, route by route: nothing for those who were let in, everything for strangers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import adoption as written
import pytest
import routes
from flask import Flask
from routes import API, Answer, Call
from shop import create_app

from flask_apiguard.testing import client_in, decisions
from shop_tests.conftest import close, filled

SCOPES = [f"shop:{room}" for room in ("orders", "shipments", "customers", "reports", "catalogue", "office")]
TABLE = Path(__file__).parents[3] / "docs" / "guest-table.md"
#: Inside the paths and open: what strangers get there must not change.
OPEN = {
    f"GET {API}/ping", f"GET {API}/schema", f"OPTIONS {API}/schema", f"GET {API}/changes", f"POST {API}/hooks/stock",
}  # fmt: skip
#: What only the host itself can say to a client: its own name for a person, its own administrators.
OTHERWISE = {f"GET {API}/me", f"GET {API}/account"}
#: Said in each answer anew.
CHANGING = {"x-request-seconds", "set-cookie", "date", "content-length"}
Make = Callable[[bool], Flask]


@pytest.fixture
def make(settings: Mapping[str, Any], tmp_path: Path) -> Iterator[Make]:
    """`make(adopted)`: the shop with its CSRF protection, freshly filled."""
    apps: list[Flask] = []

    def made(adopted: bool) -> Flask:
        folder = str(tmp_path / f"instance{len(apps)}")
        own = {**settings, "INSTANCE_PATH": folder, "WTF_CSRF_ENABLED": True}
        apps.append(filled(create_app(own, written.adopt if adopted else None)))
        return apps[-1]

    yield made
    for app in apps:
        close(app)


def with_key(app: Flask) -> dict[str, Answer]:
    """The answers to a client that holds every scope, on behalf of the tenant that its reference names."""
    client = client_in(app, scopes=SCOPES, reference="north")
    client._cookies.clear()
    return {call.name: routes.ask(client, call, False) for call in inside()}


def inside() -> list[Call]:
    return [call for call in routes.calls() if call.url.startswith(API)]


def named(found: Mapping[str, Answer]) -> dict[str, Answer]:
    return {name.removesuffix(" as a stranger"): answer for name, answer in found.items()}


def test_the_adoption_takes_thirty_lines_at_most() -> None:
    assert len(Path(written.__file__).read_text().splitlines()) <= 30


def test_nothing_changes_for_those_who_signed_in(make: Make) -> None:
    before, after = routes.collect(make(False)), routes.collect(make(True))
    assert set(routes.differences(before, after)) == {f"OPTIONS {API}/orders"}, "nobody signs in for that one"
    assert len(before) == len(routes.calls())


def test_strangers_are_refused_inside_and_nowhere_else(make: Make) -> None:
    before, after = (named(routes.collect(make(adopted), sign_in=False)) for adopted in (False, True))
    changed = set(routes.differences(before, after))
    assert changed == {call.name for call in inside()} - OPEN
    assert {(after[name].status, after[name].mimetype) for name in changed} == {(401, "application/problem+json")}


def test_a_client_with_a_key_is_answered_as_its_tenant_is(make: Make) -> None:
    before = named(routes.collect(make(False), inside()))
    after = with_key(make(True))
    differing = routes.differences(before, after)
    unmatched = {call.name for call in inside() if before[call.name].status in (404, 405)}
    office = {name for name in before if "/admin/" in name}
    assert set(differing) <= OTHERWISE | unmatched | office
    assert {name: after[name].status for name in differing} == {name: before[name].status for name in differing}, (
        "only what is said differs, never whether"
    )
    well = set(before) - unmatched - {f"GET {API}/broken", f"DELETE {API}/orders/1"}
    assert {after[name].status for name in well} <= {200, 201, 202, 204, 308}


def headers_of(app: Flask, call: Call) -> dict[str, list[str]]:
    client = app.test_client()
    if call.needs_login:
        routes.sign(client, call.needs_login)
    with client.open(call.url, method=call.method, headers={"Origin": "http://localhost"}) as answer:
        names = {name.lower() for name, _ in answer.headers}
        return {name: [] if name in CHANGING else sorted(answer.headers.getlist(name)) for name in names}


def test_no_header_is_added_outside_and_one_inside(make: Make) -> None:
    plain, adopted = make(False), make(True)
    for call in routes.calls():
        if call.method == "GET" and "/broken" not in call.url and "stream" not in call.url:
            before, after = headers_of(plain, call), headers_of(adopted, call)
            if call.url.startswith(API):
                assert len(after.pop("x-request-id")) == 1, call.name
            assert after == before, call.name


def test_outside_nothing_is_on_record(make: Make) -> None:
    app = make(True)
    routes.collect(app)
    seen = decisions(app)
    assert seen
    assert {event["path"][: len(API)] for event in seen} == {API}
    assert {event["allowed"] for event in seen if event["first_party"]} == {True}


def table(make: Make) -> str:
    plain, adopted = make(False), make(True)
    strangers = [named(routes.collect(app, sign_in=False)) for app in (plain, adopted)]
    people = [routes.collect(app) for app in (make(False), make(True))]
    keys = with_key(make(True))
    lines = [
        "# A shop before and after its adoption",
        "",
        "One request for each route of the app in `tests/guest/shop`, before and after the lines of",
        '`tests/guest/adoption.py`. "Same" says that status, media type, redirect and body are as before.',
        "",
        "| request | stranger | signed in | with a key |",
        "|---|---|---|---|",
    ]
    for call in routes.calls():
        cells = [cell(*(found[call.name] for found in pair)) for pair in (strangers, people)]
        cells.append(str(keys[call.name].status) if call.name in keys else "")
        lines.append(f"| `{call.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(before: Answer, after: Answer) -> str:
    if before == after:
        return f"{before.status}, same"
    return f"{before.status} before, {after.status} after"


def test_the_table_in_the_documentation_is_the_truth(make: Make) -> None:
    """Written anew when it is gone; fails when it drifted."""
    found = table(make)
    if not TABLE.exists():
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(found)
    assert TABLE.read_text() == found, f"delete {TABLE.name} and run this test to write it anew"
