"""The two doors: people register an application, or an operator invites one with a single act and a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..access import give
from ..clients import Application, Client, registry
from ..clients.registry import EDITABLE
from ..credentials import Credential
from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict, Forbidden, Invalid
from ..ledger import enter
from ..people import Act, demand, may, own
from ..quotas.plans import plan_of
from ..values import By, Environment, Flaw, Happening, State
from . import moves, outcome, records
from .desk import Desk, hand
from .facts import DATA_CLASS_AT_MOST, NAME_AT_MOST, demand_facts
from .policy import highest
from .records import Basis, Kind, Review, ReviewState
from .standing import demand_reason

OPEN, INVITED = "open", "invited"
#: What one organization may have lying about; each may name a stranger's address as its contact.
DRAFTS_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Invited:
    """What one invitation made. ``secret`` is shown here and nowhere else, ever."""

    application: Application
    client: Client
    credential: Credential
    secret: str = field(repr=False)
    review_id: str | None = None


def register(
    tx: Transaction, desk: Desk, by: By, organization_id: str, facts: Mapping[str, Any], reason: str = ""
) -> Application:
    """A draft. ``facts`` are the editable ones (``name`` is needed), already of the right types.

    :raises Forbidden: the door is ``invited`` and the actor is no administrator.
    :raises Invalid: no name, or a fact that is not the organization's to set. :raises Conflict: too many drafts.
    """
    demand(by, Act.CLIENTS_APPLICATION_CREATE, organization_id)
    if desk.door != OPEN and not may(by, Act.CLIENTS_ORGANIZATION_CREATE):
        raise Forbidden("Applications come in by invitation here.", "administrator", "Ask the API's owner.")
    flaws = [Flaw(f"/{name}", "This can't be set here.") for name in sorted(set(facts) - EDITABLE)]
    if flaws:
        raise Invalid(flaws)
    demand_facts({"name": None, **facts})
    if not may(by, Act.CLIENTS_ORGANIZATION_CREATE):
        _demand_few_drafts(tx, organization_id)
    rest = {key: value for key, value in facts.items() if key != "name"}
    return registry.create_application(tx, by, organization_id, facts["name"].strip(), reason=reason, **rest)


def _demand_few_drafts(tx: Transaction, organization_id: str) -> None:
    drafts = registry.applications(tx, organization_ids=[organization_id], state=State.DRAFT, limit=DRAFTS_AT_MOST)
    if len(drafts) >= DRAFTS_AT_MOST:
        raise Conflict(f"This organization has {DRAFTS_AT_MOST} drafts.", "Take one to the sandbox, or retire one.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom an operator invites.

    ``organization`` is an id, or the name of a new one; ``scopes`` may say for each what it is for, else ``reason``
    does. ``lifetime`` is the key's.
    """

    organization: str
    name: str
    reason: str
    scopes: Mapping[str, str] | Iterable[str]
    contact_email: str = ""
    reference: str | None = None
    plan: str | None = None
    environment: Environment = Environment.PRODUCTION
    purpose: str = ""
    data_class: str = ""
    addresses: tuple[str, ...] = ()
    lifetime: dt.timedelta | None = None


def invite(tx: Transaction, desk: Desk, by: By, wanted: Wanted) -> Invited:
    """Organization, application, client, checks, grants and key in one act.

    :raises Forbidden: not an operator or administrator, or one of the organization itself.
    :raises Invalid: no reason, name, scope, or a plan that isn't there. :raises Conflict: a check blocks.
    """
    name, reason, environment = wanted.name.strip(), wanted.reason, wanted.environment
    _demand_operator(by, wanted.organization)
    demand_reason(reason)
    scopes = wanted.scopes
    asked = dict(scopes) if isinstance(scopes, Mapping) else dict.fromkeys(scopes, reason)
    _demand_facts(tx, name, asked, wanted)
    application = registry.create_application(
        tx, by, _organization(tx, by, wanted.organization).id, name, reason=reason, invited=True,
        purpose=wanted.purpose or reason, contact_email=wanted.contact_email, requested_scopes=asked,
        requested_plan=wanted.plan, reference=wanted.reference, data_class=wanted.data_class,
        addresses=wanted.addresses,
    )  # fmt: skip
    review_id = _let_in(tx, desk, by, application, environment, reason)
    client = next(one for one in registry.clients_of(tx, application.id) if one.environment is environment)
    credential, secret = desk.keys.create(tx, by, client.id, name=name, lifetime=wanted.lifetime, reason=reason)
    return Invited(registry.application(tx, application.id), client, credential, secret, review_id)


def _let_in(
    tx: Transaction, desk: Desk, by: By, application: Application, environment: Environment, reason: str
) -> str | None:
    """By the same moves as anybody's, as far as was said; the id of the review that production rests on.

    Checks run and block, and the review is one that the operator's invitation approves: the ledger shows it as such.
    """
    asked, plan = application.requested_scopes, application.requested_plan
    moves.make(tx, desk, by, application.id, State.SANDBOX, reason=reason)
    if environment is Environment.PRODUCTION:
        return _approve(tx, desk, by, application, tuple(sorted(asked)), plan, reason)
    registry.create_client(tx, by, application.id, environment, plan=plan)
    give(tx, by, application.id, environment, asked, reason=reason)
    return None


def _demand_operator(by: By, organization: str) -> None:
    demand(by, Act.CLIENTS_ORGANIZATION_CREATE)
    demand(by, Act.ACCESS_GRANT_WRITE)
    if own(by, organization):
        raise Forbidden(
            "Nobody invites their own organization.", "administrator of another organization", "Leave it to them."
        )


def _demand_facts(tx: Transaction, name: str, scopes: Mapping[str, str], wanted: Wanted) -> None:
    flaws = []
    if not 0 < len(name.strip()) <= NAME_AT_MOST:
        flaws.append(Flaw("/name", f"Write a name of 1 to {NAME_AT_MOST} characters."))
    if not scopes:
        flaws.append(Flaw("/scopes", "Name at least one scope."))
    if wanted.plan is not None and plan_of(tx.conn, wanted.plan) is None:
        flaws.append(Flaw("/plan", "There is no such plan."))
    if len(wanted.data_class) > DATA_CLASS_AT_MOST:
        flaws.append(Flaw("/data_class", f"Write at most {DATA_CLASS_AT_MOST} characters."))
    if flaws:
        raise Invalid(flaws)


def _organization(tx: Transaction, by: By, told: str) -> registry.Organization:
    if told.startswith("org_"):
        return registry.organization(tx, told)
    if not 0 < len(told.strip()) <= NAME_AT_MOST:
        raise Invalid([Flaw("/organization", f"Write an id, or a name of 1 to {NAME_AT_MOST} characters.")])
    return registry.create_organization(tx, by, told.strip())


def _approve(
    tx: Transaction,
    desk: Desk,
    by: By,
    application: Application,
    scopes: tuple[str, ...],
    plan: str | None,
    reason: str,
) -> str:
    """The review that an invitation is: asked for and approved by the operator, with the same outcome as any other."""
    found = desk.scopes.find(tx, scopes)
    review = Review(
        new_id("rev"), application.id, application.organization_id, Kind.PRODUCTION, Environment.PRODUCTION,
        ReviewState.APPROVED, scopes, reason, highest(found), 0, Basis.INVITATION, hand(by), tx.now, tx.now,
        {"scopes": {"held": [], "asked": list(scopes), "added": list(scopes)},
         "risks": {scope.name: scope.risk.value for scope in found}},
        plan=plan, approved_scopes=scopes, decided_at=tx.now, decided_by=hand(by), decision_reason=reason,
    )  # fmt: skip
    records.write(tx, review)
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_DECIDED, f"review:{review.id}", reason=reason,
        after={"state": "approved", "scopes": list(scopes), "basis": Basis.INVITATION.value},
        evidence={"application": application.id}, organization=application.organization_id,
    )  # fmt: skip
    outcome.carry_out(tx, desk, by, review)
    return review.id
