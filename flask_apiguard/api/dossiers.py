"""The documents about applications: what comes in, what goes out."""

from __future__ import annotations

from marshmallow import fields

from ..values import State
from .clients import ClientOut
from .credentials import NewCredentialOut
from .fields import (
    PLAN_AT_MOST,
    SCOPE_AT_MOST,
    Choice,
    Email,
    Id,
    In,
    Line,
    Moment,
    Out,
    PageIn,
    Prose,
    Resource,
    Secret,
    Several,
    TableOf,
    Whole,
)


class FactsIn(In):
    name = Line(1, 200)
    purpose = Prose(0, 2000)
    contact_email = Email()
    redirect_uris = Several(Line(1, 500, metadata={"format": "uri"}), 20)
    requested_scopes = TableOf(
        Id(SCOPE_AT_MOST), Prose(0, 500), 50, metadata={"description": "Scope and what it is for."}
    )
    requested_plan = Id(PLAN_AT_MOST, allow_none=True)
    data_class = Line(0, 40)
    expected_calls_per_day = Whole(0, 10**9, allow_none=True)
    addresses = Several(
        Line(1, 60), 100,
        metadata={"description": "Where its servers call from, for reviewers to read; no call is bound to it."},
    )  # fmt: skip


class ApplicationIn(FactsIn):
    name = Line(1, 200, required=True)
    organization_id = Id()


class ReferenceIn(In):
    reference = Line(1, 200, required=True, allow_none=True)


class FilterIn(PageIn):
    state = Choice(*(state.value for state in State))
    organization_id = Id()
    reference = Line(1, 200)


class ApplicationOut(Resource):
    id = fields.String()
    organization_id = fields.String()
    name = fields.String()
    state = fields.String()
    purpose = fields.String()
    contact_email = fields.String()
    contact_proved_at = Moment(allow_none=True)
    redirect_uris = fields.List(fields.String())
    requested_scopes = fields.Dict(keys=fields.String(), values=fields.String())
    requested_plan = fields.String(allow_none=True)
    data_class = fields.String()
    expected_calls_per_day = fields.Integer(allow_none=True)
    addresses = fields.List(fields.String())
    reference = fields.String(allow_none=True)
    invited = fields.Boolean()
    created_at = Moment()
    moved_at = Moment()
    recertify_at = Moment(allow_none=True)
    version = fields.Integer()


class CertificationOut(Out):
    standing = fields.String()
    changes_at = Moment(allow_none=True)


class GrantedOut(Out):
    scope = fields.String()
    environment = fields.String()
    until = Moment(allow_none=True)


class WholeOut(ApplicationOut):
    """An application with its clients and what it holds."""

    clients = fields.List(fields.Nested(ClientOut(exclude=("next",))))
    grants = fields.List(fields.Nested(GrantedOut))
    certification = fields.Nested(CertificationOut)


class EnteredOut(Resource):
    """The sandbox client and its first credential, whose secret is shown once."""

    application = fields.Nested(ApplicationOut(exclude=("next",)))
    client = fields.Nested(ClientOut(exclude=("next",)))
    credential = fields.Nested(NewCredentialOut(exclude=("next",)))
    review_id = fields.String(allow_none=True)


class InviteIn(In):
    organization = Line(1, 200, required=True, metadata={"description": "An id, or the name of a new one."})
    name = Line(1, 200, required=True)
    reason = Prose(1, 2000, required=True)
    scopes = Several(Id(SCOPE_AT_MOST), 50, required=True)
    contact_email = Email()
    reference = Line(1, 200)
    plan = Id(PLAN_AT_MOST)
    environment = Choice("sandbox", "production", load_default="production")
    purpose = Prose(0, 2000, load_default="")
    data_class = Line(0, 40, load_default="")
    addresses = Several(Line(1, 60), 100, load_default=list)


class ContactIn(In):
    code = Secret(200, required=True)
