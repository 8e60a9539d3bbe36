"""The room's counter: one class that pages, API and commands talk to. The work is done behind it.

Every method stands in the caller's transaction or connection; ``tick`` alone opens its own. An attempt that is refused
is put on record in a transaction of its own once the caller's has ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ..access import ScopeBook
from ..clients import Application, Client, registry
from ..clock import Clock
from ..contracts import Notice, OnboardingCheck, Registry
from ..credentials import KEY_LIFETIME, Keys
from ..crypto import Secrets
from ..db import Store, Transaction
from ..errors import Conflict
from ..notices import notify as queue_notice
from ..people import Act, Throttle, demand
from ..values import By, Environment, Happening, State
from . import (
    asking,
    certification,
    deciding,
    door,
    editing,
    examine,
    following,
    graduation,
    moves,
    records,
    sandbox,
    standing,
    talking,
)
from . import tick as ticking
from .certification import Certified
from .checks import registry_of
from .desk import Call, Desk, Observed, Reachable, ScopesOfRoute, Source, refusals
from .door import Invited
from .examine import CheckResult, Waiver
from .following import Next
from .graduation import Step
from .policy import Certification, ReviewPolicy
from .records import Kind, Review, ReviewState
from .sandbox import Entered

_MOVE, _REVIEW = Happening.ONBOARDING_MOVE_REFUSED, Happening.ONBOARDING_REVIEW_REFUSED


class Onboarding:
    """The lifecycle of applications: checks, graduation, reviews, certification, standing, of one house.

    ``observed`` brings sandbox calls, ``scopes_of_route`` says what a call exercised, ``demanded`` which scopes any
    route demands, ``reachable`` which routes a set of scopes newly opens; ``monitor_start`` begins monitoring in the
    transaction of the move to production, ``monitor_end`` ends it in that of retirement.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        scopes: ScopeBook,
        keys: Keys,
        secrets: Secrets,
        *,
        checks: Registry[OnboardingCheck] | None = None,
        observed: Observed = lambda application_id, environment, since: (),
        scopes_of_route: ScopesOfRoute = lambda endpoint, method, held: frozenset(),
        demanded: Callable[[], Iterable[str]] = tuple,
        reachable: Reachable = lambda new, old: (),
        monitor_start: Callable[[Transaction, By, Client], object] = lambda tx, by, client: None,
        monitor_end: Callable[[Transaction, By, Client], object] = lambda tx, by, client: None,
        notify: Callable[[Transaction, Notice], object] = queue_notice,
        policy: ReviewPolicy | None = None,
        certification: Certification | None = None,
        door: str = "invited",
        lifetimes: Mapping[str, int] = KEY_LIFETIME.default,
    ) -> None:
        self.checks = checks if checks is not None else registry_of()
        self.policy = policy or ReviewPolicy()
        self.certification = certification or Certification()
        self.door = door
        self._desk = Desk(
            store, clock, scopes, keys, secrets, self.checks, observed, scopes_of_route, demanded, reachable,
            monitor_start, monitor_end, notify, self.policy, self.certification, door, lifetimes,
            Throttle(clock),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Onboarding {self.door}>"

    # The two doors

    def register(self, tx: Transaction, by: By, organization_id: str, facts: Mapping[str, Any]) -> Application:
        """Register a draft for one's own organization. :raises Forbidden: applications come in by invitation."""
        with refusals(tx, by, _MOVE, f"organization:{organization_id}", organization_id, attempted="register"):
            return door.register(tx, self._desk, by, organization_id, facts)

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
        addresses: Iterable[str] = (),
        lifetime: dt.timedelta | None = None,
    ) -> Invited:
        """An operator's one act: organization (id or new name), application, client, checks, grants, key."""
        whose = organization if organization.startswith("org_") else None
        with refusals(tx, by, _MOVE, f"organization:{organization[:60]}", whose, attempted="invite"):
            return door.invite(
                tx, self._desk, by, organization=organization, name=name, reason=reason, scopes=scopes,
                contact_email=contact_email, reference=reference, plan=plan, environment=Environment(environment),
                purpose=purpose, addresses=addresses, lifetime=lifetime,
            )  # fmt: skip

    def edit(
        self, tx: Transaction, by: By, application_id: str, changes: Mapping[str, Any], reason: str = ""
    ) -> Application:
        """Change facts. :raises Invalid: a dangerous redirect URI. :raises Conflict: a check would fail now."""
        whose = registry.application(tx, application_id).organization_id
        with refusals(tx, by, _MOVE, f"application:{application_id}", whose, attempted="edit"):
            return editing.edit(tx, self._desk, by, application_id, changes, reason)

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
        whose = registry.application(tx, application_id).organization_id
        wanted = State(to)
        with refusals(tx, by, _MOVE, f"application:{application_id}", whose, attempted=wanted.value):
            if wanted is State.SANDBOX:
                return sandbox.move(tx, self._desk, by, application_id, reason)[0]
            if wanted is State.RETIRED:
                return standing.retire(tx, self._desk, by, application_id, reason)
            return moves.make(tx, self._desk, by, application_id, wanted, reason=reason)

    def enter_sandbox(self, tx: Transaction, by: By, application_id: str) -> Entered:
        """Into the sandbox, with a client and a credential at once; a review asks for what isn't low-risk."""
        whose = registry.application(tx, application_id).organization_id
        with refusals(tx, by, _MOVE, f"application:{application_id}", whose, attempted=State.SANDBOX.value):
            return sandbox.enter_sandbox(tx, self._desk, by, application_id)

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
        whose = registry.application(tx, application_id).organization_id
        with refusals(tx, by, _REVIEW, f"application:{application_id}", whose, attempted="waive", check=check[:80]):
            return examine.waive(tx, self._desk, by, application_id, check, reason, until)

    def second(self, tx: Transaction, by: By, waiver_id: str) -> Waiver:
        """Agree to a waiver as the second person."""
        found = examine.waiver(tx, waiver_id)
        whose = registry.application(tx, found.application_id).organization_id
        about = f"application:{found.application_id}"
        with refusals(tx, by, _REVIEW, about, whose, attempted="second", check=found.check):
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

    # Reviews

    def request(
        self,
        tx: Transaction,
        by: By,
        application_id: str,
        kind: Kind | str,
        *,
        scopes: Iterable[str] | None = None,
        plan: str | None = None,
        environment: Environment | str = Environment.PRODUCTION,
        reason: str,
        calls: Iterable[Call] | None = None,
    ) -> Review:
        """Ask for more. What the policy needs nobody for is approved at once, on record.

        ``scopes`` None: what was exercised (production), what is requested and not held (scopes), what is held
        (recertification). ``calls`` are what ``look`` found; without them the event store is asked in between.
        """
        whose = registry.application(tx, application_id).organization_id
        wanted = Kind(kind)
        with refusals(tx, by, _REVIEW, f"application:{application_id}", whose, attempted="request", kind=wanted.value):
            opened = asking.request(
                tx, self._desk.having_seen(calls), by, application_id, wanted, scopes=scopes, plan=plan,
                environment=Environment(environment), reason=reason,
            )  # fmt: skip
            return opened if opened.needed else deciding.by_policy(tx, self._desk, opened)

    def reviews(
        self,
        source: Source,
        *,
        state: ReviewState | str | None = None,
        organization_ids: Collection[str] | None = None,
        application_id: str | None = None,
        sampled: bool | None = None,
        exception: bool | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[Review]:
        """A page of reviews, oldest first, without votes and messages. ``exception``: decided by one person alone."""
        return records.find(
            source, self._now(source), state=None if state is None else ReviewState(state),
            organization_ids=organization_ids, application_id=application_id, sampled=sampled, exception=exception,
            after=after, limit=limit,
        )  # fmt: skip

    def review(self, source: Source, review_id: str) -> Review:
        """One review with evidence, votes and messages. :raises Missing: there is none."""
        return records.get(source, review_id, self._now(source))

    def decide(
        self,
        tx: Transaction,
        by: By,
        review_id: str,
        decision: str,
        *,
        reason: str,
        scopes: Iterable[str] | None = None,
        until: dt.datetime | None = None,
        version: int | None = None,
    ) -> Review:
        """``approve`` (less, until a date) or ``deny``. The answer is still open when another approval is needed."""
        whose = records.get(tx, review_id, tx.now).organization_id
        with refusals(tx, by, _REVIEW, f"review:{review_id}", whose, attempted=str(decision)[:20]):
            return deciding.decide(
                tx, self._desk, by, review_id, decision, reason=reason, scopes=scopes, until=until, version=version
            )

    def ask(self, tx: Transaction, by: By, review_id: str, question: str) -> Review:
        """Ask the requester; the reviewers' clock stands still meanwhile."""
        whose = records.get(tx, review_id, tx.now).organization_id
        with refusals(tx, by, _REVIEW, f"review:{review_id}", whose, attempted="ask"):
            return talking.ask(tx, self._desk, by, review_id, question)

    def answer(self, tx: Transaction, by: By, review_id: str, text: str) -> Review:
        """Answer a reviewer's question."""
        whose = records.get(tx, review_id, tx.now).organization_id
        with refusals(tx, by, _REVIEW, f"review:{review_id}", whose, attempted="answer"):
            return talking.answer(tx, self._desk, by, review_id, text)

    def withdraw(self, tx: Transaction, by: By, review_id: str, reason: str = "") -> Review:
        """Take a request back."""
        whose = records.get(tx, review_id, tx.now).organization_id
        with refusals(tx, by, _REVIEW, f"review:{review_id}", whose, attempted="withdraw"):
            return talking.withdraw(tx, by, review_id, reason)

    # Standing and certification

    def suspend(self, tx: Transaction, by: By, client_id: str, reason: str) -> Client:
        """Stop a client from its next request on."""
        whose = registry.owner_of(tx, client_id=registry.client(tx, client_id).id)
        with refusals(tx, by, _MOVE, f"client:{client_id}", whose, attempted="suspend"):
            return standing.suspend(tx, by, client_id, reason)

    def resume(self, tx: Transaction, by: By, client_id: str, reason: str) -> Client:
        """Take back one's own suspension within minutes. :raises Conflict: it takes an approved review."""
        whose = registry.owner_of(tx, client_id=registry.client(tx, client_id).id)
        with refusals(tx, by, _MOVE, f"client:{client_id}", whose, attempted="resume"):
            return standing.resume(tx, self._desk, by, client_id, reason)

    def may_resume(self, source: Source, by: By, client_id: str) -> bool:
        """Whether ``resume`` would take this actor's suspension of the client back now."""
        return standing.is_own(source, self._desk, by, client_id, self._now(source))

    def recertify(
        self,
        tx: Transaction,
        by: By,
        application_id: str,
        *,
        keep: Iterable[str] | None = None,
        reason: str,
        calls: Iterable[Call] | None = None,
    ) -> Review:
        """An owner confirms what production still needs (None: all of it); the rest ends at once."""
        return self.request(
            tx, by, application_id, Kind.RECERTIFICATION, scopes=keep, reason=reason,
            environment=Environment.PRODUCTION, calls=calls,
        )  # fmt: skip

    def certification_of(
        self, application: Application, now: dt.datetime | None = None
    ) -> tuple[Certified, dt.datetime | None]:
        """How far silence has led, and when that changes next."""
        moment = now or self._desk.clock.now()
        return certification.certification_of(application, moment, self.certification)

    # Time, and what comes next

    def tick(self, now: dt.datetime | None = None) -> list[str]:
        """Announce what time has brought, under a lease; a sentence for each. Again says nothing twice."""
        return ticking.tick(self._desk, now or self._desk.clock.now())

    def next_of(self, source: Source, by: By, application_id: str) -> list[Next]:
        """What this actor may do next, and why."""
        application = registry.application(source, application_id)
        return following.next_of(source, self._desk, by, application, self._now(source))

    def _now(self, source: Source) -> dt.datetime:
        return source.now if isinstance(source, Transaction) else self._desk.clock.now()
