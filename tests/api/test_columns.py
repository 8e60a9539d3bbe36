"""What a document may hold, its column holds: PostgreSQL refuses what is longer, and SQLite would never tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from marshmallow import fields, validate

from flask_apiguard.access.tables import client_role, grant
from flask_apiguard.api.certificates import NAMES
from flask_apiguard.api.endpoints import ENDPOINTS
from flask_apiguard.api.fields import Choice, Email, Id, Several, TableOf
from flask_apiguard.api.plans import LimitIn
from flask_apiguard.clients.tables import application, client, organization
from flask_apiguard.credentials.tables import credential
from flask_apiguard.db import metadata
from flask_apiguard.oauth.certificate_table import oauth_certificate
from flask_apiguard.oauth.tables import oauth_client, oauth_consent
from flask_apiguard.onboarding.tables import review, review_message, waiver
from flask_apiguard.people.tables import invitation, person, person_token, seat
from flask_apiguard.quotas.plans import override_table, plan_table

from .conftest import FACTS, Town

#: Where a member of a document is stored, by schema and name, or by name. Empty: it is looked up, compared, hashed or
#: kept within JSON.
COLUMNS: dict[str, tuple[sa.Column[Any], ...]] = {
    "addresses": (),
    "before": (),
    "certificate": (),
    "certificate_bound": (),
    "code": (),
    "contact_email": (application.c.contact_email,),
    "current": (),
    "data_class": (application.c.data_class,),
    "decision": (),
    "device": (),
    "email": (person.c.email, invitation.c.email),
    "endpoints": (),
    "environment": (grant.c.environment, client.c.environment, review.c.environment),
    "expected_calls_per_day": (application.c.expected_calls_per_day,),
    "grant_types": (),
    "jwk": (),
    "keep": (grant.c.scope,),
    "kind": (credential.c.kind, review.c.kind),
    "lifetime": (),
    "limits": (),
    "name": (application.c.name, client.c.name, credential.c.name, organization.c.name, person.c.name),
    "new": (),
    "organization": (organization.c.name,),
    "organization_id": (),
    "overlap": (),
    "password": (),
    "per": (),
    "person_id": (),
    "plan": (client.c.plan, review.c.plan, application.c.requested_plan),
    "public": (),
    "purpose": (application.c.purpose,),
    "question": (review_message.c.text,),
    "quota": (),
    "rate": (),
    "reason": (
        review.c.reason, review.c.decision_reason, client.c.standing_reason, credential.c.revoked_reason,
        waiver.c.reason,
    ),
    "redirect_uris": (),
    "reference": (application.c.reference,),
    "requested_plan": (application.c.requested_plan, client.c.plan, review.c.plan),
    "requested_scopes": (),
    "roles": (client_role.c.role,),
    **dict.fromkeys(NAMES, (oauth_certificate.c.value,)),
    "scope": (),
    "scopes": (grant.c.scope,),
    "seat": (seat.c.seat, invitation.c.seat),
    "seats": (),
    "text": (review_message.c.text,),
    "timezone": (),
    "title": (plan_table.c.title,),
    "token_format": (oauth_client.c.token_format,),
    "user_id": (oauth_consent.c.user_id,),
    "version": (),
    "LimitIn.name": (plan_table.c.name, override_table.c.name),
    "OverrideIn.reason": (override_table.c.reason,),
    "TokenIn.name": (person_token.c.name,),
    "VerifyIn.until": (),
}  # fmt: skip
BODIES = sorted({LimitIn, *(one.body for one in ENDPOINTS if one.body is not None)}, key=lambda body: body.__name__)


def parts(field: Any) -> Iterator[Any]:
    """A field's texts and numbers; of a list and a table those within."""
    if isinstance(field, Several):
        yield from parts(field.inner)
    elif isinstance(field, TableOf):
        yield from parts(field.key_field)
    elif isinstance(field, fields.String | fields.Integer):
        yield field


def most(field: Any) -> int:
    """The longest text, or the greatest number, that a field takes."""
    if isinstance(field, Id):
        return field.most
    if isinstance(field, Email):
        return 254
    if isinstance(field, Choice):
        return max(len(word) for one in field.validators for word in one.choices)  # type: ignore[attr-defined]
    return max(one.max for one in field.validators if isinstance(one, validate.Length | validate.Range))


def room(column: sa.Column[Any]) -> float:
    """What a column holds."""
    if isinstance(column.type, sa.Integer):
        return 2.0**31 - 1
    length = getattr(column.type, "length", None)
    return float("inf") if length is None else float(length)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_member_that_is_stored_fits_its_column(body: Any) -> None:
    for name, field in body().load_fields.items():
        for part in parts(field):
            columns = COLUMNS.get(f"{body.__name__}.{name}", COLUMNS.get(name))
            assert columns is not None, f"say where {body.__name__}.{name} is stored"
            for column in columns:
                assert most(part) <= room(column), (body.__name__, name, str(column))


def test_what_a_name_leads_to_holds_it_as_well() -> None:
    """A plan that exists, a scope that is known and a role can be asked for under its whole name."""
    known = {"plan": plan_table.c.name, "scope": metadata.tables["apiguard_scope"].c.name}
    for stored in (application.c.requested_plan, client.c.plan, review.c.plan):
        assert room(known["plan"]) <= room(stored)
    assert room(known["scope"]) <= room(grant.c.scope)
    assert room(metadata.tables["apiguard_role"].c.name) <= room(client_role.c.role)


def test_a_plan_with_too_long_a_name_is_refused_before_the_store(town: Town) -> None:
    long = {**FACTS, "organization_id": town.ids["ann_org"], "requested_plan": "p" * 81}
    refused = town.go("POST", "/applications", long, "ann")
    assert refused.status == 422
    assert [flaw["pointer"] for flaw in refused.json["errors"]] == ["/requested_plan"]
