"""Public keys that a client signs its assertions with (RFC 7523): registered, listed, revoked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from ..clients import Application
from ..errors import Invalid
from ..people import Act
from ..values import Flaw, State
from .call import Answer, Call, Next
from .fields import In, Lifetime, Moment, Prose, ReasonIn, Resource
from .lookups import client_of, owner_of
from .oauth import demand_server
from .table import Table

if TYPE_CHECKING:
    from ..oauth.public_keys import PublicKey

table = Table("public_keys")
MEMBERS_AT_MOST = 20


class Jwk(fields.Dict):
    """A JSON Web Key (RFC 7517); what kind of key it may be is judged where it is registered."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, dict) or len(value) > MEMBERS_AT_MOST or not isinstance(value.get("kty"), str):
            raise ValidationError("This is not a JSON Web Key: an object with kty, and the members of that kind.")
        return value


class KeyIn(In):
    jwk = Jwk(required=True, metadata={"description": "A public key: P-256, Ed25519, or RSA of 2048 bits or more."})
    lifetime = Lifetime(metadata={"description": "Seconds; a year by default."})
    reason = Prose(0, 2000, load_default="")


class KeyOut(Resource):
    id = fields.String()
    client_id = fields.String()
    thumbprint = fields.String(metadata={"description": "RFC 7638."})
    algorithm = fields.String()
    phase = fields.String()
    jwk = fields.Dict()
    created_at = Moment()
    expires_at = Moment()
    revoked_at = Moment(allow_none=True)


def _told(call: Call, found: PublicKey) -> dict[str, Any]:
    told = {name: getattr(found, name) for name in found.__slots__}
    return told | {"jwk": dict(found.jwk), "phase": found.phase(call.house.clock.now()).value}


def _next(call: Call, found: PublicKey, owner: Application) -> list[Next]:
    if found.revoked_at is None and call.may(Act.CREDENTIALS_CREDENTIAL_REVOKE, owner.organization_id):
        why = "It proves nothing any more, and the tokens that came of it open nothing."
        return [call.next("revoke", "POST", "/public-keys/<id>/revocation", why, id=found.id)]
    return [call.next("public-keys", "GET", "/clients/<id>/public-keys", "See the others.", id=found.client_id)]


def _key_of(call: Call, source: Any, act: Act) -> tuple[PublicKey, Application]:
    from ..oauth.public_keys import key_of  # and with it what reads keys, which nobody else here needs

    found = key_of(source, call.path["key_id"])
    return found, owner_of(call, source, found.client_id, act)


@table.get("/clients/<client_id>/public-keys", "Public keys of a client", out=KeyOut, many=True,
           act=Act.CREDENTIALS_CREDENTIAL_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    from ..oauth.public_keys import keys_of

    with call.read() as conn:
        client, owner = client_of(call, conn, Act.CREDENTIALS_CREDENTIAL_READ)
        demand_server(call)
        found = keys_of(conn, client.id)
    follow = []
    if owner.state is not State.RETIRED and call.may(Act.CREDENTIALS_CREDENTIAL_CREATE, owner.organization_id):
        path, why = "/clients/<id>/public-keys", "Register a key, and prove the client by signing."
        follow.append(call.next("add-public-key", "POST", path, why, id=client.id))
    return Answer([_told(call, one) for one in found], follow)


@table.post("/clients/<client_id>/public-keys", "Register a public key", body=KeyIn, out=KeyOut, status=201,
            act=Act.CREDENTIALS_CREDENTIAL_CREATE)  # fmt: skip
def add(call: Call) -> Answer:
    from ..oauth.public_keys import LIFETIME, add_key

    body = call.body
    lifetime = dt.timedelta(seconds=body["lifetime"]) if "lifetime" in body else LIFETIME
    with call.write() as tx:
        client, owner = client_of(call, tx, Act.CREDENTIALS_CREDENTIAL_CREATE)
        demand_server(call)
        try:
            made = add_key(tx, call.by, client.id, body["jwk"], lifetime=lifetime, reason=body["reason"])
        except Invalid as error:
            flaws = error.decision.flaws
            raise Invalid([Flaw(one.pointer or "/jwk", one.detail) for one in flaws]) from None
    href = call.href("/public-keys/<id>", id=made.id)
    return Answer(_told(call, made), _next(call, made, owner), headers={"Location": href})


@table.get("/public-keys/<key_id>", "A public key", out=KeyOut, act=Act.CREDENTIALS_CREDENTIAL_READ)
def read(call: Call) -> Answer:
    with call.read() as conn:
        found, owner = _key_of(call, conn, Act.CREDENTIALS_CREDENTIAL_READ)
    return Answer(_told(call, found), _next(call, found, owner))


@table.post("/public-keys/<key_id>/revocation", "Revoke a public key at once", body=ReasonIn, out=KeyOut,
            act=Act.CREDENTIALS_CREDENTIAL_REVOKE)  # fmt: skip
def revoke(call: Call) -> Answer:
    from ..oauth.public_keys import revoke_key

    with call.write() as tx:
        found, owner = _key_of(call, tx, Act.CREDENTIALS_CREDENTIAL_REVOKE)
        found = revoke_key(tx, call.by, found.id, call.body["reason"])
    return Answer(_told(call, found), _next(call, found, owner))
