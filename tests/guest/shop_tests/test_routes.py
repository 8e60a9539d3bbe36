"""The table of representative requests is whole, repeatable, and tells when an answer changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import routes
from flask import Flask


def test_every_route_and_method_is_in_the_table(app: Flask) -> None:
    assert routes.uncovered(app) == set()
    assert len(app.url_map._rules_by_endpoint) > 40


@pytest.mark.parametrize("csrf", [False, True])
def test_the_answers_are_the_same_each_time(make_app: Callable[..., Flask], csrf: bool) -> None:
    before = routes.collect(make_app(WTF_CSRF_ENABLED=csrf))
    after = routes.collect(make_app(WTF_CSRF_ENABLED=csrf))
    assert routes.differences(before, after) == {}
    assert len(before) == len(routes.calls())


def test_a_signed_in_person_is_answered_well(app: Flask) -> None:
    bad = {name: answer.status for name, answer in routes.collect(app).items() if answer.status >= 400}
    assert bad == {
        "POST /profile/password": 422,
        "GET /api/v1/broken": 500,
        "DELETE /api/v1/orders/1": 409,
        "GET /api/v1/orders/9": 404,
        "GET /api/v1/nowhere": 404,
        "GET /api/v1/elsewhere/reports/1": 404,
        "PUT /api/v1/orders/2": 405,
        "GET /nowhere": 404,
        "DELETE /dashboard": 405,
        "GET /t/elsewhere/": 404,
    }


def test_a_stranger_reads_nothing_of_a_tenant(app: Flask) -> None:
    found = routes.collect(app, [call for call in routes.calls() if call.needs_login], sign_in=False)
    opened = {name for name, answer in found.items() if answer.status < 300 and "/admin/" not in name}
    assert opened == set()


def test_a_changed_answer_is_told(make_app: Callable[..., Flask]) -> None:
    other = make_app()
    other.view_functions["healthz"] = lambda: ("fine", 200, {"Content-Type": "text/plain"})
    only = [call for call in routes.calls() if call.url in {"/healthz", "/whoami"}]
    before, after = routes.collect(make_app(), only), routes.collect(other, only)
    assert list(routes.differences(before, after)) == ["GET /healthz"]
    assert "| `GET /healthz` | 200 | 200 | differs |" in routes.table(before, after)
    assert "| `GET /whoami` | 200 | 200 | same |" in routes.table(before, after)
