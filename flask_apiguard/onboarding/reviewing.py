"""The counter's side for reviews: asked for, read, decided, talked about, withdrawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from ..db import Transaction
from ..values import By, Environment
from . import asking, deciding, records, talking
from .counter import REVIEW, Counter
from .desk import Call, Source
from .records import Kind, Review, ReviewState


class Reviewing(Counter):
    """Reviews from the request to the decision."""

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
        wanted = Kind(kind)
        with self._attempt(tx, by, REVIEW, "application", application_id, attempted="request", kind=wanted.value):
            desk = self._desk.having_seen(calls)
            opened = asking.request(
                tx, desk, by, application_id, wanted, scopes=scopes, plan=plan,
                environment=Environment(environment), reason=reason,
            )  # fmt: skip
            return opened if opened.needed else deciding.by_policy(tx, desk, opened)

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
        calls: Iterable[Call] | None = None,
    ) -> Review:
        """``approve`` (less, until a date) or ``deny``. The answer is still open when another approval is needed.

        What is approved is carried out; checks may run then, and look at ``calls``.
        """
        with self._attempt(tx, by, REVIEW, "review", review_id, attempted=str(decision)[:20]):
            return deciding.decide(
                tx, self._desk.having_seen(calls), by, review_id, decision, reason=reason, scopes=scopes, until=until,
                version=version,
            )  # fmt: skip

    def ask(self, tx: Transaction, by: By, review_id: str, question: str) -> Review:
        """Ask the requester; the reviewers' clock stands still meanwhile."""
        with self._attempt(tx, by, REVIEW, "review", review_id, attempted="ask"):
            return talking.ask(tx, self._desk, by, review_id, question)

    def answer(self, tx: Transaction, by: By, review_id: str, text: str) -> Review:
        """Answer a reviewer's question."""
        with self._attempt(tx, by, REVIEW, "review", review_id, attempted="answer"):
            return talking.answer(tx, self._desk, by, review_id, text)

    def withdraw(self, tx: Transaction, by: By, review_id: str, reason: str = "") -> Review:
        """Take a request back."""
        with self._attempt(tx, by, REVIEW, "review", review_id, attempted="withdraw"):
            return talking.withdraw(tx, by, review_id, reason)

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
