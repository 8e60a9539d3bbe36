"""``coverage``: what is guarded, by what, and what nobody spoke for; the same as a file that is committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..house import House
from .common import REFUSED, USAGE, Desk, Refused, alone, plain, table
from .middleware import chain_of
from .routes import OWN, UNDECLARED, routes_of, suggestions, summary, with_own_folded

LOCK = "apiguard.lock"
VERSION = 1


@alone("coverage", acts=False)
@click.option("--lock", is_flag=True, help="Write what is demanded now into the lock file, for review and commit.")
@click.option("--suggest", is_flag=True, help="Print the lines that are missing.")
@click.option(
    "--path", type=click.Path(dir_okay=False, path_type=Path), help=f"The lock file; {LOCK} beside the app by default."
)
def coverage(desk: Desk, lock: bool, suggest: bool, path: Path | None) -> None:
    """List every route and method with what is demanded of it, and the middleware around the app.

    Ends with 1 when a route inside the guarded paths is UNDECLARED (closed to everybody), when a target of
    guard.protect or guard.public meets no route, or when a lock file is there and says something else.
    """
    house = desk.house
    lost = house.book.lost(house.app, house.options.apps)
    rows, layers = with_own_folded(routes_of(house, start=not lost)), chain_of(house.app)
    path = path or lock_path(house)
    if lock:
        write_lock(path, rows)
    drift = drift_of(path, rows)
    missing = suggestions(house, rows) if suggest else []
    undeclared = [row for row in rows if row["status"] == UNDECLARED]
    found = {
        "routes": rows, "middleware": plain(layers), "undeclared": len(undeclared), "lock": str(path),
        "locked": path.exists(), "drift": drift, "suggestions": missing, "lost": plain(lost),
    }  # fmt: skip
    desk.answer(found, lambda: _text(found))
    if undeclared or drift or lost:
        desk.status = REFUSED


def _text(found: dict[str, Any]) -> str:
    rows = [{**row, "demands": summary(row), "in": "in" if row["inside"] else "out"} for row in found["routes"]]
    told = [table(rows, ("status", "in", "method", "route", "demands", "endpoint")), ""]
    for layer in found["middleware"]:
        told.append(f"middleware  {layer['name']}")
        if layer["warning"]:
            told.append(f"  Warning: {layer['warning']}")
    for one in found["lost"]:
        told += ["", f"{one['title']} meets no route, and guards nothing.", f"  Fix: {one['fix']}"]
    if found["drift"]:
        told += ["", f"Differs from {found['lock']}:", *(f"  {line}" for line in found["drift"])]
    if found["suggestions"]:
        told += ["", "Missing lines:", *(f"  {line}" for line in found["suggestions"])]
    count = found["undeclared"]
    theirs = sum(row["status"] != OWN for row in rows)
    told += ["", f"{count} of {theirs} undeclared and therefore closed." if count else "Nothing is undeclared."]
    return "\n".join(told)


def lock_path(house: House) -> Path:
    """Beside the app: in the folder that holds its module or package."""
    root = Path(house.app.root_path)
    return (root.parent if (root / "__init__.py").exists() else root) / LOCK


def locked_form(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What a lock file holds: by method and route of the host's, everything but what is empty."""
    return {
        f"{row['method']} {row['route']}": {
            name: value for name, value in row.items() if name not in ("method", "route") and value not in (None, [])
        }
        for row in rows
        if row["status"] != OWN
    }


def write_lock(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write it, in an order that makes a difference readable.

    :raises Refused: the file can't be written.
    """
    try:
        path.write_text(
            json.dumps({"version": VERSION, "routes": locked_form(rows)}, indent=2, sort_keys=True) + "\n",
            encoding="utf-8",
        )
    except OSError as error:
        raise Refused(f"{path} can't be written ({error.strerror}).", "Name another one with --path.") from None


def drift_of(path: Path, rows: list[dict[str, Any]]) -> list[str]:
    """What differs from the lock file, a line for each route; nothing without a file.

    :raises Refused: the file can't be read.
    """
    try:
        locked = json.loads(path.read_text(encoding="utf-8"))["routes"]
        before = {str(key): dict(value) for key, value in locked.items()}
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Refused(
            f"{path} is no lock file of ours.", "Write it anew: flask apiguard coverage --lock", USAGE
        ) from None
    now = locked_form(rows)
    told = [f"+ {key}" for key in sorted(now.keys() - before.keys())]
    told += [f"- {key}" for key in sorted(before.keys() - now.keys())]
    for key in sorted(now.keys() & before.keys()):
        names = [name for name in sorted({*now[key], *before[key]}) if now[key].get(name) != before[key].get(name)]
        told += [f"~ {key}: {name} {before[key].get(name)!r} -> {now[key].get(name)!r}" for name in names]
    return told
