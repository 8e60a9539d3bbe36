"""Sessions and tokens of a person: seen, made for a program, ended."""

from __future__ import annotations

from marshmallow import fields

from .call import Answer, Call
from .fields import Done, Id, In, Line, Moment, Resource, Several, Whole
from .table import Table

table = Table("tokens")


class TokenIn(In):
    name = Line(1, 200, required=True)
    lifetime = Whole(60, 10 * 366 * 86400, metadata={"description": "Seconds; by default as long as allowed."})
    seats = Several(Id(), 50, metadata={"description": "Narrower than its person: viewer, viewer@org_…, reviewer."})


class TokenOut(Resource):
    id = fields.String()
    kind = fields.String()
    name = fields.String()
    seats = fields.List(fields.String(), allow_none=True)
    created_at = Moment()
    expires_at = Moment()
    last_used_at = Moment(allow_none=True)


class NewTokenOut(Resource):
    """A new token. ``secret`` is shown once."""

    id = fields.String()
    kind = fields.String()
    secret = fields.String()
    expires_at = Moment()


@table.get("/me/tokens", "My sessions and tokens", out=TokenOut, many=True)
def list_(call: Call) -> Answer:
    found = call.house.people.sessions(call.person_id)
    return Answer(found, [call.next("create-token", "POST", "/me/tokens", "Let a command or program act as you.")])


@table.post("/me/tokens", "Make a person token", body=TokenIn, out=NewTokenOut, status=201, secret=True)
def create(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        made = call.house.people.create_token(
            tx, call.by, call.person_id, body["name"], body.get("lifetime"), body.get("seats")
        )
    href = call.href("/me/tokens/<id>", id=made.id)
    return Answer(made, [call.next("revoke-token", "DELETE", "/me/tokens/<id>", "End it.", id=made.id)],
                  headers={"Location": href})  # fmt: skip


@table.delete("/me/tokens/<token_id>", "End a session or token of mine", out=Done)
def revoke(call: Call) -> Answer:
    with call.write() as tx:
        call.house.people.revoke_token(tx, call.by, call.path["token_id"])
    return Answer({"done": True}, [call.next("tokens", "GET", "/me/tokens", "See what is left.")])
