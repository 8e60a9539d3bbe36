"""What the host's app, its middleware and its other extensions do to the gate, or the gate to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from werkzeug.middleware.proxy_fix import ProxyFix

from ...house import DATABASE_URL, TRUSTED_PROXIES
from ..middleware import chain_of, layers_of
from ..routes import GUARDED, SAFE, UNDECLARED, routes_of
from .finding import ERROR, NOTE, WARNING, Finding, Look


def routes(look: Look) -> Iterator[Finding]:
    """Routes that nobody spoke for."""
    undeclared = [f"{row['method']} {row['route']}" for row in routes_of(look.house) if row["status"] == UNDECLARED]
    if undeclared:
        yield Finding(
            look.graver(), "routes-undeclared", f"{len(undeclared)} undeclared: {', '.join(undeclared[:5])}.",
            "They are closed to everybody.", "flask apiguard coverage --suggest", "routes",
        )  # fmt: skip


def middleware(look: Look) -> Iterator[Finding]:
    """What answers before the gate sees it."""
    for layer in chain_of(look.house.app):
        if layer.warning:
            yield Finding(
                WARNING, "middleware-bypass", f"{layer.name}: {layer.warning}",
                "A door beside the gate is a door without one.", "flask apiguard coverage shows the chain.", layer.name,
            )  # fmt: skip


def proxies(look: Look) -> Iterator[Finding]:
    """Whose word counts for where a call comes from."""
    fixes = layers_of(look.house.app, ProxyFix)
    trusted = look.house.settings[TRUSTED_PROXIES]
    source = "APIGUARD_TRUSTED_PROXIES, ProxyFix"
    if fixes > 1:
        yield Finding(
            ERROR, "proxyfix-twice", f"ProxyFix stands there {fixes} times.",
            "The second believes what the caller wrote: anybody chooses their address.", "Leave one.", source,
        )  # fmt: skip
    if fixes and not trusted:
        yield Finding(
            WARNING, "proxyfix-believes-all", "ProxyFix is there, and no proxy is named.",
            "It believes any peer. Who reaches the app directly chooses the address that is throttled and recorded.",
            "Let only the proxy reach the app, and name it: APIGUARD_TRUSTED_PROXIES=10.0.0.2", source,
        )  # fmt: skip
    if trusted and not fixes:
        yield Finding(
            WARNING, "proxyfix-missing", "Proxies are named, and ProxyFix is not there.",
            "Every call seems to come from the proxy: one bad client uses up the attempts of all.",
            "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1), after init_app or before it.", source,
        )  # fmt: skip


def host_settings(look: Look) -> Iterator[Finding]:
    """Flask's own settings that turn our answers into something else."""
    config = look.house.app.config
    if config.get("TRAP_HTTP_EXCEPTIONS"):
        yield Finding(
            WARNING, "trap-http-exceptions", "TRAP_HTTP_EXCEPTIONS is on.",
            "Host handlers for Exception see refusals that are raised in views, and may answer 200.",
            "Leave it off, or let that handler re-raise HTTPException.", "TRAP_HTTP_EXCEPTIONS",
        )  # fmt: skip
    if look.house.app.debug:
        yield Finding(
            look.graver(NOTE), "debug", "Debug mode is on.", "Refusals name routes and lines of code.",
            "Unset FLASK_DEBUG.", "FLASK_DEBUG",
        )  # fmt: skip
    if look.deploy and not config.get("TRUSTED_HOSTS"):
        yield Finding(
            WARNING, "trusted-hosts", "TRUSTED_HOSTS is not set.",
            "A caller chooses the host name that links in answers begin with.",
            'app.config["TRUSTED_HOSTS"] = ["api.example.org"]', "TRUSTED_HOSTS",
        )  # fmt: skip


def csrf(look: Look) -> Iterator[Finding]:
    """The host's CSRF protection asks API clients for a token that they can't have."""
    app = look.house.app
    protection = app.extensions.get("csrf")
    if protection is None or not app.config.get("WTF_CSRF_ENABLED", True):
        return
    if not app.config.get("WTF_CSRF_CHECK_DEFAULT", True):
        return
    methods = set(app.config.get("WTF_CSRF_METHODS", ("POST", "PUT", "PATCH", "DELETE"))) - SAFE
    hit = [
        f"{row['method']} {row['route']}"
        for row in routes_of(look.house)
        if row["status"] == GUARDED and row["method"] in methods and not _exempt(app, protection, row["endpoint"])
    ]
    if hit:
        yield Finding(
            WARNING, "csrf", f"CSRF protection stands before {len(hit)} guarded: {', '.join(hit[:5])}.",
            "A client with a good key is answered 400: it has no session to take a CSRF token from.",
            "csrf.exempt(blueprint): the gate itself demands the same origin of sessions.", "Flask-WTF",
        )  # fmt: skip


def _exempt(app: Any, protection: Any, endpoint: str) -> bool:
    view = app.view_functions.get(endpoint)
    place = f"{getattr(view, '__module__', '')}.{getattr(view, '__name__', '')}"
    blueprints = {endpoint.rpartition(".")[0], endpoint.partition(".")[0]}
    return place in getattr(protection, "_exempt_views", ()) or not blueprints.isdisjoint(
        getattr(protection, "_exempt_blueprints", ())
    )


def migrations(look: Look) -> Iterator[Finding]:
    """Flask-Migrate would drop our tables, where they share a database with the host's."""
    app = look.house.app
    migrate: Any = app.extensions.get("migrate")
    mine, theirs = look.house.settings[DATABASE_URL], app.config.get("SQLALCHEMY_DATABASE_URI")
    if migrate is None or not mine or not theirs or not _same(mine, str(theirs)):
        return
    arguments = getattr(migrate, "configure_args", {})
    if "include_object" not in arguments and "include_name" not in arguments:
        yield Finding(
            ERROR, "migrate-drops", "`flask db migrate` sees our tables, and nobody told it to leave them alone.",
            "Its next revision would drop them, keys and ledger and all.",
            "Migrate(app, db, include_object=flask_apiguard.alembic_include_object)", "Flask-Migrate",
        )  # fmt: skip


def _same(one: str, other: str) -> bool:
    try:
        left, right = sa.make_url(one), sa.make_url(other)
    except sa.exc.ArgumentError:
        return False
    facts = [(url.get_backend_name(), url.host, url.port or 5432, url.database) for url in (left, right)]
    return facts[0] == facts[1]


EXAMINATIONS = (routes, middleware, proxies, host_settings, csrf, migrations)
