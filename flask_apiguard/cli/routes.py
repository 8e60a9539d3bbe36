"""Every route and method of an app, what is demanded of it, and the lines that are missing."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from werkzeug.routing import Rule as UrlRule

from ..gate import suggestion
from ..house import House
from ..rules import Rule
from ..values import SAFE_METHODS

GUARDED, PUBLIC, UNDECLARED, OUTSIDE, OWN = "guarded", "public", "UNDECLARED", "outside", "own"


def routes_of(house: House, *, start: bool = True) -> list[dict[str, Any]]:
    """A row for each route and method: HEAD where it is not as GET, OPTIONS where a view answers it itself.

    Without ``start`` of a house that would not start, because a target meets no route.

    :raises ConfigurationError: rules contradict each other.
    """
    if start:
        house.open()
    app = house.app
    found = []
    for url_rule in sorted(app.url_map.iter_rules(), key=lambda one: (one.rule, one.endpoint)):
        for method in sorted(url_rule.methods or ()):
            if method == "HEAD" and "GET" in (url_rule.methods or ()):
                continue
            if method == "OPTIONS" and getattr(url_rule, "provide_automatic_options", True):
                continue
            rule = house.book.find(app, url_rule, method)
            where = {"route": url_rule.rule, "method": method, "endpoint": url_rule.endpoint}
            found.append({**where, **_told(house, url_rule, rule)})
    return found


def with_own_folded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with one row for each blueprint of ours: its routes prove their callers themselves."""
    folded: dict[str, dict[str, Any]] = {}
    found = []
    for row in rows:
        name = row["endpoint"].partition(".")[0]
        if row["status"] != OWN:
            found.append(row)
        elif name in folded:
            folded[name]["route"] = _common(folded[name]["route"], row["route"])
        else:
            folded[name] = {**row, "method": "*", "endpoint": f"{name}.*"}
            found.append(folded[name])
    return found


def _common(first: str, second: str) -> str:
    """What two routes begin with, by whole segments."""
    pairs = zip(first.removesuffix("/*").split("/"), second.split("/"), strict=False)
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
    return "/".join([*(segment for segment, _ in alike), "*"])


def _told(house: House, url_rule: UrlRule, rule: Rule | None) -> dict[str, Any]:
    inside = house.book.inside(url_rule.rule)
    if rule is None:
        return {"inside": inside, "status": OUTSIDE}
    status = GUARDED
    if "own" in rule.sources or url_rule.endpoint.partition(".")[0] in house.book.own_blueprints:
        status = OWN
    elif rule.public is not None:
        status = PUBLIC
    elif not rule.declared:
        status = UNDECLARED
    return {"inside": inside, "status": status, **_demands(rule)}


def _demands(rule: Rule) -> dict[str, Any]:
    return {
        "scopes": sorted(rule.scopes), "any_of": [sorted(one) for one in rule.any_of], "roles": sorted(rule.roles),
        "policies": list(rule.policies), "environment": rule.environment and str(rule.environment),
        "first_party": rule.first_party, "sender_constrained": rule.sender_constrained, "max_body": rule.max_body,
        "mode": rule.mode and str(rule.mode),
        "accepts": [f"{one.location}: {_schema(one.schema)}" for one in rule.accepts],
        "returns": [f"{one.status}: {_schema(one.schema)}" for one in rule.returns],
        "limits": [one.rate if one.cost == 1 else f"{one.rate} x{one.cost}" for one in rule.limits],
        "why": rule.public,
    }  # fmt: skip


def _schema(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__qualname__ if kind not in (dict, str) else kind.__name__


def summary(row: dict[str, Any]) -> str:
    """What is demanded, in one line."""
    if row["status"] == OWN:
        return "proves its callers itself"
    parts = [" ".join(row.get("scopes", ()))]
    parts += [" | ".join(one) for one in row.get("any_of", ())]
    parts += [f"role {name}" for name in row.get("roles", ())]
    parts += [f"policy {name}" for name in row.get("policies", ())]
    parts += [row[name] for name in ("environment", "mode") if row.get(name)]
    parts += ["bound tokens"] if row.get("sender_constrained") else []
    parts += [] if row.get("first_party", True) else ["no sessions"]
    parts += [f"{row['max_body']} bytes"] if row.get("max_body") is not None else []
    parts += [f"in {one}" for one in row.get("accepts", ())]
    parts += [f"out {one}" for one in row.get("returns", ())]
    parts += row.get("limits", ())
    if row.get("why"):
        parts.append(f"because: {row['why']}")
    if row["status"] == GUARDED and not any(parts):
        parts.append("any proved caller")
    return ", ".join(part for part in parts if part)


def suggestions(house: House, rows: list[dict[str, Any]]) -> list[str]:
    """The missing lines: a decorator for the host's own views, ``guard.protect`` for those of a library."""
    told: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["status"] == UNDECLARED:
            view = house.app.view_functions.get(row["endpoint"])
            each = row["method"] if getattr(view, "view_class", None) is not None else ""
            told.setdefault((row["endpoint"], each), []).append(row)
    return [line for (endpoint, _), found in told.items() for line in _lines(house, endpoint, found)]


def _lines(house: House, endpoint: str, found: list[dict[str, Any]]) -> Iterator[str]:
    # One decorator holds for every method of a view function: what changes something decides.
    method = next((row["method"] for row in found if row["method"] not in SAFE_METHODS), found[0]["method"])
    written = re.search(r'@require\("([^"]+)"\)', suggestion(endpoint, method))
    scope = written[1] if written else "resource:write"
    routes = ", ".join(f"{row['method']} {row['route']}" for row in found)
    place = _place(house, endpoint, method)
    if place is None:
        yield f'guard.protect("{endpoint}", "{scope}")  # {routes}'
    else:
        yield f'@require("{scope}")  # {routes}, in {place}'


def _place(house: House, endpoint: str, method: str) -> str | None:
    """File and line of the view, when it is the host's own."""
    view: Any = house.app.view_functions.get(endpoint)
    view = getattr(getattr(view, "view_class", None), method.lower(), None) or view
    code = getattr(inspect.unwrap(view), "__code__", None) if view is not None else None
    if code is None:
        return None
    path = Path(code.co_filename)
    theirs = {"site-packages", "dist-packages"} & set(path.parts) or "flask" in path.parts
    return None if theirs else f"{path.name}:{code.co_firstlineno}"
