"""``coverage``: nothing is open or forgotten without somebody seeing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apiguard.cli.middleware import chain_of

from .conftest import Run
from .shop import make

pytestmark = pytest.mark.sqlite


def test_every_route_says_what_it_demands_or_why_not(told: Any, tmp_path: Path) -> None:
    found = told("coverage", "--path", str(tmp_path / "lock"))
    rows = {f"{row['method']} {row['route']}": row for row in found["routes"]}
    assert rows["GET /api/orders"]["scopes"] == ["orders:read"]
    assert rows["GET /api/orders"]["limits"] == ["1000/second"]
    assert rows["POST /api/orders"]["accepts"] == ["json: OrderIn"]
    assert (rows["GET /api/health"]["status"], rows["GET /api/health"]["why"]) == ("public", "health check")
    assert (rows["GET /api/refunds"]["scopes"], rows["GET /api/refunds"]["policies"]) == (["refunds:write"], ["by-day"])
    assert rows["GET /"]["status"] == "outside"


def test_each_blueprint_of_ours_is_one_line(run: Run, told: Any, tmp_path: Path) -> None:
    own = [row for row in told("coverage", "--path", str(tmp_path / "lock"))["routes"] if row["status"] == "own"]
    assert [(row["method"], row["endpoint"]) for row in own] == [("*", "apiguard_api.*")]
    assert own[0]["route"].startswith("/apiguard/")
    (line,) = [line for line in run("coverage").out.splitlines() if "apiguard_api" in line]
    assert "proves its callers itself" in line


def test_an_undeclared_route_is_a_finding_with_the_line_to_write(program: Run, tmp_path: Path) -> None:
    answer = program("coverage", "--suggest", "--path", str(tmp_path / "lock"), SHOP_HOLE="1")
    assert answer.status == 1
    assert "UNDECLARED" in answer.out
    assert '@require("hole:write")  # GET /api/hole, POST /api/hole, in shop.py:' in answer.out
    assert '@require("things:read")  # GET /api/things' in answer.out
    assert '@require("things:write")  # DELETE /api/things' in answer.out


def test_a_view_that_nobody_can_decorate_is_protected_by_name(tmp_path: Path) -> None:
    app = Flask("shop", instance_path=str(tmp_path), static_folder=None)
    from flask_apiguard import APIGuard

    APIGuard(app)
    app.add_url_rule("/files/<path:filename>", endpoint="files", view_func=app.send_static_file)
    answer = app.test_cli_runner().invoke(args=["apiguard", "coverage", "--suggest", "--path", str(tmp_path / "lock")])
    assert 'guard.protect("files", "files:read")  # GET /files/<path:filename>' in answer.stdout


def test_what_differs_from_the_committed_file_is_a_finding(app: Flask, run: Run, tmp_path: Path) -> None:
    lock = tmp_path / "apiguard.lock"
    assert run("coverage", "--lock", "--path", str(lock)).status == 0
    assert run("coverage", "--path", str(lock)).status == 0
    written = json.loads(lock.read_text())
    written["routes"]["GET /api/orders"]["scopes"] = ["orders:less"]
    written["routes"]["GET /api/gone"] = written["routes"].pop("GET /api/health")
    lock.write_text(json.dumps(written))
    answer = run("coverage", "--path", str(lock), "--json")
    assert answer.status == 1
    assert answer.json["drift"] == [
        "+ GET /api/health", "- GET /api/gone", "~ GET /api/orders: scopes ['orders:less'] -> ['orders:read']",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "was", "now"), [("sender_constrained", True, False), ("max_body", 4096, None)])
def test_whatever_a_route_demands_no_more_is_a_finding(
    app: Flask, run: Run, tmp_path: Path, name: str, was: object, now: object
) -> None:
    lock = tmp_path / "apiguard.lock"
    assert run("coverage", "--lock", "--path", str(lock)).status == 0
    written = json.loads(lock.read_text())
    written["routes"]["GET /api/orders"][name] = was
    lock.write_text(json.dumps(written))
    answer = run("coverage", "--path", str(lock), "--json")
    assert (answer.status, answer.json["drift"]) == (1, [f"~ GET /api/orders: {name} {was} -> {now}"])


def test_the_lock_file_stands_beside_the_app(app: Flask, told: Any, tmp_path: Path) -> None:
    app.root_path = str(tmp_path)
    assert told("coverage")["lock"] == str(tmp_path / "apiguard.lock")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    app.root_path = str(tmp_path / "package")
    assert told("coverage")["lock"] == str(tmp_path / "apiguard.lock")


@pytest.mark.parametrize("text", ["{", "[]", '{"routes": [1]}'])
def test_a_broken_lock_file_is_one_sentence(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "lock").write_text(text)
    answer = run("coverage", "--path", str(tmp_path / "lock"))
    assert answer.status == 2
    assert "no lock file" in answer.err


def test_contradicting_rules_are_said_and_not_raised(tmp_path: Path) -> None:
    from flask_apiguard import APIGuard

    app = Flask("shop", instance_path=str(tmp_path))
    guard = APIGuard(app)
    guard.public("static", "style sheets")
    guard.protect("static", "files:read")
    answer = app.test_cli_runner().invoke(args=["apiguard", "coverage"])
    assert answer.exit_code == 1
    assert "is public and has another rule" in answer.stderr


def layers(app: Any) -> list[tuple[str, bool, bool]]:
    return [(layer.name.rpartition(".")[2], layer.outside, bool(layer.warning)) for layer in chain_of(app)]


def test_the_chain_of_middleware_is_followed_and_what_passes_by_is_warned_of(app: Flask) -> None:
    assert layers(app) == [("Perimeter", False, False)]
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    assert layers(app) == [("ProxyFix", True, False), ("Perimeter", False, False)]

    def wrap(inner: Any) -> Any:
        def answering(environ: Any, start_response: Any) -> Any:
            return inner(environ, start_response)

        return answering

    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[method-assign]
    assert layers(app)[0] == ("answering", True, True)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/api/v0": wrap(None)})  # type: ignore[method-assign]
    assert "/api/v0" in chain_of(app)[0].warning
    assert [name for name, *_ in layers(app)] == ["DispatcherMiddleware", "answering", "ProxyFix", "Perimeter"]


def test_middleware_inside_the_perimeter_is_listed_and_a_bypass_there_warned_of(tmp_path: Path) -> None:
    app = Flask("shop", instance_path=str(tmp_path))
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/metrics": lambda environ, start: []})  # type: ignore[method-assign]
    from flask_apiguard import APIGuard

    APIGuard(app)
    assert layers(app) == [("Perimeter", False, False), ("DispatcherMiddleware", False, True)]


def test_a_perimeter_that_was_replaced_is_missed() -> None:
    app = make()
    app.wsgi_app = lambda environ, start: []  # type: ignore[method-assign]
    assert "not found" in chain_of(app)[-1].warning
