"""Who registers an organization: administrators and operators for others, at the open door anybody for themselves.

Whoever registers one for themselves is its first owner.
"""

from __future__ import annotations

from dataclasses import replace

from ..clients import Organization, registry
from ..db import Transaction
from ..errors import Conflict
from ..people import Act, Seat, demand, may, narrower
from ..people.fields import line
from ..people.seats import give_seat, seats_of
from ..values import Actor, By
from .desk import Desk

#: How many organizations one person may own by registering them.
OWN_AT_MOST = 10


def register(tx: Transaction, desk: Desk, by: By, name: str, reason: str = "") -> tuple[Organization, By]:
    """Register an organization; and the actor, as who sits in it now where it is theirs.

    :raises Forbidden: not here, or not with a narrowed token. :raises Conflict: the person owns enough of them.
    :raises Invalid: the name.
    """
    name = line(name, "/name", least=1)
    if may(by, Act.CLIENTS_ORGANIZATION_CREATE):
        return registry.create_organization(tx, by, name, reason), by
    _demand_open(tx, desk, by)
    made = registry.create_organization(tx, by, name, reason)
    # Who registers it gives its first seat to nobody but themselves.
    by = replace(by, organization_id=made.id, seats=by.seats | {f"{Seat.OWNER}@{made.id}"})
    give_seat(tx, by, by.id, made.id, Seat.OWNER.value)
    return made, by


def _demand_open(tx: Transaction, desk: Desk, by: By) -> None:
    if desk.door != "open" or by.kind is not Actor.PERSON:
        demand(by, Act.CLIENTS_ORGANIZATION_CREATE)
    if by.narrowed:
        raise narrower()
    held = seats_of(tx.conn, by.id, tx.now)
    owned = {one.organization_id for one in held if one.seat == Seat.OWNER and one.organization_id is not None}
    if len(owned) >= OWN_AT_MOST:
        raise Conflict(f"You own {len(owned)} organizations already.", "Ask an administrator for another.")


def rename(tx: Transaction, by: By, organization_id: str, name: str, reason: str = "") -> Organization:
    """Give an organization another name. :raises Missing: there is none. :raises Conflict: changed meanwhile."""
    demand(by, Act.CLIENTS_ORGANIZATION_CHANGE, registry.organization(tx, organization_id).id)
    return registry.edit_organization(tx, by, organization_id, line(name, "/name", least=1), reason)
