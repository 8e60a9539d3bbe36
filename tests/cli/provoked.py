"""For each kind of finding an app in which it is found: settings, and what is done to it before it is looked at."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from joserfc import jwk
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apiguard import alembic_include_object, require
from flask_apiguard.cli.common import operator
from flask_apiguard.cli.findings import Kind
from flask_apiguard.clients import registry
from flask_apiguard.events.spool import SUFFIX
from flask_apiguard.ledger import enter
from flask_apiguard.oauth.certificate_names import KnownBy
from flask_apiguard.oauth.client_certificates import add_certificate, by_name
from flask_apiguard.oauth.public_keys import add_key
from flask_apiguard.oauth.signing_table import signing_key
from flask_apiguard.quotas.plans import put_plan
from flask_apiguard.settings import Setting, Settings, text
from flask_apiguard.values import Environment, Happening

SECRET = "tVq3-9sXo0_kfPz7LwJ2mYbN6aRcE1uHgD4iT8eW5nS"
ISSUER = "https://api.example.org"
DAY = 86400
WHY = "as a test wants it"


def nothing(app: Flask) -> None:
    """The settings say it all."""


@dataclass(frozen=True)
class Provoked:
    """How a finding is provoked. ``shut``: the stores are left as they are."""

    config: Mapping[str, Any] = field(default_factory=dict)
    change: Callable[[Flask], object] = nothing
    shut: bool = False


def house_of(app: Flask) -> Any:
    return app.extensions["apiguard"]


# -- what is done to an app --------------------------------------------------------------------------------------------


def fixed(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]


def fixed_twice(app: Flask) -> None:
    fixed(app)
    fixed(app)


def wrapped(app: Flask) -> None:
    inner = app.wsgi_app
    app.wsgi_app = lambda environ, start: inner(environ, start)  # type: ignore[method-assign]


def fixed_inside(app: Flask) -> None:
    fixed(app)
    wrapped(app)


def readable(app: Flask) -> None:
    house_of(app).secrets.key("any")
    (Path(app.instance_path) / "apiguard.secret").chmod(0o644)


def with_demo(app: Flask) -> None:
    house = house_of(app)
    demo: Setting[str] = Setting("APIGUARD_DEMO", "a", text, "For a demo.", demo_only=True)
    values = {"APIGUARD_DEMO": "a"}
    values |= {one.name: house.settings[one] for one in house.settings.declared}
    sources = {one.name: house.settings.source(one) for one in house.settings.declared} | {"APIGUARD_DEMO": "default"}
    house.settings = Settings(values, sources, [*house.settings.declared, demo])


def unspoken(app: Flask) -> None:
    app.add_url_rule("/api/hole", "hole", lambda: "nobody spoke for me")


def misspelt(app: Flask) -> None:
    app.add_url_rule("/api/typo", "typo", require(any_of=["orders:raed", "orders:read"])(lambda: "typo"))


def observed(app: Flask) -> None:
    guard = house_of(app)
    from flask_apiguard.rules.rule import Mode, Rule
    from flask_apiguard.rules.targets import Entry

    guard.options.entries.append(Entry("orders", Rule(mode=Mode.OBSERVE, sources=("mode",))))


def protected(app: Flask) -> None:
    CSRFProtect(app)


def exempt(app: Flask) -> None:
    CSRFProtect(app).exempt(app.view_functions["create"])


def in_exempt_blueprint(app: Flask, named: bool = False) -> None:
    """The same for a whole blueprint; some versions of Flask-WTF keep its name, others itself."""
    protection, partners = CSRFProtect(app), Blueprint("partners", __name__)
    partners.post("/api/partners")(require("orders:write")(lambda: "made"))
    protection.exempt(app.view_functions["create"])
    protection.exempt(partners)
    if named:
        protection._exempt_blueprints = {partners.name}
    app.register_blueprint(partners)


def careless(app: Flask) -> None:
    Migrate(app, SQLAlchemy(app))


def migrating(**filters: Callable[..., bool]) -> Callable[[Flask], None]:
    """With filters of the host's own."""

    def change(app: Flask) -> None:
        Migrate(app, SQLAlchemy(app), **filters)

    return change


def careful(app: Flask) -> None:
    Migrate(app, SQLAlchemy(app), include_object=alembic_include_object)


def own_limiter(app: Flask) -> None:
    house_of(app).options.limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")


def behind(app: Flask) -> None:
    store = house_of(app).store
    with store.write() as tx:
        tx.execute(sa.text(f"UPDATE {store.schema.version_table} SET version_num = '0000'"))


def in_a_file(app: Flask) -> None:
    """Even who may do everything can't write a folder that is a file."""
    Path(app.instance_path).parent.mkdir(parents=True, exist_ok=True)
    Path(app.instance_path).write_text("no folder")


def ahead(app: Flask) -> None:
    house = house_of(app)
    house.clock.advance(3600)
    with house.store.write() as tx:
        enter(tx, operator(), Happening.PEOPLE_PERSON_CREATED, "person:x")
    house.clock.advance(-3600)


def waiting(app: Flask) -> None:
    spool = Path(app.instance_path) / "apiguard-spool"
    spool.mkdir(exist_ok=True)
    left = spool / f"1-abc{SUFFIX}"
    left.write_text("an event\n")
    os.utime(left, (time.time() - 3600, time.time() - 3600))


class Broken:
    """A sink that takes nothing."""

    name, required = "broken", False

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        raise OSError("no route to host")


def broken_sink(app: Flask) -> None:
    house_of(app).options.sinks = (Broken(),)
    app.test_client().get("/api/orders")
    house_of(app).recorder.settle()
    house_of(app).recorder.deliver()


def entered(app: Flask) -> None:
    with house_of(app).store.write() as tx:
        enter(tx, operator(), Happening.PEOPLE_PERSON_CREATED, "person:x")


def unsigned(app: Flask) -> None:
    entered(app)
    house_of(app).clock.advance(2 * DAY)


def touched(app: Flask) -> None:
    entered(app)
    with house_of(app).store.write() as tx:
        tx.execute(sa.text("UPDATE apiguard_ledger SET leaf = 'other'"))


def drilled(app: Flask, passed: bool = True) -> None:
    with house_of(app).store.write() as tx:
        enter(tx, operator(), Happening.MONITOR_DRILL_RUN, "application:x", after={"passed": passed})


def drilled_badly(app: Flask) -> None:
    drilled(app, False)


def drilled_long_ago(app: Flask) -> None:
    drilled(app)
    house_of(app).clock.advance(100 * DAY)


def client_of(app: Flask, **facts: Any) -> str:
    with house_of(app).store.write() as tx:
        owner = registry.create_organization(tx, operator(), "Acme")
        made = registry.create_application(tx, operator(), owner.id, "Pay", **facts)
        return registry.create_client(tx, operator(), made.id, Environment.PRODUCTION).id


def old_key(app: Flask) -> None:
    client = client_of(app)
    with house_of(app).store.write() as tx:
        house_of(app).keys.create(tx, operator(), client, name="old", lifetime=dt.timedelta(days=1000))
    house_of(app).clock.advance(400 * DAY)


def dangerous_uri(app: Flask) -> None:
    client_of(app, redirect_uris=("http://anybody.example/cb",))


def signing(app: Flask) -> None:
    house_of(app).signing_keys.current()


def signing_too_long(app: Flask) -> None:
    signing(app)
    house_of(app).clock.advance(40 * DAY)


def signing_for_another(app: Flask) -> None:
    signing(app)
    with house_of(app).store.write() as tx:
        tx.execute(signing_key.update().values(sealed="00" * 60))


def public_key(app: Flask, days: int = 10) -> None:
    client = client_of(app)
    given = jwk.ECKey.generate_key("P-256").as_dict(private=False)
    with house_of(app).store.write() as tx:
        add_key(tx, operator(), client, given, lifetime=dt.timedelta(days=days))


def certificate(app: Flask) -> None:
    client = client_of(app)
    named = by_name(KnownBy.SAN_DNS, "pay.acme.example")
    with house_of(app).store.write() as tx:
        add_certificate(tx, operator(), client, named, lifetime=dt.timedelta(days=10))


def with_plan(app: Flask) -> None:
    with house_of(app).store.write() as tx:
        put_plan(tx, operator(), "free", [{"name": "burst", "rate": "20/second"}], title="Free", reason=WHY)


# -- the findings ------------------------------------------------------------------------------------------------------

AWAY = {"APIGUARD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
SERVER = {"APIGUARD_ISSUER": ISSUER}
#: Where ``{folder}`` stands, the test's own folder is meant.
SHARED = {"SQLALCHEMY_DATABASE_URI": "sqlite:///{folder}/s.db", "APIGUARD_DATABASE_URL": "sqlite:///{folder}/s.db"}
PROVOKED: dict[Kind, Provoked] = {
    Kind.SECRET_READABLE: Provoked({"APIGUARD_SECRET": None}, readable),
    Kind.SECRET_SELF_MADE: Provoked({"APIGUARD_SECRET": None}),
    Kind.SECRET_WEAK: Provoked({"APIGUARD_SECRET": "abc" * 20}),
    Kind.SECRET_SHARED: Provoked({"SECRET_KEY": SECRET}),
    Kind.SECRET_KEY_MISSING: Provoked({"SECRET_KEY": None}),
    Kind.SECRET_KEY_WEAK: Provoked({"SECRET_KEY": "dev"}),
    Kind.BASE_URL_MISSING: Provoked(),
    Kind.HTTPS_MISSING: Provoked({"APIGUARD_BASE_URL": "http://api.example.org"}),
    Kind.MODE_OBSERVE: Provoked({"APIGUARD_MODE": "observe"}),
    Kind.COUNTERS_MEMORY: Provoked({"APIGUARD_COUNTERS_URL": "memory://"}),
    Kind.KEY_LIFETIME: Provoked({"APIGUARD_KEY_LIFETIME": "900d"}),
    Kind.DEMO_DEFAULT: Provoked({}, with_demo),
    Kind.MAIL_MISSING: Provoked(),
    Kind.PLAN_UNKNOWN: Provoked({"APIGUARD_DEFAULT_PLAN": "free"}),
    Kind.PLAN_MISSING: Provoked(),
    Kind.PROXIES_UNREADABLE: Provoked({"APIGUARD_TRUSTED_PROXIES": ["10.0.0.0/8"]}),
    Kind.ROUTES_UNDECLARED: Provoked({}, unspoken),
    Kind.MIDDLEWARE_BYPASS: Provoked({}, wrapped),
    Kind.PROXYFIX_TWICE: Provoked({}, fixed_twice),
    Kind.PROXYFIX_BELIEVES_ALL: Provoked({}, fixed),
    Kind.PROXYFIX_MISSING: Provoked({"APIGUARD_TRUSTED_PROXIES": ["10.0.0.2"]}),
    Kind.PROXYFIX_ORDER: Provoked({}, fixed_inside),
    Kind.TRAP_HTTP_EXCEPTIONS: Provoked({"TRAP_HTTP_EXCEPTIONS": True}),
    Kind.DEBUG: Provoked({"DEBUG": True}),
    Kind.TRUSTED_HOSTS: Provoked(),
    Kind.CSRF: Provoked({}, protected),
    Kind.MIGRATE_DROPS: Provoked(SHARED, careless),
    Kind.SCOPE_UNDECLARED: Provoked({}, misspelt),
    Kind.ROUTES_OBSERVE: Provoked({}, observed),
    Kind.STORE_EMPTY: Provoked({}, nothing, shut=True),
    Kind.STORE_BEHIND: Provoked({}, behind),
    Kind.STORE_AWAY: Provoked(AWAY, nothing, shut=True),
    Kind.CLOCK_BACK: Provoked({}, ahead),
    Kind.SPOOL_WAITS: Provoked({}, waiting),
    Kind.SINK_BEHIND: Provoked({}, broken_sink),
    Kind.LEDGER_LONG: Provoked({}, entered),
    Kind.LEDGER_TOUCHED: Provoked({}, touched),
    Kind.CHECKPOINT_OLD: Provoked({}, unsigned),
    Kind.DRILL_MISSING: Provoked(),
    Kind.DRILL_FAILED: Provoked({}, drilled_badly),
    Kind.DRILL_OLD: Provoked({}, drilled_long_ago),
    Kind.ADMINISTRATOR_MISSING: Provoked(),
    Kind.KEY_OLD: Provoked({}, old_key),
    Kind.FOLDER_UNWRITABLE: Provoked({"INSTANCE_PATH": "{folder}/instance"}, in_a_file, shut=True),
    Kind.ISSUER_INSECURE: Provoked({"APIGUARD_ISSUER": "http://127.0.0.1:5000"}),
    Kind.ISSUER_ELSEWHERE: Provoked({**SERVER, "APIGUARD_BASE_URL": "https://other.example.org"}),
    Kind.HOST_USER_MISSING: Provoked(SERVER),
    Kind.TOKEN_LIFETIME: Provoked({**SERVER, "APIGUARD_TOKEN_LIFETIME": "2h"}),
    Kind.REFRESH_LIFETIME: Provoked({**SERVER, "APIGUARD_REFRESH_LIFETIME": "200d"}),
    Kind.REDIRECT_URI: Provoked(SERVER, dangerous_uri),
    Kind.SIGNING_KEY_OLD: Provoked(SERVER, signing_too_long),
    Kind.SIGNING_KEY_SEALED: Provoked(SERVER, signing_for_another),
    Kind.PUBLIC_KEY_ENDING: Provoked(SERVER, public_key),
    Kind.CERTIFICATE_ENDING: Provoked(SERVER, certificate),
    Kind.ISSUER_MOUNTED: Provoked({**SERVER, "APIGUARD_BASE_URL": f"{ISSUER}/shop"}),
    Kind.UNKNOWN: Provoked({**AWAY, "APIGUARD_DEFAULT_PLAN": "free"}, nothing, shut=True),
}
