"""``init``: the store, the secret and the first administrator. Again is the same as once."""

from __future__ import annotations

from typing import Any

import click

from .. import people
from ..db import Store
from ..errors import Conflict
from ..house import SECRET
from ..house.declared import SECRET_FILE
from ..migrations import create, current
from .common import Desk, alone, operator

NEXT = (
    "flask {name} coverage --suggest",
    'flask {name} keys create "Acme Pay" --scope {scope} --reason "contract 2026-11"',
    "flask {name} doctor",
)


@alone("init", acts=False)
@click.option("--email", metavar="ADDRESS", help="The first administrator, who gets a link that signs in once.")
@click.option("--name", default="", help="The first administrator's name.")
def init(desk: Desk, email: str | None, name: str) -> None:
    """Create store and secret, and seat the first administrator.

    Says where everything is, and may be run again: what is there stays as it is. An empty PostgreSQL database is
    filled; one that is behind is left to `db upgrade`.
    """
    found: dict[str, Any] = {
        "store": open_store(desk.house.store), "events": open_store(desk.house.events_store),
        "secret": _secret(desk), "administrator": None, "link": None,
    }  # fmt: skip
    found |= _administrator(desk, email, name)
    told = [f"{what.ljust(13)}  {found[what]}" for what in ("store", "events", "secret")]
    if found["link"]:
        told.append(f"administrator  {found['administrator']}: sign in within 24 hours, once, with\n  {found['link']}")
    elif found["administrator"]:
        told.append(f"administrator  {found['administrator']}; to act with: flask {_group()} people token ADDRESS")
    else:
        told.append(f"administrator  nobody yet: flask {_group()} init --email YOU@EXAMPLE.ORG")
    scope = next((one.name for one in desk.house.scopes), "SCOPE")
    found["next"] = [line.format(name=_group(), scope=scope) for line in NEXT]
    told += ["", "Next:", *(f"  {line}" for line in found["next"])]
    desk.answer(found, "\n".join(told))


def open_store(store: Store) -> str:
    """Make sure that the store is there; where it is, without any password."""
    with store.guarded():
        if store.dialect != "sqlite" and current(store.engine, store.schema) is None:
            create(store.engine, store.schema)
        store.open()
    return where(store)


def where(store: Store) -> str:
    """Where a store is, without any password."""
    return str(store.path) if store.path is not None else store.engine.url.render_as_string(hide_password=True)


def _secret(desk: Desk) -> str:
    desk.house.secrets.key("init")
    source = desk.house.settings.source(SECRET)
    return f"APIGUARD_SECRET ({source})" if source != "default" else str(desk.house.folder / SECRET_FILE)


def _administrator(desk: Desk, email: str | None, name: str) -> dict[str, Any]:
    seated = [held for held in desk.house.people.members_of(None) if held.seat == people.Seat.ADMINISTRATOR]
    if seated:
        return {"administrator": desk.house.people.person(seated[0].person_id).title}
    if email is None:
        return {}
    try:
        with desk.house.store.write() as tx:
            made = desk.house.people.first_administrator(tx, operator(), email, name)
    except Conflict:  # another `init` was quicker
        return _administrator(desk, None, name)
    return {"administrator": made.person.title, "link": made.link}


def _group() -> str:
    parent = click.get_current_context().parent
    return parent.info_name if parent is not None and parent.info_name else "apiguard"
