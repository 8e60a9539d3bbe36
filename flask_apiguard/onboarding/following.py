"""What can be done next with an application, and why: the ``next`` list of every answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from ..clients import Application, registry
from ..people import Act, may
from ..values import By, Environment, Standing, State
from . import examine, graduation, records
from .certification import Certified, certification_of
from .desk import Desk, Source
from .records import Kind, Review, ReviewState

BASE = "/apiguard/api/v1"


@dataclass(frozen=True, slots=True)
class Next:
    """One thing that this actor may do now. ``href`` is relative to the app's root."""

    action: str
    method: str
    href: str
    why: str


def next_of(source: Source, desk: Desk, by: By, application: Application, now: dt.datetime) -> list[Next]:
    """What this actor may do next, the most useful first; empty for a retired application."""
    if application.state is State.RETIRED:
        return []
    live = [
        review
        for state in records.LIVE
        for review in records.find(source, now, application_id=application.id, state=state)
    ]
    return [
        *_reviews(by, live), *_contact(by, application), *_state(source, desk, by, application, live, now),
        *_always(by, application),
    ]  # fmt: skip


def _here(application: Application, path: str = "") -> str:
    return f"{BASE}/applications/{application.id}{path}"


def _reviews(by: By, live: list[Review]) -> Iterator[Next]:
    for review in live:
        href, owner = f"{BASE}/reviews/{review.id}", review.organization_id
        if review.state is ReviewState.ASKED and may(by, Act.ONBOARDING_REVIEW_ANSWER, owner):
            yield Next("answer", "POST", f"{href}/answers", "A reviewer asked something and waits for the answer.")
        elif may(by, Act.ONBOARDING_REVIEW_DECIDE, owner) and review.requested_by != f"{by.kind}:{by.id}":
            yield Next("decide", "POST", f"{href}/decisions", f"A review of kind {review.kind} waits for a decision.")
        elif may(by, Act.ONBOARDING_REVIEW_WITHDRAW, owner):
            yield Next("withdraw", "POST", f"{href}/withdrawal", f"A review of kind {review.kind} waits; take it back.")


def _contact(by: By, application: Application) -> Iterator[Next]:
    """Proving the contact address; who invited an application vouches for its contact."""
    unproved = application.contact_email and application.contact_proved_at is None and not application.invited
    if unproved and may(by, Act.CLIENTS_APPLICATION_CHANGE, application.organization_id):
        why = "Give back the code that a mail brought to the contact address."
        yield Next("prove-contact", "POST", _here(application, "/contact/proof"), why)
        why = "The contact address is not proved yet: have its mail sent again."
        yield Next("send-contact-proof", "POST", _here(application, "/contact"), why)


def _state(
    source: Source, desk: Desk, by: By, application: Application, live: list[Review], now: dt.datetime
) -> Iterator[Next]:
    kinds = {review.kind for review in live}
    if application.state is State.DRAFT:
        yield from _draft(source, desk, by, application, now)
    elif application.state is State.SANDBOX and Kind.PRODUCTION not in kinds:
        missing = [step for step in graduation.steps(source, desk, application) if not (step.done or step.optional)]
        if missing:
            yield Next("graduation", "GET", _here(application, "/graduation"), f"Still to show: {missing[0].title}.")
        else:
            yield from _production(source, desk, by, application, now)
    yield from _standing(source, desk, by, application, kinds, now)


def _production(source: Source, desk: Desk, by: By, application: Application, now: dt.datetime) -> Iterator[Next]:
    """Asking for production; or else the check that is in its way, which says who can mend it."""
    owner = application.organization_id
    blocking = examine.in_the_way(source, desk, application, "enter_production", now)
    if not blocking and may(by, Act.ONBOARDING_REVIEW_OPEN, owner):
        why = "The sandbox has shown what is needed: ask for production."
        yield Next("request-production", "POST", _here(application, "/reviews"), why)
    for one in blocking:
        why = f"In the way of production: {one.detail} {one.fix}".strip()
        if one.name == "reference" and may(by, Act.CLIENTS_APPLICATION_REFER, owner):
            yield Next("set-reference", "PUT", _here(application, "/reference"), why)
        elif may(by, Act.ONBOARDING_CHECK_RUN, owner):
            yield Next("run-checks", "POST", _here(application, "/checks"), why)


def _draft(source: Source, desk: Desk, by: By, application: Application, now: dt.datetime) -> Iterator[Next]:
    owner = application.organization_id
    results = examine.results(source, desk, application.id, now)
    never = any(one.at is None and one.blocks and "enter_sandbox" in one.before for one in results)
    # What was in the way then may be mended since, and what nobody looked at yet may be in the way.
    blocking = examine.in_the_way(source, desk, application, "enter_sandbox", now)
    if (blocking or never) and may(by, Act.ONBOARDING_CHECK_RUN, owner):
        why = f"{blocking[0].title}: {blocking[0].fix}" if blocking else "See what the checks find."
        yield Next("run-checks", "POST", _here(application, "/checks"), why)
    if blocking and may(by, Act.CLIENTS_APPLICATION_CHANGE, owner):
        yield Next("edit", "PATCH", _here(application), blocking[0].fix)
    if not blocking and may(by, Act.ONBOARDING_APPLICATION_MOVE, owner):
        why = "Sandbox credentials come at once when the checks pass."
        yield Next("enter-sandbox", "POST", _here(application, "/sandbox"), why)


def _standing(
    source: Source, desk: Desk, by: By, application: Application, kinds: set[Kind], now: dt.datetime
) -> Iterator[Next]:
    owner = application.organization_id
    for client in registry.clients_of(source, application.id):
        if client.standing is Standing.SUSPENDED and Kind.RESUME not in kinds:
            if may(by, Act.ONBOARDING_REVIEW_OPEN, owner):
                why = f"The {client.environment} client is suspended: ask for its return."
                yield Next("request-resume", "POST", _here(application, "/reviews"), why)
        elif client.environment is Environment.PRODUCTION and may(by, Act.CREDENTIALS_CREDENTIAL_CREATE, owner):
            why = "Production has credentials of its own."
            yield Next("create-credential", "POST", f"{BASE}/clients/{client.id}/credentials", why)
    step, following = certification_of(application, now, desk.certification)
    if step is not Certified.CURRENT and may(by, Act.ONBOARDING_RECERTIFICATION_CONFIRM, owner):
        date = f" The next step comes on {following:%Y-%m-%d}." if following else ""
        yield Next("recertify", "POST", _here(application, "/recertification"), f"It is {step}.{date}")


def _always(by: By, application: Application) -> Iterator[Next]:
    owner = application.organization_id
    if application.state is not State.DRAFT and may(by, Act.ONBOARDING_REVIEW_OPEN, owner):
        yield Next("request-scopes", "POST", _here(application, "/reviews"), "Ask for more scopes or another plan.")
    if may(by, Act.ONBOARDING_APPLICATION_RETIRE, owner):
        yield Next("retire", "POST", _here(application, "/retirement"), "End it for good: all is revoked at once.")
