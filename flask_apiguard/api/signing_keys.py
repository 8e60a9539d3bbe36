"""The keys that the authorization server signs tokens with: listed, turned before their time, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import fields

from ..oauth import SigningPhase, listed_keys
from ..people import Act, demand
from .call import Answer, Call, Next
from .fields import Moment, ReasonIn, Resource
from .oauth import demand_server
from .table import Table

if TYPE_CHECKING:
    from ..oauth import ListedKey

table = Table("signing_keys")


class SigningKeyOut(Resource):
    id = fields.String(metadata={"description": "Also its kid in the key set."})
    algorithm = fields.String()
    phase = fields.String()
    jwk = fields.Dict()
    created_at = Moment()
    active_at = Moment()
    ends_at = Moment(allow_none=True)
    revoked_at = Moment(allow_none=True)


def _next(call: Call, found: list[ListedKey]) -> list[Next]:
    follow = []
    if call.may(Act.OAUTH_SIGNING_KEY_ROTATE) and not any(one.phase is SigningPhase.WAITING for one in found):
        why = "Publish the next key now; it signs a day later."
        follow.append(call.next("rotate", "POST", "/signing-keys", why))
    living = [one for one in found if one.phase not in (SigningPhase.REVOKED, SigningPhase.ENDED)]
    if call.may(Act.OAUTH_SIGNING_KEY_REVOKE) and living:
        path, why = "/signing-keys/<id>/revocation", "When it leaked: nothing that it signed opens anything any more."
        follow += [call.next("revoke", "POST", path, why, id=one.id) for one in living]
    return follow


@table.get("/signing-keys", "Signing keys, the newest first", out=SigningKeyOut, many=True,
           act=Act.OAUTH_SIGNING_KEY_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    demand(call.by, Act.OAUTH_SIGNING_KEY_READ)
    demand_server(call)
    with call.read() as conn:
        found = listed_keys(conn, call.house.clock.now())
    return Answer(found, _next(call, found))


@table.post("/signing-keys", "Make the next signing key before its time", body=ReasonIn, out=SigningKeyOut,
            status=201, act=Act.OAUTH_SIGNING_KEY_ROTATE)  # fmt: skip
def rotate(call: Call) -> Answer:
    demand(call.by, Act.OAUTH_SIGNING_KEY_ROTATE)
    demand_server(call)
    with call.write() as tx:
        made = call.house.signing_keys.rotate(tx, call.by, call.body["reason"])
        return _one(call, tx, made)


@table.post("/signing-keys/<key_id>/revocation", "Let nothing that a key signed open anything", body=ReasonIn,
            out=SigningKeyOut, act=Act.OAUTH_SIGNING_KEY_REVOKE)  # fmt: skip
def revoke(call: Call) -> Answer:
    from ..oauth.signing_keys import revoke_signing_key  # and with it what signs, which nobody else here needs

    demand(call.by, Act.OAUTH_SIGNING_KEY_REVOKE)
    demand_server(call)
    with call.write() as tx:
        revoke_signing_key(tx, call.by, call.path["key_id"], call.body["reason"])
        return _one(call, tx, call.path["key_id"])


def _one(call: Call, source: Any, key_id: str) -> Answer:
    found = listed_keys(source, call.house.clock.now())
    return Answer(next(one for one in found if one.id == key_id), _next(call, found))
