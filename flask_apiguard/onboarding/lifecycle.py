"""The counter's side for applications: the two doors, moves, checks, graduation, standing and certification."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from ..clients import Application, Client, Organization, registry
from ..contracts import OnboardingCheck, Registry
from ..db import Transaction
from ..errors import Conflict
from ..people import Act, demand
from ..values import By, Environment, State
from . import certification, door, editing, examine, graduation, moves, organizations, sandbox, standing
from .certification import Certified
from .counter import MOVE, REVIEW, Counter
from .desk import Call, Source, refusals
from .door import Invited
from .examine import CheckResult, Waiver
from .graduation import Step
from .policy import Certification
from .sandbox import Entered


class Lifecycle(Counter):
    """Applications from the door to retirement."""

    checks: Registry[OnboardingCheck]
    certification: Certification

    # The two doors

    def register_organization(self, tx: Transaction, by: By, name: str, reason: str = "") -> tuple[Organization, By]:
        """Register an organization, and the actor as who sits in it now: of one's own one is the first owner.

        :raises Forbidden: only administrators do, behind the closed door. :raises Conflict: one owns enough of them.
        """
        return organizations.register(tx, self._desk, by, name, reason)

    def rename_organization(
        self, tx: Transaction, by: By, organization_id: str, name: str, reason: str = ""
    ) -> Organization:
        """Give an organization another name."""
        return organizations.rename(tx, by, organization_id, name, reason)

    def register(
        self, tx: Transaction, by: By, organization_id: str, facts: Mapping[str, Any], reason: str = ""
    ) -> Application:
        """Register a draft for one's own organization. :raises Forbidden: applications come in by invitation."""
        with refusals(tx, by, MOVE, f"organization:{organization_id}", organization_id, attempted="register"):
            return door.register(tx, self._desk, by, organization_id, facts, reason)

    def invite(
        self,
        tx: Transaction,
        by: By,
        *,
        organization: str,
        name: str,
        reason: str,
        scopes: Mapping[str, str] | Iterable[str],
        contact_email: str = "",
        reference: str | None = None,
        plan: str | None = None,
        environment: Environment | str = Environment.PRODUCTION,
        purpose: str = "",
        data_class: str = "",
        addresses: Iterable[str] = (),
        lifetime: dt.timedelta | None = None,
    ) -> Invited:
        """An operator's one act: organization (id or new name), application, client, checks, grants, key."""
        wanted = door.Wanted(
            organization, name, reason, scopes, contact_email, reference, plan, Environment(environment), purpose,
            data_class, tuple(addresses), lifetime,
        )  # fmt: skip
        whose = organization if organization.startswith("org_") else None
        with refusals(tx, by, MOVE, f"organization:{organization[:60]}", whose, attempted="invite"):
            return door.invite(tx, self._desk.having_seen(()), by, wanted)

    def edit(
        self,
        tx: Transaction,
        by: By,
        application_id: str,
        changes: Mapping[str, Any],
        reason: str = "",
        *,
        calls: Iterable[Call] | None = None,
    ) -> Application:
        """Change facts; checks may run again, and look at ``calls``.

        :raises Invalid: a dangerous redirect URI. :raises Conflict: a check would fail now.
        """
        with self._attempt(tx, by, MOVE, "application", application_id, attempted="edit"):
            return editing.edit(tx, self._desk.having_seen(calls), by, application_id, changes, reason)

    def settle_contact(self, tx: Transaction, by: By, application: Application) -> Application:
        """Take a new contact as proved when it is the proved address of whoever named it; else mail a code there."""
        return editing.settle(tx, self._desk, by, application)

    def send_contact_proof(self, tx: Transaction, by: By, application_id: str) -> None:
        """Mail a code to the contact address. Not needed where it is a member's own proved address."""
        editing.send_proof(tx, self._desk, by, application_id)

    def prove_contact(self, tx: Transaction, by: By, application_id: str, code: str) -> Application:
        """Take the code from that mail. :raises Invalid: it is another, or too old."""
        return editing.prove(tx, self._desk, by, application_id, code)

    # Moves

    def move(self, tx: Transaction, by: By, application_id: str, to: State | str, *, reason: str = "") -> Application:
        """Move an application; whatever the table doesn't allow is refused, on record.

        :raises Conflict: no such move, a check blocks, or production without an approved review.
        """
        wanted = State(to)
        with self._attempt(tx, by, MOVE, "application", application_id, attempted=wanted.value):
            if wanted is State.SANDBOX:
                return sandbox.move(tx, self._desk.having_seen(()), by, application_id, reason)[0]
            if wanted is State.RETIRED:
                return standing.retire(tx, self._desk, by, application_id, reason)
            return moves.make(tx, self._desk, by, application_id, wanted, reason=reason)

    def enter_sandbox(self, tx: Transaction, by: By, application_id: str) -> Entered:
        """Into the sandbox, with a client and a credential at once; a review asks for what isn't low-risk."""
        with self._attempt(tx, by, MOVE, "application", application_id, attempted=State.SANDBOX.value):
            return sandbox.enter_sandbox(tx, self._desk.having_seen(()), by, application_id)  # nobody called there yet

    def retire(self, tx: Transaction, by: By, application_id: str, reason: str) -> Application:
        """End an application for good; everything it holds is revoked in this transaction."""
        return self.move(tx, by, application_id, State.RETIRED, reason=reason)

    # Checks

    def checks_of(self, source: Source, application_id: str) -> list[CheckResult]:
        """What every check found last; waiting where one never ran."""
        registry.application(source, application_id)
        return examine.results(source, self._desk, application_id, self._now(source))

    def run_checks(
        self,
        tx: Transaction,
        by: By,
        application_id: str,
        before: str | None = None,
        *,
        calls: Iterable[Call] | None = None,
    ) -> list[CheckResult]:
        """Run all checks, or those that a move (``enter_sandbox``, ``enter_production``) waits for."""
        application = moves.locked(tx, application_id)
        demand(by, Act.ONBOARDING_CHECK_RUN, application.organization_id)
        if application.state is State.RETIRED:
            raise Conflict("A retired application is not examined any more.", "Nothing is left to do.")
        return examine.run(tx, self._desk.having_seen(calls), by, application, before)

    def waive(
        self, tx: Transaction, by: By, application_id: str, check: str, reason: str, until: dt.datetime
    ) -> Waiver:
        """Propose that a check be not waited for until a date; in force once ``second`` agrees."""
        with self._attempt(tx, by, REVIEW, "application", application_id, attempted="waive", check=check[:80]):
            return examine.waive(tx, self._desk, by, application_id, check, reason, until)

    def second(self, tx: Transaction, by: By, waiver_id: str) -> Waiver:
        """Agree to a waiver as the second person."""
        found = examine.waiver(tx, waiver_id)
        with self._attempt(tx, by, REVIEW, "application", found.application_id, attempted="second", check=found.check):
            return examine.second(tx, by, waiver_id)

    def waivers(self, source: Source, application_id: str) -> list[Waiver]:
        """Every waiver of an application, in force or not."""
        return examine.waivers(source, application_id)

    # Graduation

    def graduation_of(self, source: Source, application_id: str) -> list[Step]:
        """Each step, and whether a call was observed that fulfils it."""
        return graduation.steps(source, self._desk, registry.application(source, application_id))

    def offer(self, source: Source, application_id: str) -> list[str]:
        """The requested scopes that production would be offered: those a good call was observed for."""
        return sorted(graduation.exercised(source, self._desk, registry.application(source, application_id)))

    def look(self, source: Source, application_id: str) -> list[Call]:
        """The calls that graduation would look at now: read before a transaction that writes, for ``calls``."""
        return graduation.look(source, self._desk, registry.application(source, application_id))

    # Standing and certification

    def suspend(self, tx: Transaction, by: By, client_id: str, reason: str) -> Client:
        """Stop a client from its next request on."""
        with self._attempt(tx, by, MOVE, "client", client_id, attempted="suspend"):
            return standing.suspend(tx, by, client_id, reason)

    def resume(self, tx: Transaction, by: By, client_id: str, reason: str) -> Client:
        """Take back one's own suspension within minutes. :raises Conflict: it takes an approved review."""
        with self._attempt(tx, by, MOVE, "client", client_id, attempted="resume"):
            return standing.resume(tx, self._desk, by, client_id, reason)

    def may_resume(self, source: Source, by: By, client_id: str) -> bool:
        """Whether ``resume`` would take this actor's suspension of the client back now."""
        return standing.is_own(source, self._desk, by, client_id, self._now(source))

    def certification_of(
        self, application: Application, now: dt.datetime | None = None
    ) -> tuple[Certified, dt.datetime | None]:
        """How far silence has led, and when that changes next."""
        moment = now or self._desk.clock.now()
        return certification.certification_of(application, moment, self.certification)
