"""The bare app and the guarded one. The views are the same functions; what differs is the extension."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Flask, request

from flask_apiguard import APIGuard, accepts, access, limit, require, returns
from flask_apiguard.clients import registry
from flask_apiguard.extension import house_of
from flask_apiguard.house import House
from flask_apiguard.values import SYSTEM, Environment, State

from .measure import Variant
from .sample import CHECKED_PATH, OUTSIDE_PATH, PATH, Caller, OrderSchema, environ

SCOPES = {"orders:write": "Create and change your orders", "reports:read": "See reports"}
ROLE = "partner"
PLENTY = "100000000/minute"
BARE = "bare Flask"
BY_HAND = "bare Flask, marshmallow load and dump by hand"
GATE = "this gate, no schema"
SHIPPED = "this gate, no schema, shipping of its records included"
CHECKED = "this gate, marshmallow both ways"
UNSHAPED = "this gate, no token: 401"
SCOPELESS = "this gate, wrong scope: 403"
FORGED = "this gate, unknown key: 401"
OUTSIDE = "guarded app, route outside its paths"


def echo() -> Any:
    """Read JSON, answer with it."""
    return request.get_json()


def bare_variants(callers: int) -> list[Variant]:
    """Flask as it comes, and with a schema by hand; sent what as many clients send, as the guarded routes are."""
    app, schema = Flask("bare"), OrderSchema()
    app.post(PATH)(echo)

    @app.post(CHECKED_PATH)
    def by_hand() -> Any:
        return schema.dump(schema.load(request.get_json()))

    secrets = [f"nobody_asks_for_this_{number:022}" for number in range(callers)]
    plain, checked = ([environ(path, bearer(one)) for one in secrets] for path in (PATH, CHECKED_PATH))
    return [Caller(app, plain).variant(BARE), Caller(app, checked).variant(BY_HAND)]


def guarded_app(folder: Path, **config: Any) -> Flask:
    """Everything on, every setting at its default; the stores lie in ``folder``."""
    app = Flask("guarded", instance_path=str(folder))
    app.config.from_mapping(config)
    APIGuard(app, paths=["/api"], scopes=SCOPES)

    @app.post(PATH, endpoint="echo")
    @require("orders:write", roles=[ROLE])
    @limit(PLENTY)
    def guarded_echo() -> Any:
        return request.get_json()

    @app.post(CHECKED_PATH)
    @require("orders:write", roles=[ROLE])
    @limit(PLENTY)
    @accepts(OrderSchema, into="order")
    @returns(OrderSchema)
    def checked(order: dict[str, Any]) -> Any:
        return order

    app.post(OUTSIDE_PATH, endpoint="outside")(echo)
    return app


def keys_of(house: House, count: int, scope: str, roles: Sequence[str] = ()) -> list[str]:
    """API keys of as many applications, in production, each with one scope and these roles."""
    made = []
    with house.store.write() as tx:
        for role in roles:
            access.put_role(tx, SYSTEM, access.Role(role, scopes=frozenset({scope})))
        owner = registry.create_organization(tx, SYSTEM, "Acme")
        for number in range(count):
            application = registry.create_application(
                tx, SYSTEM, owner.id, f"Pay {number}", state=State.PRODUCTION, reason="a benchmark"
            )
            client = registry.create_client(tx, SYSTEM, application.id, Environment.PRODUCTION)
            access.give(tx, SYSTEM, application.id, Environment.PRODUCTION, [scope], reason="a benchmark")
            if roles:
                access.set_roles(tx, SYSTEM, client.id, roles, "a benchmark")
            made.append(house.keys.create(tx, SYSTEM, client.id, name="benchmark", reason="a benchmark")[1])
    return made


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def gate_variants(folder: Path, callers: int) -> list[Variant]:
    """The guarded app's routes, called by ``callers`` clients in turn; and its refusals."""
    app = guarded_app(folder)
    house = house_of(app)
    keys = keys_of(house, callers, "orders:write", [ROLE])
    reader = keys_of(house, 1, "reports:read")[0]
    # Of good form and nobody's: it costs a look into the store. Beyond the throttle's bound the status is 429.
    nobodys = house.format.make_key(Environment.PRODUCTION).text
    plain, checked = ([environ(path, bearer(key)) for key in keys] for path in (PATH, CHECKED_PATH))
    settle = house.recorder.settle

    def variant(name: str, environs: list[dict[str, Any]], *statuses: int, with_settle: bool = False) -> Variant:
        return Caller(app, environs, statuses or (200,)).variant(name, settle, with_settle)

    return [
        variant(GATE, plain),
        variant(SHIPPED, plain, with_settle=True),
        variant(CHECKED, checked),
        variant(UNSHAPED, [environ(PATH)], 401),
        variant(SCOPELESS, [environ(PATH, bearer(reader))], 403),
        variant(FORGED, [environ(PATH, bearer(nobodys))], 401, 429),
        variant(OUTSIDE, [environ(OUTSIDE_PATH)]),
    ]
