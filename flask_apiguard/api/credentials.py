"""Credentials of a client: made, rotated with an overlap, revoked. A secret is shown once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import fields

from ..clients import Application
from ..credentials import Credential, list_of, revoke, uses_of
from ..errors import Invalid
from ..people import Act
from ..values import Actor, Flaw, State
from .call import Answer, Call, Next
from .fields import SCOPE_AT_MOST, Choice, Id, In, Lifetime, Line, Moment, Out, Prose, Resource, Several, Whole
from .lookups import client_of, credential_of
from .table import Table, Who

table = Table("credentials")
OVERLAP_AT_MOST = 30 * 86400


class CredentialIn(In):
    name = Line(1, 200, required=True)
    kind = Choice("api_key", "client_secret", load_default="api_key")
    scopes = Several(Id(SCOPE_AT_MOST), 50, metadata={"description": "Narrower than what the client holds."})
    lifetime = Lifetime(metadata={"description": "Seconds; by default the house's."})
    reason = Prose(0, 2000, load_default="")


class RotateIn(In):
    overlap = Whole(0, OVERLAP_AT_MOST, load_default=86400, metadata={"description": "Seconds that both open."})
    lifetime = Lifetime()
    reason = Prose(0, 2000, load_default="")


class RevokeIn(In):
    reason = Prose(1, 2000, required=True)


class UseOut(Out):
    last_used_at = Moment()
    route = fields.String()
    address_prefix = fields.String()


class CredentialOut(Resource):
    id = fields.String()
    client_id = fields.String()
    kind = fields.String()
    name = fields.String()
    hint = fields.String()
    phase = fields.String()
    scopes = fields.Method("_scopes", allow_none=True)
    created_at = Moment()
    created_by = fields.String()
    expires_at = Moment()
    rotated_at = Moment(allow_none=True)
    retire_at = Moment(allow_none=True)
    replaces_id = fields.String(allow_none=True)
    revoked_at = Moment(allow_none=True)
    revoked_reason = fields.String()
    last_use = fields.Nested(UseOut, allow_none=True)

    def _scopes(self, found: Any) -> list[str] | None:
        scopes = found["scopes"] if isinstance(found, dict) else found.scopes
        return None if scopes is None else sorted(scopes)


class NewCredentialOut(CredentialOut):
    """A credential with its secret, which is shown here and nowhere else."""

    secret = fields.String()


def _told(call: Call, found: Credential, **more: Any) -> dict[str, Any]:
    now = call.house.clock.now()
    return {name: getattr(found, name) for name in Credential.__slots__} | {"phase": found.phase(now).value} | more


def _another(call: Call, client_id: str, owner: Application, why: str) -> list[Next]:
    if owner.state is State.RETIRED or not call.may(Act.CREDENTIALS_CREDENTIAL_CREATE, owner.organization_id):
        return []
    return [call.next("create-credential", "POST", "/clients/<id>/credentials", why, id=client_id)]


def _next(call: Call, found: Credential, owner: Application) -> list[Next]:
    owner_id = owner.organization_id
    if found.revoked_at is not None or found.ends_at <= call.house.clock.now():
        return _another(call, found.client_id, owner, "It opens nothing any more: make another one.")
    follow = []
    rotates = call.by.kind is Actor.CLIENT or call.may(Act.CREDENTIALS_CREDENTIAL_ROTATE, owner_id)
    if found.retire_at is None and rotates:
        why = f"Get a successor before {found.expires_at:%Y-%m-%d}."
        follow.append(call.next("rotate", "POST", "/credentials/<id>/rotation", why, id=found.id))
    if call.may(Act.CREDENTIALS_CREDENTIAL_REVOKE, owner_id):
        why = "It opens nothing any more, from the next request on."
        follow.append(call.next("revoke", "POST", "/credentials/<id>/revocation", why, id=found.id))
    return follow


def _made(call: Call, found: Credential, secret: str, owner: Application) -> Answer:
    follow = _next(call, found, owner)
    follow.append(
        call.next(
            "calls", "GET", "/calls?client_id=<id>", "Call with it, and see what became of it.", id=found.client_id
        )
    )
    href = call.href("/credentials/<id>", id=found.id)
    return Answer(_told(call, found, secret=secret, last_use=None), follow, headers={"Location": href})


@table.get("/clients/<client_id>/credentials", "Credentials of a client, with their last use", out=CredentialOut,
           many=True, act=Act.CREDENTIALS_CREDENTIAL_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    call.house.last_use.flush()
    with call.read() as conn:
        client, owner = client_of(call, conn, Act.CREDENTIALS_CREDENTIAL_READ)
        found = list_of(conn, client.id)
        uses = uses_of(conn, [one.id for one in found])
    follow = _another(call, client.id, owner, "Make a key; its secret is shown once.")
    return Answer([_told(call, one, last_use=uses.get(one.id)) for one in found], follow)


@table.post("/clients/<client_id>/credentials", "Make a credential", body=CredentialIn, out=NewCredentialOut,
            status=201, secret=True, act=Act.CREDENTIALS_CREDENTIAL_CREATE)  # fmt: skip
def create(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        client, owner = client_of(call, tx, Act.CREDENTIALS_CREDENTIAL_CREATE)
        scopes = frozenset(body["scopes"]) if "scopes" in body else None
        call.house.demand_held(tx, client, scopes or ())
        found, secret = call.house.keys.create(
            tx, call.by, client.id, kind=body["kind"], name=body["name"], scopes=scopes, lifetime=_span(body),
            reason=body["reason"],
        )  # fmt: skip
    return _made(call, found, secret, owner)


def _span(body: Any) -> dt.timedelta | None:
    return dt.timedelta(seconds=body["lifetime"]) if "lifetime" in body else None


@table.get("/credentials/<credential_id>", "A credential", out=CredentialOut, act=Act.CREDENTIALS_CREDENTIAL_READ)
def read(call: Call) -> Answer:
    call.house.last_use.flush()
    with call.read() as conn:
        found, _, owner = credential_of(call, conn, Act.CREDENTIALS_CREDENTIAL_READ)
        use = uses_of(conn, [found.id]).get(found.id)
    return Answer(_told(call, found, last_use=use), _next(call, found, owner))


@table.post("/credentials/<credential_id>/rotation", "Give a credential a successor", who=Who.CLIENT, body=RotateIn,
            out=NewCredentialOut, status=201, secret=True, act=Act.CREDENTIALS_CREDENTIAL_ROTATE)  # fmt: skip
def rotate(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        found, _, owner = credential_of(call, tx, Act.CREDENTIALS_CREDENTIAL_ROTATE)
        if call.by.kind is Actor.CLIENT and "lifetime" in body:
            raise Invalid([Flaw("/lifetime", "A client's own rotation takes the house's lifetime.")])
        overlap = dt.timedelta(seconds=body["overlap"])
        new, secret = call.house.keys.rotate(
            tx, call.by, found.id, overlap, lifetime=_span(body), reason=body["reason"]
        )
    return _made(call, new, secret, owner)


@table.post("/credentials/<credential_id>/revocation", "Revoke a credential at once", body=RevokeIn,
            out=CredentialOut, act=Act.CREDENTIALS_CREDENTIAL_REVOKE)  # fmt: skip
def revoke_(call: Call) -> Answer:
    with call.write() as tx:
        found, _, owner = credential_of(call, tx, Act.CREDENTIALS_CREDENTIAL_REVOKE)
        found = revoke(tx, call.by, found.id, call.body["reason"])
    return Answer(_told(call, found, last_use=None), _next(call, found, owner))
