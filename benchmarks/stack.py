"""The full peer stack: one library for each thing that this gate does, put together as their documentations say."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask, request
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from . import peers
from .measure import Variant
from .peers import PLENTY, jwt_app, smorest_config
from .sample import PATH, Caller, OrderSchema, environ

STACK = "full peer stack, no audit row"
STACK_AUDIT = "full peer stack, audit row in SQLite (WAL)"

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
"""
#: What a small API would write down for its partners, its staff and its reporting.
POLICIES = [
    *(("reporting", f"/api/{noun}", "GET") for noun in ("orders", "shipments", "customers", "invoices")),
    *(("partner", f"/api/{noun}", act) for noun in ("shipments", "orders") for act in ("GET", "POST")),
    *(("staff", f"/api/{noun}", "POST") for noun in ("customers", "invoices")),
]


def stack(folder: Path, callers: int, audited: bool = False) -> list[Variant]:
    """Everything that this gate does, by one library for each thing."""
    import casbin
    from flask_jwt_extended import get_jwt, get_jwt_identity, jwt_required
    from flask_limiter import Limiter
    from flask_smorest import Api, Blueprint, abort

    app, manager, headers = jwt_app(callers)
    smorest_config(app)
    revoked: set[str] = set()
    manager.token_in_blocklist_loader(lambda header, payload: payload["jti"] in revoked)
    made = Limiter(get_jwt_identity, app=app, storage_uri="memory://", strategy="moving-window", headers_enabled=True)
    enforcer = _enforcer(casbin)
    blueprint = Blueprint("orders", "orders")

    @blueprint.route(PATH, methods=["POST"])
    @jwt_required()
    @made.limit(PLENTY)
    @blueprint.arguments(OrderSchema)
    @blueprint.response(200, OrderSchema)
    def create(order: Any) -> Any:
        if not enforcer.enforce(get_jwt()["role"], request.path, request.method):
            abort(403)
        return order

    Api(app).register_blueprint(blueprint)
    _log(app, folder)
    if audited:
        _audit(app, folder)
    name = STACK_AUDIT if audited else STACK
    return [Caller(app, [environ(PATH, one) for one in headers]).variant(name)]


def stack_with_audit(folder: Path, callers: int) -> list[Variant]:
    return stack(folder, callers, audited=True)


def _enforcer(casbin: Any) -> Any:
    model = casbin.Model()
    model.load_model_from_text(MODEL)
    enforcer = casbin.Enforcer(model)
    for policy in POLICIES:
        enforcer.add_policy(*policy)
    return enforcer


def _log(app: Flask, folder: Path) -> None:
    """One line of JSON for each request, into a file."""
    from flask_jwt_extended import get_jwt_identity
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.FileHandler(folder / f"{uuid4().hex}.log")
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger(f"peer.{uuid4().hex}")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)

    @app.after_request
    def log(response: Any) -> Any:
        logger.info("request", extra={
            "id": uuid4().hex, "caller": get_jwt_identity(), "method": request.method, "path": request.path,
            "endpoint": request.endpoint, "status": response.status_code, "address": request.remote_addr,
            "agent": request.user_agent.string, "bytes_in": request.content_length,
            "bytes_out": response.content_length,
        })  # fmt: skip
        return response


class Base(DeclarativeBase):
    """What the peer stack keeps."""


class Audit(Base):
    """One request."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    request_id: Mapped[str]
    caller: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    endpoint: Mapped[str]
    status: Mapped[int]
    address: Mapped[str]
    agent: Mapped[str]


def _audit(app: Flask, folder: Path) -> None:
    """One row for each request, committed before the answer goes."""
    from flask_jwt_extended import get_jwt_identity

    engine = sa.create_engine(f"sqlite:///{folder}/{uuid4().hex}.db")

    @sa.event.listens_for(engine, "connect")
    def pragmas(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    Base.metadata.create_all(engine)
    make_session = sessionmaker(engine)

    @app.after_request
    def audit(response: Any) -> Any:
        with make_session() as session:
            session.add(
                Audit(
                    at=dt.datetime.now(dt.UTC), request_id=uuid4().hex, caller=get_jwt_identity(),
                    method=request.method, path=request.path, endpoint=request.endpoint, status=response.status_code,
                    address=request.remote_addr, agent=request.user_agent.string,
                )
            )  # fmt: skip
            session.commit()
        return response


Make = Callable[[Path, int], list[Variant]]
#: What makes each group of rows, the rows, and the modules that it needs.
_STACK = ("flask_jwt_extended", "flask_limiter", "flask_smorest", "casbin", "pythonjsonlogger")
PEERS: Sequence[tuple[Make, tuple[str, ...], tuple[str, ...]]] = (
    (peers.jwt_extended, (peers.JWT, peers.JWT_REFUSAL), ("flask_jwt_extended",)),
    (peers.authlib_opaque, (peers.OPAQUE,), ("authlib", "flask_sqlalchemy")),
    (peers.authlib_rfc_9068, (peers.RFC_9068,), ("authlib",)),
    (peers.limiter, (peers.LIMITER,), ("flask_limiter",)),
    (peers.smorest, (peers.SMOREST,), ("flask_smorest",)),
    (stack, (STACK,), _STACK),
    (stack_with_audit, (STACK_AUDIT,), _STACK),
)


def peer_variants(folder: Path, callers: int) -> tuple[list[Variant], list[str]]:
    """The peers that are installed, and the rows of those that are not."""
    made: list[Variant] = []
    absent: list[str] = []
    for make, rows, modules in PEERS:
        if all(find_spec(module) for module in modules):
            made += make(folder, callers)
        else:
            absent += rows
    return made, absent
