"""What the host's app, its middleware and its other extensions do to the gate, or the gate to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from werkzeug.middleware.proxy_fix import ProxyFix

from ...db import metadata
from ...house import DATABASE_URL, TRUSTED_PROXIES
from ...values import SAFE_METHODS
from ..middleware import chain_of, layers_of, outside_of
from ..routes import GUARDED, UNDECLARED, routes_of
from .finding import Finding, Look
from .keeping import opened
from .kinds import Kind


def routes(look: Look) -> Iterator[Finding]:
    """Routes that nobody spoke for, and those whose refusals are only taken down."""
    rows = routes_of(look.house)
    undeclared = _named(row for row in rows if row["status"] == UNDECLARED)
    if undeclared:
        what = f"{len(undeclared)} undeclared: {', '.join(undeclared[:5])}."
        yield look.found(Kind.ROUTES_UNDECLARED, "routes", what)
    observed = _named(row for row in rows if row.get("mode") == "observe")
    if observed:
        what = f"{len(observed)} only observed: {', '.join(observed[:5])}."
        yield look.found(Kind.ROUTES_OBSERVE, "routes", what)


def _named(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [f"{row['method']} {row['route']}" for row in rows]


def middleware(look: Look) -> Iterator[Finding]:
    """What answers before the gate sees it."""
    for layer in chain_of(look.house.app):
        if layer.warning:
            yield look.found(Kind.MIDDLEWARE_BYPASS, layer.name, f"{layer.name}: {layer.warning}")


def proxies(look: Look) -> Iterator[Finding]:
    """Whose word counts for where a call comes from."""
    app, trusted = look.house.app, look.house.settings[TRUSTED_PROXIES]
    fixes, source = layers_of(app, ProxyFix), "APIGUARD_TRUSTED_PROXIES, ProxyFix"
    if fixes > 1:
        yield look.found(Kind.PROXYFIX_TWICE, source, f"ProxyFix stands there {fixes} times.")
    if fixes and not trusted:
        yield look.found(Kind.PROXYFIX_BELIEVES_ALL, source)
    if trusted and not fixes:
        yield look.found(Kind.PROXYFIX_MISSING, source)
    outside = outside_of(app, ProxyFix)
    if outside:
        yield look.found(Kind.PROXYFIX_ORDER, "ProxyFix", f"{', '.join(outside[:3])} outside ProxyFix.")


def host_settings(look: Look) -> Iterator[Finding]:
    """Flask's own settings that turn our answers into something else."""
    config = look.house.app.config
    if config.get("TRAP_HTTP_EXCEPTIONS"):
        yield look.found(Kind.TRAP_HTTP_EXCEPTIONS, "TRAP_HTTP_EXCEPTIONS")
    if look.house.app.debug:
        yield look.found(Kind.DEBUG, "FLASK_DEBUG")
    if look.deploy and not config.get("TRUSTED_HOSTS"):
        yield look.found(Kind.TRUSTED_HOSTS, "TRUSTED_HOSTS")


def csrf(look: Look) -> Iterator[Finding]:
    """The host's CSRF protection asks API clients for a token that they can't have."""
    app = look.house.app
    protection = app.extensions.get("csrf")
    if protection is None or not app.config.get("WTF_CSRF_ENABLED", True):
        return
    if not app.config.get("WTF_CSRF_CHECK_DEFAULT", True):
        return
    methods = set(app.config.get("WTF_CSRF_METHODS", ("POST", "PUT", "PATCH", "DELETE"))) - SAFE_METHODS
    hit = _named(
        row
        for row in routes_of(look.house)
        if row["status"] == GUARDED and row["method"] in methods and not _exempt(app, protection, row["endpoint"])
    )
    if hit:
        what = f"CSRF protection stands before {len(hit)} guarded: {', '.join(hit[:5])}."
        yield look.found(Kind.CSRF, "Flask-WTF", what)


def _exempt(app: Any, protection: Any, endpoint: str) -> bool:
    view = app.view_functions.get(endpoint)
    place = f"{getattr(view, '__module__', '')}.{getattr(view, '__name__', '')}"
    blueprints = {endpoint.rpartition(".")[0], endpoint.partition(".")[0]}
    # Themselves in some versions, by their names in others.
    exempt = {getattr(one, "name", one) for one in getattr(protection, "_exempt_blueprints", ())}
    return place in getattr(protection, "_exempt_views", ()) or not blueprints.isdisjoint(exempt)


def migrations(look: Look) -> Iterator[Finding]:
    """Flask-Migrate would drop our tables, where they share a database with the host's."""
    app = look.house.app
    migrate: Any = app.extensions.get("migrate")
    mine, theirs = look.house.settings[DATABASE_URL], app.config.get("SQLALCHEMY_DATABASE_URI")
    if migrate is None or not mine or not theirs or not _same(mine, str(theirs)):
        return
    try:
        seen = _let_through(getattr(migrate, "configure_args", {}))
    except Exception as error:  # noqa: BLE001 - the host's function; its own migrations would fail in the same place
        what = f"The filter that was given to Migrate could not be asked: {type(error).__name__}: {error}"
        yield look.found(Kind.UNKNOWN, "Flask-Migrate", what)
        return
    if seen:
        what = f"`flask db migrate` sees {len(seen)} of our tables: {', '.join(seen[:3])}."
        yield look.found(Kind.MIGRATE_DROPS, "Flask-Migrate", what)


def _let_through(arguments: Mapping[str, Any]) -> list[str]:
    """Those of our tables that Alembic would compare with the host's models, asked as it asks of reflected ones."""
    named, included = arguments.get("include_name"), arguments.get("include_object")
    return [
        table.name
        for table in metadata.sorted_tables
        if (named is None or named(table.name, "table", _parents(table)))
        and (included is None or included(table, table.name, "table", True, None))
    ]


def _parents(table: sa.Table) -> dict[str, str | None]:
    return {"schema_name": None, "schema_qualified_table_name": table.name}


def _same(one: str, other: str) -> bool:
    try:
        left, right = sa.make_url(one), sa.make_url(other)
    except sa.exc.ArgumentError:
        return False
    facts = [(url.get_backend_name(), url.host, url.port or 5432, url.database) for url in (left, right)]
    return facts[0] == facts[1]


def scopes(look: Look) -> Iterator[Finding]:
    """Scopes that routes demand and nobody can ask for."""
    known = _known(look)
    if known is None:
        return
    demanded: dict[str, list[str]] = {}
    for row in routes_of(look.house):
        for name in {*row.get("scopes", ()), *(one for ways in row.get("any_of", ()) for one in ways)} - known:
            demanded.setdefault(name, []).append(f"{row['method']} {row['route']}")
    for name, places in sorted(demanded.items()):
        what = f"Nobody declared {name}, which {', '.join(places[:3])} demands."
        yield look.found(Kind.SCOPE_UNDECLARED, "routes", what)


def _known(look: Look) -> set[str] | None:
    """The scopes that code or an operator's file declared; None when the store can't be asked."""
    house = look.house
    if opened(look):
        with house.store.read() as conn:
            return set(house.scopes.all(conn))
    is_empty = house.store.path is not None and not house.store.path.exists()
    return {scope.name for scope in house.scopes} if is_empty else None


EXAMINATIONS = (routes, middleware, proxies, host_settings, csrf, migrations, scopes)
