"""Editing facts, and proving the contact address. Who is past the draft stays behind the checks that let it in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ..clients import Application, registry
from ..contracts import Notice
from ..crypto import Secrets
from ..db import Transaction
from ..errors import Conflict, Invalid
from ..notices.outbox import CONFIDENTIAL
from ..people import Act, demand
from ..people.persons import person_by_id
from ..values import Actor, By, Flaw, State, Verdict
from . import examine, moves
from .desk import Desk
from .facts import demand_facts

PROOF_LIVES = dt.timedelta(days=3)
_PURPOSE = "onboarding:contact"


def edit(
    tx: Transaction, desk: Desk, by: By, application_id: str, changes: Mapping[str, Any], reason: str = ""
) -> Application:
    """Change facts. Behind the draft, nothing may be written that a check would have kept out.

    :raises Conflict: a check that passed before fails now, or the application is retired.
    """
    before = moves.locked(tx, application_id)
    demand(by, Act.CLIENTS_APPLICATION_CHANGE, before.organization_id)
    demand_facts(changes)
    after = registry.edit_application(tx, by, application_id, changes, reason)
    if after.state is State.DRAFT or after == before:
        return after
    earlier = {one.name for one in examine.results(tx, desk, application_id, tx.now) if one.verdict is Verdict.FAILED}
    for result in examine.run(tx, desk, by, after, "enter_sandbox"):
        # A new address waits for its proof; that alone takes nothing away.
        if result.blocks and result.verdict is Verdict.FAILED and result.name not in earlier:
            raise Conflict(f"{result.title} would no longer hold: {result.detail}", result.fix)
    return after


def send_proof(tx: Transaction, desk: Desk, by: By, application_id: str) -> None:
    """Mail a code to the contact address; who sends it back has read it.

    :raises Conflict: no address, or proved already. :raises Denied: 429.
    """
    application = registry.application(tx, application_id)
    demand(by, Act.CLIENTS_APPLICATION_CHANGE, application.organization_id)
    if not application.contact_email or application.contact_proved_at is not None:
        raise Conflict("There is no address to prove.", "Set contact_email first.")
    desk.throttle.mail(by, application.contact_email)
    until = int((tx.now + PROOF_LIVES).timestamp())
    code = f"{until}-{_seal(desk.secrets, application, until)}"
    text = (
        f"{application.name} names you as its contact. If that is right, give this code back within "
        f"{PROOF_LIVES.days} days:\n\n{code}\n\nIf it is not, you need do nothing.\n"
    )
    key = f"contact:{application.id}:{application.version}"
    to, facts = (application.contact_email,), {CONFIDENTIAL: True}  # whoever reads the code is the contact
    desk.notify(tx, Notice(key, "Confirm that you are the contact", text, to, facts=facts))


def settle(tx: Transaction, desk: Desk, by: By, application: Application) -> Application:
    """Take the contact as proved when it is the proved address of whoever names it; else send a code there."""
    if not application.contact_email or application.contact_proved_at is not None:
        return application
    if by.kind is Actor.PERSON:
        person = person_by_id(tx.conn, by.id)
        if person.email == application.contact_email and person.email_proved_at is not None:
            return registry.prove_contact(tx, by, application.id)
    send_proof(tx, desk, by, application.id)
    return application


def prove(tx: Transaction, desk: Desk, by: By, application_id: str, code: str) -> Application:
    """Take the code from the mail.

    :raises Invalid: it is not the code for the address as it stands now, or its time is over.
    """
    application = registry.application(tx, application_id)
    demand(by, Act.CLIENTS_APPLICATION_CHANGE, application.organization_id)
    told, _, seal = code.strip().partition("-")
    until = int(told) if told.isascii() and told.isdigit() and len(told) < 12 else 0
    if until < tx.now.timestamp() or not desk.secrets.same(seal, _seal(desk.secrets, application, until)):
        raise Invalid([Flaw("/code", "This is not the code that was sent to the address, or it is too old.")])
    return application if application.contact_proved_at else registry.prove_contact(tx, by, application_id)


def _seal(secrets: Secrets, application: Application, until: int) -> str:
    return secrets.digest(_PURPOSE, f"{application.id}\n{application.contact_email}\n{until}")[:40]
