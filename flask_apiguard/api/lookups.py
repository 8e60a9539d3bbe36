"""From an id in a path to the thing, for this actor: absent and somebody else's are told alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..clients import Application, Client, registry
from ..credentials import Credential
from ..credentials import get as credential_by_id
from ..errors import Missing
from ..people import Act, demand
from ..values import Actor

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..db import Transaction
    from .call import Call


def application_of(call: Call, source: Transaction | sa.Connection, act: Act) -> Application:
    """The application in the path.

    :raises Missing: absent, or none of the actor's business. :raises Forbidden: the seat is not enough.
    """
    found = registry.application(source, call.path["application_id"])
    demand(call.by, act, found.organization_id)
    return found


def client_of(call: Call, source: Transaction | sa.Connection, act: Act) -> tuple[Client, Application]:
    """The client in the path, and its application. A client sees itself where the endpoint lets clients in."""
    found = registry.client(source, call.path["client_id"])
    owner = registry.application(source, found.application_id)
    if call.by.kind is Actor.CLIENT:
        if call.by.id != found.id:
            raise Missing
        return found, owner
    demand(call.by, act, owner.organization_id)
    return found, owner


def owner_of(call: Call, source: Transaction | sa.Connection, client_id: str, act: Act) -> Application:
    """The application whose client something belongs to, for a person."""
    owner = registry.application(source, registry.client(source, client_id).application_id)
    demand(call.by, act, owner.organization_id)
    return owner


def credential_of(call: Call, source: Transaction | sa.Connection, act: Act) -> tuple[Credential, Client, Application]:
    """The credential in the path, its client and application. A client sees the one that it called with."""
    found = credential_by_id(source, call.path["credential_id"])
    client = registry.client(source, found.client_id)
    owner = registry.application(source, client.application_id)
    if call.by.kind is Actor.CLIENT:
        if call.caller is None or call.caller.credential_id != found.id:
            raise Missing
        return found, client, owner
    demand(call.by, act, owner.organization_id)
    return found, client, owner
