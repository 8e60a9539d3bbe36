"""Who sits where: seats of organizations and of the house, invitations to them, and shutting a person out."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from marshmallow import fields

from ..clients import registry
from ..errors import Missing
from ..people import Act, Held, demand
from ..people.tables import person as person_table
from .call import Answer, Call
from .fields import Choice, Done, Email, Id, In, Line, Moment, Password, Resource, Secret
from .people import PersonOut, SessionOut, signed_in
from .table import Table, Who

table = Table("members")
ORGANIZATION = ("owner", "developer", "viewer")
HOUSE = ("administrator", "reviewer", "auditor")


class SeatIn(In):
    person_id = Id(required=True)
    seat = Choice(*ORGANIZATION, required=True)
    until = Moment()


class HouseSeatIn(In):
    person_id = Id(required=True)
    seat = Choice(*HOUSE, required=True)
    until = Moment()


class InvitationIn(In):
    email = Email(required=True)
    seat = Choice(*ORGANIZATION, required=True)


class HouseInvitationIn(In):
    email = Email(required=True)
    seat = Choice(*HOUSE, required=True)


class AcceptIn(In):
    code = Secret(200, required=True)
    name = Line(0, 200, load_default="")
    password = Password(new=True)


class MemberOut(Resource):
    person_id = fields.String()
    name = fields.String()
    email = Email(allow_none=True)
    organization_id = fields.String(allow_none=True)
    seat = fields.String()
    since = Moment()
    until = Moment(allow_none=True)


class InvitationOut(Resource):
    id = fields.String()
    email = Email()
    organization_id = fields.String(allow_none=True)
    seat = fields.String()
    expires_at = Moment()


def _organization(call: Call, act: Act) -> str:
    """The organization in the path, if this actor may do this to it.

    :raises Missing: it isn't there, or is none of the actor's business.
    """
    found = call.path["organization_id"]
    demand(call.by, act, found)
    with call.read() as conn:
        registry.organization(conn, found)
    return found


def _members(call: Call, held: tuple[Held, ...]) -> list[dict[str, Any]]:
    ids = sorted({one.person_id for one in held})
    wanted = sa.select(person_table.c.id, person_table.c.name, person_table.c.email).where(person_table.c.id.in_(ids))
    with call.read() as conn:
        known = {row.id: row for row in conn.execute(wanted)}
    return [
        {"person_id": one.person_id, "name": known[one.person_id].name, "email": known[one.person_id].email,
         "organization_id": one.organization_id, "seat": one.seat, "since": one.since, "until": one.until}
        for one in held if one.person_id in known
    ]  # fmt: skip


def _give(call: Call, organization_id: str | None) -> Answer:
    body = call.body
    with call.write() as tx:
        held = call.house.people.give_seat(
            tx, call.by, body["person_id"], organization_id, body["seat"], until=body.get("until")
        )
    return Answer(_members(call, (held,))[0])


@table.get("/organizations/<organization_id>/members", "Who sits in an organization", out=MemberOut, many=True,
           act=Act.PEOPLE_PERSON_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    found = _organization(call, Act.PEOPLE_PERSON_READ)
    why = "Bring somebody in."
    follow = [call.next("invite", "POST", "/organizations/<id>/invitations", why, id=found)]
    return Answer(
        _members(call, call.house.people.members_of(found)),
        follow if call.may(Act.PEOPLE_INVITATION_SEND, found) else (),
    )


@table.post("/organizations/<organization_id>/members", "Seat a person", body=SeatIn, out=MemberOut,
            act=Act.PEOPLE_SEAT_GIVE)  # fmt: skip
def give(call: Call) -> Answer:
    found = _organization(call, Act.PEOPLE_SEAT_GIVE)
    if not call.may(Act.PEOPLE_PERSON_READ):
        # An owner seats those who belong there already; others are invited, and say yes themselves.
        known = {one.person_id for one in call.house.people.members_of(found)}
        if call.body["person_id"] not in known:
            raise Missing
    return _give(call, found)


@table.delete("/organizations/<organization_id>/members/<person_id>/<seat>", "Unseat a person", out=Done,
              act=Act.PEOPLE_SEAT_TAKE)  # fmt: skip
def take(call: Call) -> Answer:
    act = Act.PEOPLE_SEAT_TAKE if call.by.id != call.path["person_id"] else Act.CLIENTS_ORGANIZATION_READ
    found = _organization(call, act)
    with call.write() as tx:
        call.house.people.take_seat(tx, call.by, call.path["person_id"], found, _seat(call, ORGANIZATION))
    return Answer({"done": True})


@table.get("/house/members", "Who sits in the house", out=MemberOut, many=True, act=Act.PEOPLE_PERSON_READ)
def house_list(call: Call) -> Answer:
    demand(call.by, Act.PEOPLE_PERSON_READ)
    follow = [call.next("invite", "POST", "/house/invitations", "Bring in a reviewer, auditor or administrator.")]
    return Answer(
        _members(call, call.house.people.members_of(None)), follow if call.may(Act.PEOPLE_INVITATION_SEND) else ()
    )


@table.post("/house/members", "Seat a person in the house", body=HouseSeatIn, out=MemberOut, act=Act.PEOPLE_SEAT_GIVE)
def house_give(call: Call) -> Answer:
    demand(call.by, Act.PEOPLE_SEAT_GIVE)
    return _give(call, None)


@table.delete("/house/members/<person_id>/<seat>", "Unseat a person in the house", out=Done, act=Act.PEOPLE_SEAT_TAKE)
def house_take(call: Call) -> Answer:
    if call.by.id != call.path["person_id"]:
        demand(call.by, Act.PEOPLE_SEAT_TAKE)
    with call.write() as tx:
        call.house.people.take_seat(tx, call.by, call.path["person_id"], None, _seat(call, HOUSE))
    return Answer({"done": True})


def _seat(call: Call, known: tuple[str, ...]) -> str:
    if call.path["seat"] not in known:
        raise Missing
    return call.path["seat"]


@table.get("/organizations/<organization_id>/invitations", "Open invitations", out=InvitationOut, many=True,
           act=Act.PEOPLE_INVITATION_SEND)  # fmt: skip
def invitations(call: Call) -> Answer:
    return Answer(call.house.people.invitations(_organization(call, Act.PEOPLE_INVITATION_SEND)))


@table.post("/organizations/<organization_id>/invitations", "Offer a seat by mail", body=InvitationIn,
            out=InvitationOut, status=201, act=Act.PEOPLE_INVITATION_SEND)  # fmt: skip
def invite(call: Call) -> Answer:
    return _invite(call, _organization(call, Act.PEOPLE_INVITATION_SEND))


@table.get("/house/invitations", "Open invitations to the house", out=InvitationOut, many=True,
           act=Act.PEOPLE_INVITATION_SEND)  # fmt: skip
def house_invitations(call: Call) -> Answer:
    demand(call.by, Act.PEOPLE_INVITATION_SEND)
    return Answer(call.house.people.invitations(None))


@table.post("/house/invitations", "Offer a seat of the house by mail", body=HouseInvitationIn, out=InvitationOut,
            status=201, act=Act.PEOPLE_INVITATION_SEND)  # fmt: skip
def house_invite(call: Call) -> Answer:
    demand(call.by, Act.PEOPLE_INVITATION_SEND)
    return _invite(call, None)


def _invite(call: Call, organization_id: str | None) -> Answer:
    with call.write() as tx:
        made = call.house.people.invite(tx, call.by, call.body["email"], organization_id, call.body["seat"])
    href = call.href("/invitations/<id>", id=made.id)
    follow = [call.next("withdraw", "DELETE", "/invitations/<id>", "Take it back.", id=made.id)]
    return Answer(made, follow, headers={"Location": href})


@table.delete("/invitations/<invitation_id>", "Take an invitation back", out=Done, act=Act.PEOPLE_INVITATION_SEND)
def withdraw(call: Call) -> Answer:
    with call.write() as tx:
        call.house.people.withdraw(tx, call.by, call.path["invitation_id"])
    return Answer({"done": True})


@table.post("/people/invitation", "Accept an invitation with the code of a mail", who=Who.STRANGER, body=AcceptIn,
            out=SessionOut, secret=True)  # fmt: skip
def accept(call: Call) -> Answer:
    body = call.body
    issued = call.house.people.accept(body["code"], body["name"], body.get("password"), origin=call.origin)
    return signed_in(call, issued)


@table.get("/people/<person_id>", "A person", out=PersonOut, act=Act.PEOPLE_PERSON_READ)
def person(call: Call) -> Answer:
    return Answer(call.house.people.person(_person(call)))


@table.post("/people/<person_id>/disabling", "Shut a person out", out=PersonOut, act=Act.PEOPLE_PERSON_DISABLE)
def disable(call: Call) -> Answer:
    person_id = _person(call)
    with call.write() as tx:
        call.house.people.disable(tx, call.by, person_id)
    follow = [call.next("enable", "POST", "/people/<id>/enabling", "Let them in again.", id=person_id)]
    return Answer(call.house.people.person(person_id), follow)


@table.post("/people/<person_id>/enabling", "Let a person in again", out=PersonOut, act=Act.PEOPLE_PERSON_DISABLE)
def enable(call: Call) -> Answer:
    person_id = _person(call)
    with call.write() as tx:
        call.house.people.enable(tx, call.by, person_id)
    return Answer(call.house.people.person(person_id))


def _person(call: Call) -> str:
    """The person in the path, where this actor sees people.

    :raises Missing: whether somebody is there is nobody else's business.
    """
    if call.by.id != call.path["person_id"] and not call.may(Act.PEOPLE_PERSON_READ):
        raise Missing
    return call.path["person_id"]
