"""People: an account, its proof, signing in and out, and who I am."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from ..clients import registry
from ..credentials import get as credential_of
from ..errors import Missing
from ..people import Act, Issued, Person
from ..values import Actor
from .call import Answer, Call, Next
from .fields import Done, Email, In, Line, Moment, Out, Password, Resource, Secret
from .table import Table, Who

table = Table("people")


class RegisterIn(In):
    email = Email(required=True)
    name = Line(0, 200, load_default="")
    password = Password(new=True)


class RegisteredOut(Resource):
    email = Email()
    told = fields.String()


class ProveIn(In):
    code = Secret(200, required=True)
    password = Password(new=True)


class SignInIn(In):
    email = Email(required=True)
    password = Password(new=False, required=True)


class EmailIn(In):
    email = Email(required=True)


class CodeIn(In):
    code = Secret(200, required=True)


class PasswordIn(In):
    current = Password(new=False, allow_none=True, load_default=None)
    new = Password(new=True, required=True)


class PersonOut(Resource):
    id = fields.String()
    email = Email(allow_none=True)
    name = fields.String()
    email_proved_at = Moment(allow_none=True)
    disabled_at = Moment(allow_none=True)
    created_at = Moment()
    has_password = fields.Boolean()


class SessionOut(Resource):
    """A new session. ``secret`` is shown once: send it as ``Authorization: Bearer``."""

    id = fields.String()
    kind = fields.String()
    secret = fields.String()
    expires_at = Moment()
    person = fields.Nested(PersonOut(exclude=("next",)))


class SeatOut(Out):
    organization_id = fields.String(allow_none=True)
    organization = fields.String(allow_none=True)
    seat = fields.String()
    since = Moment()
    until = Moment(allow_none=True)


class MeOut(Resource):
    """Who calls: a person with its seats, or a client with what it holds."""

    kind = fields.String()
    id = fields.String()
    name = fields.String()
    email = Email(allow_none=True)
    acting_for = fields.String(allow_none=True)
    seats = fields.List(fields.Nested(SeatOut))
    application_id = fields.String()
    environment = fields.String()
    plan = fields.String(allow_none=True)
    scopes = fields.List(fields.String())
    roles = fields.List(fields.String())
    credential_id = fields.String(allow_none=True)
    credential_expires_at = Moment(allow_none=True)


def signed_in(call: Call, issued: Issued) -> Answer:
    """What follows a sign-in of any kind."""
    value = {
        "id": issued.id, "kind": issued.kind, "secret": issued.secret, "expires_at": issued.expires_at,
        "person": issued.person,
    }  # fmt: skip
    return Answer(value, [call.next("me", "GET", "/me", "See who you are here, and what to do first.")])


@table.post("/people", "Register a person", who=Who.STRANGER, body=RegisterIn, out=RegisteredOut, status=202,
            open_only=True)  # fmt: skip
def register(call: Call) -> Answer:
    people, body = call.house.people, call.body
    people.admit(body["email"], origin=call.origin)
    password = body.get("password")
    hashed = None if password is None else people.hashed(password, body["email"], origin=call.origin)
    with call.write() as tx:
        made = people.register(tx, body["email"], body["name"], hashed, origin=call.origin)
    told = made.answer()
    why = "The mail brings a code that proves the address."
    return Answer({"email": told["email"], "told": told["next"]}, [call.next("prove", "POST", "/people/proof", why)])


@table.post("/people/proof", "Prove an address with the code of a mail", who=Who.STRANGER, body=ProveIn,
            out=SessionOut, secret=True)  # fmt: skip
def prove(call: Call) -> Answer:
    body = call.body
    return signed_in(call, call.house.people.prove(body["code"], body.get("password"), origin=call.origin))


@table.post("/people/session", "Sign in with address and password", who=Who.STRANGER, body=SignInIn, out=SessionOut,
            secret=True)  # fmt: skip
def sign_in(call: Call) -> Answer:
    body = call.body
    return signed_in(call, call.house.people.sign_in(body["email"], body["password"], origin=call.origin))


@table.delete("/people/session", "Sign out", out=Done)
def sign_out(call: Call) -> Answer:
    call.house.people.sign_out(call.session, origin=call.origin)
    return Answer({"done": True}, [call.next("sign-in", "POST", "/people/session", "Begin a new session.")])


@table.post("/people/link", "Ask for a sign-in link by mail", who=Who.STRANGER, body=EmailIn, out=Done, status=202)
def request_link(call: Call) -> Answer:
    call.house.people.request_link(call.body["email"], origin=call.origin)
    why = "The mail brings a code that signs in once."
    return Answer({"done": True}, [call.next("sign-in-by-link", "POST", "/people/link/session", why)])


@table.post("/people/link/session", "Sign in with the code of a mail", who=Who.STRANGER, body=CodeIn, out=SessionOut,
            secret=True)  # fmt: skip
def sign_in_by_link(call: Call) -> Answer:
    return signed_in(call, call.house.people.sign_in_by_link(call.body["code"], origin=call.origin))


@table.get("/me", "Who I am here", who=Who.CLIENT, out=MeOut)
def me(call: Call) -> Answer:
    return _client(call) if call.caller is not None else _person(call)


@table.put("/me/password", "Set another password", body=PasswordIn, out=Done)
def password(call: Call) -> Answer:
    call.house.people.change_password(call.session, call.body["current"], call.body["new"], origin=call.origin)
    return Answer({"done": True}, [call.next("me", "GET", "/me", "Every other session was ended.")])


def _person(call: Call) -> Answer:
    found = call.house.people.person(call.person_id)
    held = call.house.people.seats_of(found.id)
    ids = sorted({one.organization_id for one in held if one.organization_id is not None})
    with call.read() as conn:
        names = {one.id: one.name for one in registry.organizations(conn, ids=ids, limit=max(1, len(ids)))}
    seats = [
        {"organization_id": one.organization_id, "organization": names.get(one.organization_id or ""),
         "seat": one.seat, "since": one.since, "until": one.until} for one in held
    ]  # fmt: skip
    value = {
        "kind": Actor.PERSON.value, "id": found.id, "name": found.name, "email": found.email,
        "acting_for": call.by.organization_id, "seats": seats,
    }  # fmt: skip
    return Answer(value, list(_first(call, found, bool(ids))))


def _first(call: Call, found: Person, seated: bool) -> list[Next]:
    follow = []
    if seated:
        why = "Register what will call, and see how far yours are."
        follow = [
            call.next("applications", "GET", "/applications", "See your applications."),
            call.next("create-application", "POST", "/applications", why),
        ]
    elif call.house.onboarding.door == "open":
        follow.append(call.next("create-organization", "POST", "/organizations", "Applications belong to one."))
    if call.may(Act.ONBOARDING_REVIEW_DECIDE):
        follow.append(call.next("reviews", "GET", "/reviews", "See what waits for a decision."))
    if not found.has_password and call.session is not None:
        follow.append(call.next("set-password", "PUT", "/me/password", "Sign in without a mail next time."))
    follow.append(call.next("create-token", "POST", "/me/tokens", "Let a command or program act as you."))
    return follow


def _client(call: Call) -> Answer:
    caller = call.caller
    facts = caller.client if caller is not None else None
    if caller is None or facts is None:
        raise Missing
    expires: Any = None
    follow = [call.next("usage", "GET", "/clients/<id>/usage", "See what is left of the plan.", id=facts.id)]
    if caller.credential_id is not None and caller.credential_id.startswith("cred_"):
        with call.read() as conn:
            expires = credential_of(conn, caller.credential_id).ends_at
        why = "Get a successor before this one ends."
        follow.append(call.next("rotate", "POST", "/credentials/<id>/rotation", why, id=caller.credential_id))
    return Answer({
        "kind": Actor.CLIENT.value, "id": facts.id, "name": facts.name, "application_id": facts.application_id,
        "environment": facts.environment.value, "plan": facts.plan, "scopes": sorted(caller.scopes),
        "roles": sorted(caller.roles), "credential_id": caller.credential_id, "credential_expires_at": expires,
        "acting_for": facts.organization_id,
    }, follow)  # fmt: skip
