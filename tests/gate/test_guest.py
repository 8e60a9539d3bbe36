"""A guest in someone's house: beside other extensions, behind proxies, in any order, and without being noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask, Response, send_file
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_apiguard import APIGuard, current_caller, limit, public, require
from flask_apiguard.gate.gate import IN_VIEW
from flask_apiguard.testing import client_in, decisions

Init = Callable[[Flask], Any]


def make(tmp_path: Path, before: Init | None = None, after: Init | None = None, **options: Any) -> Flask:
    config = options.pop("config", {})
    app = Flask("guest", instance_path=str(tmp_path))
    app.config.update({"TESTING": True, "SECRET_KEY": "of the host", **config})
    if before is not None:
        before(app)
    APIGuard(app, paths=["/api"], brand="acme", **options)
    if after is not None:
        after(app)

    @app.route("/api/orders", methods=["GET", "POST"])
    @require("orders:read")
    def orders() -> dict[str, Any]:
        return {"client": bool(current_caller)}

    @app.get("/api/limited")
    @require("orders:read")
    @limit("2/hour")
    def limited() -> str:
        return "limited"

    @app.route("/form", methods=["POST"])
    def form() -> str:
        return "sent"

    @app.get("/api/health")
    @public("health")
    def health() -> str:
        return "fine"

    @app.get("/api/file")
    @require("orders:read")
    def file() -> Response:
        return send_file(__file__, mimetype="text/plain")

    return app


# -- beside other extensions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_csrf_protection_stays_the_hosts_for_its_routes(tmp_path: Path, when: str) -> None:
    app = make(tmp_path, **{when: CSRFProtect})
    assert app.test_client().post("/form").status_code == 400
    assert app.test_client().post("/api/orders").status_code == 401, "before the host's hooks"
    assert client_in(app, scopes=["orders:read"]).post("/api/orders").status_code == 400, "the host's word holds"


@pytest.mark.parametrize("when", ["before", "after"])
def test_peer_and_address_are_told_apart_on_both_sides_of_proxyfix(tmp_path: Path, when: str) -> None:
    def proxied(app: Flask) -> None:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]

    app = make(tmp_path, **{when: proxied})
    app.test_client().get("/api/health", headers={"X-Forwarded-For": "203.0.113.7"})
    (event,) = decisions(app)
    assert (event["peer"], event["address"]) == ("127.0.0.1", "203.0.113.7")


def test_refusals_are_not_rewritten_by_a_handler_of_everything(tmp_path: Path) -> None:
    def handler(app: Flask) -> None:
        for what in (Exception, 401, 403, 404, 405, 429):
            app.register_error_handler(what, lambda error: ("all is well", 200))

    app = make(tmp_path, before=handler)
    assert app.test_client().get("/api/orders").status_code == 401
    assert client_in(app).get("/api/orders").status_code == 403
    client = client_in(app, scopes=["orders:read"])
    assert [client.get("/api/limited").status_code for _ in range(3)] == [200, 200, 429]
    assert app.test_client().get("/nowhere").status_code == 200, "outside it is the host's"


@pytest.mark.parametrize("setting", ["TRAP_HTTP_EXCEPTIONS", "TRAP_BAD_REQUEST_ERRORS", "PROPAGATE_EXCEPTIONS"])
def test_trapped_exceptions_change_no_refusal(tmp_path: Path, setting: str) -> None:
    app = make(tmp_path, config={setting: True})
    assert app.test_client().get("/api/orders").status_code == 401
    assert app.test_client().get("/api/nowhere").status_code == 401
    assert client_in(app).get("/api/orders").status_code == 403


def test_a_refusal_inside_a_view_is_403_with_trapped_exceptions(tmp_path: Path) -> None:
    app = Flask("trapped", instance_path=str(tmp_path))
    app.config.update(TESTING=True, TRAP_HTTP_EXCEPTIONS=True)
    guard = APIGuard(app, brand="acme")

    @app.get("/refunds")
    @require("orders:read")
    def refunds() -> str:
        guard.authorize("refunds:write")
        return "never"

    assert client_in(app, scopes=["orders:read"]).get("/refunds").status_code == 403
    (event,) = decisions(app)
    assert (event["reason"], event["outcome"]) == ("gate:scope:missing", IN_VIEW)


def test_the_hosts_limiter_settings_are_not_ours(tmp_path: Path) -> None:
    config = {"RATELIMIT_DEFAULT": "1 per hour", "RATELIMIT_STORAGE_URI": "memory://", "RATELIMIT_ENABLED": True}
    app = make(tmp_path, config=config)
    client = client_in(app, scopes=["orders:read"])
    assert [client.get("/api/orders").status_code for _ in range(3)] == [200] * 3


def test_a_limiter_given_to_us_counts_our_limits_in_its_storage(tmp_path: Path) -> None:
    limiter = Limiter(get_remote_address, storage_uri="memory://", strategy="fixed-window", default_limits=[])
    app = make(tmp_path, before=limiter.init_app, limiter=limiter)
    client = client_in(app, scopes=["orders:read"])
    assert [client.get("/api/limited").status_code for _ in range(3)] == [200, 200, 429]
    assert any("apiguard/" in str(key) for key in limiter.storage.storage)
    limiter.reset()
    assert client.get("/api/limited").status_code == 200


def test_a_limiter_of_the_hosts_beside_us_still_limits_its_pages(tmp_path: Path) -> None:
    limiter = Limiter(get_remote_address, storage_uri="memory://", default_limits=["2 per hour"])
    app = make(tmp_path, before=limiter.init_app)
    assert [app.test_client().post("/form").status_code for _ in range(3)] == [200, 200, 429]
    assert [app.test_client().get("/api/orders").status_code for _ in range(3)] == [401] * 3


def test_migrations_of_the_host_leave_our_tables_alone(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from flask_apiguard import alembic_include_object
    from flask_apiguard.db import STATE

    engine = sa.create_engine(f"sqlite:///{tmp_path}/host.db")
    theirs = sa.MetaData()
    sa.Table("shop_order", theirs, sa.Column("id", sa.Integer, primary_key=True))
    theirs.create_all(engine)
    STATE.metadata.create_all(engine)
    with engine.connect() as conn:
        without = compare_metadata(MigrationContext.configure(conn), theirs)
        with_it = compare_metadata(
            MigrationContext.configure(conn, opts={"include_object": alembic_include_object}), theirs
        )
    engine.dispose()
    assert any("apiguard_" in str(difference) for difference in without)
    assert with_it == []


# -- apps as people write them -------------------------------------------------------------------------------------


def test_two_guarded_apps_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    guard = APIGuard(paths=["/api"], brand="acme")
    apps = []
    for name in ("one", "two"):
        app = Flask(name, instance_path=str(tmp_path / name))
        app.config["TESTING"] = True
        guard.init_app(app)
        app.add_url_rule("/api/me", "me", require("orders:read")(lambda: {"reference": current_caller.reference}))
        apps.append(app)
    one, two = (client_in(app, scopes=["orders:read"], reference=app.name) for app in apps)
    assert one.get("/api/me").json == {"reference": "one"}
    assert two.get("/api/me").json == {"reference": "two"}
    key = {"X-API-Key": one.key}
    assert apps[1].test_client().get("/api/me", headers=key).status_code == 401
    assert [len(decisions(app)) for app in apps] == [1, 2]


def test_one_view_decorated_once_serves_two_apps(tmp_path: Path) -> None:
    view = require("orders:read")(lambda: "served")
    for name in ("one", "two"):
        app = Flask(name, instance_path=str(tmp_path / name))
        app.config["TESTING"] = True
        APIGuard(app, brand="acme")
        app.add_url_rule("/x", "x", view)
        assert client_in(app, scopes=["orders:read"]).get("/x").text == "served"
        assert app.test_client().get("/x").status_code == 401


@pytest.mark.parametrize("named", ["outer", "inner"])
def test_a_nested_blueprint_is_protected_by_either_name(tmp_path: Path, named: str) -> None:
    app = Flask("nested", instance_path=str(tmp_path))
    app.config["TESTING"] = True
    guard = APIGuard(app, paths=["/api"], brand="acme")
    blueprints = {name: Blueprint(name, __name__, url_prefix=f"/{name}") for name in ("outer", "inner")}
    blueprints["inner"].add_url_rule("/x", "x", lambda: "x")
    guard.protect(blueprints[named], "orders:read")
    blueprints["outer"].register_blueprint(blueprints["inner"])
    app.register_blueprint(blueprints["outer"], url_prefix="/api")
    assert app.test_client().get("/api/x").status_code == 401
    assert client_in(app, scopes=["orders:read"]).get("/api/inner/x").text == "x"
    assert client_in(app).get("/api/inner/x").status_code == 403


def test_testing_may_be_set_after_init_app(tmp_path: Path) -> None:
    app = Flask("late", instance_path=str(tmp_path / "never"))
    APIGuard(app, paths=["/api"], brand="acme")
    app.add_url_rule("/api/x", "x", require("a:read")(lambda: "x"))
    app.testing = True
    assert client_in(app, scopes=["a:read"]).get("/api/x").text == "x"
    assert not (tmp_path / "never").exists(), "nothing of a test is left in the instance folder"


def test_init_app_opens_and_makes_nothing(tmp_path: Path) -> None:
    app = Flask("lazy", instance_path=str(tmp_path / "instance"))
    guard = APIGuard(app, paths=["/api"])
    guard.protect("x", "a:read")
    app.add_url_rule("/api/x", "x", lambda: "x")
    assert not (tmp_path / "instance").exists()


# -- answers as the server wants them ------------------------------------------------------------------------------


class FileWrapper:
    """Stands for a server's sendfile."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file = file

    def __iter__(self) -> Any:
        return iter(lambda: self.file.read(8192), b"")

    def close(self) -> None:
        self.file.close()


def test_a_file_stays_the_servers(tmp_path: Path) -> None:
    app = make(tmp_path)
    key = client_in(app, scopes=["orders:read"]).key
    for path in ("/api/file", "/api/orders"):
        environ = EnvironBuilder(path=path, headers={"X-API-Key": key}).get_environ()
        environ["wsgi.file_wrapper"] = FileWrapper
        body = app.wsgi_app(environ, lambda *_: lambda _: None)
        assert path != "/api/file" or isinstance(body, FileWrapper)
        assert type(body).__module__.split(".")[0] != "flask_apiguard", "known lengths are not wrapped"
        getattr(body, "close", lambda: None)()


def test_head_is_get_without_a_body(tmp_path: Path) -> None:
    app = make(tmp_path)
    client = client_in(app, scopes=["orders:read"])
    full, head = client.get("/api/orders"), client.head("/api/orders")
    assert (head.status_code, head.data, head.content_length) == (200, b"", full.content_length)
    assert [(event["method"], event["phase"]) for event in decisions(app)] == [("GET", "call"), ("HEAD", "call")]


def test_a_middleware_that_writes_as_in_old_days_loses_nothing(tmp_path: Path) -> None:
    app = make(tmp_path)
    inner = app.extensions["apiguard"].edge._app

    def old(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] not in ("/old", "/api/health"):
            return inner(environ, start_response)
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written, ")
        return [b"returned"]

    app.extensions["apiguard"].edge._app = old
    assert app.test_client().get("/old").data == b"written, returned"
    assert app.test_client().get("/api/health").data == b"written, returned"


def test_a_middleware_that_starts_late_is_waited_for(tmp_path: Path) -> None:
    app = make(tmp_path)
    closed: list[str] = []

    class Late:
        def __init__(self, environ: Any, start_response: Any) -> None:
            self.path, self.start, self.left = environ["PATH_INFO"], start_response, [b"one", b"two"]

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> bytes:
            if len(self.left) == 2:
                self.start("202 ACCEPTED", [])
            if not self.left:
                raise StopIteration
            return self.left.pop(0)

        def close(self) -> None:
            closed.append(self.path)

    app.extensions["apiguard"].edge._app = Late
    for path in ("/old", "/api/health"):
        body, status, _ = run_wsgi_app(app, EnvironBuilder(path=path).get_environ(), buffered=True)
        assert (status, b"".join(body)) == ("202 ACCEPTED", b"onetwo")
    assert closed == ["/old", "/api/health"]


def test_a_stream_has_two_records_and_a_long_poll_one(tmp_path: Path) -> None:
    app = make(tmp_path)

    @app.get("/api/events")
    @require("orders:read")
    def events() -> Response:
        return Response((f"data: {number}\n\n" for number in range(3)), mimetype="text/event-stream")

    answer = client_in(app, scopes=["orders:read"]).get("/api/events")
    assert answer.text.count("data:") == 3
    answer.close()
    assert [(event["phase"], event["outcome"]) for event in decisions(app)] == [("opened", ""), ("closed", "complete")]
