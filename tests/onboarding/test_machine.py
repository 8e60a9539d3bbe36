"""The lifecycle against a model of a few lines: any order of acts by anybody, on a real store.

The model knows states, grants, who voted, and what may not be. Whatever it says is refused must be refused, with a
ledger entry; whatever it says goes must go; and the store must say the same as the model after every act.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from flask_apiguard.clock import Clock
from flask_apiguard.crypto import Secrets
from flask_apiguard.errors import Problem
from flask_apiguard.ledger import Ledger
from flask_apiguard.onboarding import Basis
from flask_apiguard.values import Environment, Happening, State

from .house import OPERATOR, SCOPES, SECRET, House

REFUSALS = (Happening.ONBOARDING_MOVE_REFUSED, Happening.ONBOARDING_REVIEW_REFUSED)
RISKS = {"low": 0, "sensitive": 1, "critical": 2}
NEEDED = {name: RISKS[str(told["risk"])] for name, told in SCOPES.items()}
PEOPLE = ("ann", "dev", "rita", "rob", "both")
_names = itertools.count()


@dataclass
class Asked:
    """A review, as far as the model goes."""

    id: str
    app: App
    scopes: set[str]
    environment: str
    by: str
    needed: int
    state: str = "open"
    votes: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class App:
    """An application, as far as the model goes."""

    id: str
    asked: set[str]
    state: str = "draft"
    sandbox: set[str] = field(default_factory=set)
    production: set[str] = field(default_factory=set)
    reviews: list[Asked] = field(default_factory=list)


class Lifecycle(RuleBasedStateMachine):
    apps = Bundle("apps")
    reviews = Bundle("reviews")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.house = House(f"sqlite:///{self.folder}/apiguard.db")
        self.acme = self.house.organization()
        self.people = {
            "ann": self.house.person("ann", "owner", self.acme),
            "dev": self.house.person("dev", "developer", self.acme),
            "rita": self.house.person("rita", "reviewer"),
            "rob": self.house.person("rob", "administrator"),
        }
        both = self.house.also(self.house.person("both", "developer", self.acme), "reviewer")
        self.people["both"] = self.house.acting(both.id, self.acme)
        self.model: list[App] = []
        self.refused = 0
        self.house.graduate(*SCOPES)  # told of every application: what is granted decides, not who called
        self.calls = list(self.house.calls)

    def teardown(self) -> None:
        ledger = Ledger(self.house.store, Secrets(SECRET), Clock(), file=self.folder / "checkpoints.jsonl")
        verification = ledger.verify()
        assert verification.ok, verification
        self.house.close()
        shutil.rmtree(self.folder)

    def attempt(self, goes: bool, act: object, *args: object, **more: object) -> object:
        """Do something of which the model says whether it goes."""
        if goes:
            return self.house.do(act, *args, **more)
        self.refused += 1
        with pytest.raises(Problem):
            self.house.do(act, *args, **more)
        return None

    @precondition(lambda self: len(self.model) < 2)
    @rule(target=apps, scopes=st.sets(st.sampled_from(sorted(SCOPES)), min_size=1))
    def register(self, scopes: set[str]) -> App:
        made = self.house.draft(self.people["ann"], self.acme, scopes)
        self.model.append(App(made.id, scopes))
        return self.model[-1]

    @precondition(lambda self: len(self.model) == 2)
    @rule(target=apps, scopes=st.sets(st.sampled_from(sorted(SCOPES)), min_size=1))
    def invite(self, scopes: set[str]) -> App:
        name = f"Company {next(_names)}"
        made = self.house.do(
            self.house.onboarding.invite, OPERATOR, organization=name, name=name, reason="contract", scopes=scopes
        )
        self.model.append(App(made.application.id, scopes, "production", set(), set(scopes)))
        return self.model[-1]

    @rule(target=reviews, app=apps, who=st.sampled_from(PEOPLE))
    def enter_sandbox(self, app: App, who: str) -> object:
        mine = app.id in {one.id for one in self.model if not self.invited(one)}
        goes = app.state == "draft" and mine and who in ("ann", "dev", "both", "rob")
        rest = {scope for scope in app.asked if NEEDED[scope]}
        done = self.attempt(goes, self.house.onboarding.enter_sandbox, self.people[who], app.id)
        if not goes:
            return multiple()
        app.state, app.sandbox = "sandbox", app.asked - rest
        if not rest:
            assert done.review is None
            return multiple()
        return self.opened(app, done.review, rest, "sandbox", who)

    def invited(self, app: App) -> bool:
        return self.house.application(app.id).invited

    def opened(self, app: App, review: object, scopes: set[str], environment: str, who: str) -> Asked:
        needed = max(NEEDED[scope] for scope in scopes)
        assert (set(review.scopes), review.needed) == (scopes, needed)
        asked = Asked(review.id, app, scopes, environment, who, needed)
        app.reviews.append(asked)
        return asked

    @rule(target=reviews, app=apps, who=st.sampled_from(PEOPLE))
    def ask_for_production(self, app: App, who: str) -> object:
        open_ = any(one.state == "open" and one.environment == "production" for one in app.reviews)
        mine = not self.invited(app)
        goes = app.state == "sandbox" and mine and who in ("ann", "dev", "both", "rob") and not open_
        review = self.attempt(
            goes, self.house.onboarding.request, self.people[who], app.id, "production", reason="signed"
        )
        if not goes:
            return multiple()
        if not max(NEEDED[scope] for scope in app.asked):
            assert review.state == "approved"
            app.state, app.production = "production", set(app.asked)
            return multiple()
        return self.opened(app, review, set(app.asked), "production", who)

    @rule(asked=reviews, who=st.sampled_from(PEOPLE), less=st.booleans())
    def approve(self, asked: Asked, who: str, less: bool) -> None:
        named = {min(asked.scopes)} if less else set(asked.scopes)
        app = asked.app
        goes = asked.state == "open" and who in ("rita", "rob") and who != asked.by and who not in asked.votes
        agreed = set.intersection(named, *asked.votes.values())
        last = len(asked.votes) + 1 >= asked.needed
        done = self.attempt(
            goes and not (last and not agreed), self.house.onboarding.decide, self.people[who], asked.id, "approve",
            reason="fine", scopes=named,
        )  # fmt: skip
        if done is None:
            return
        asked.votes[who] = named
        assert (done.state == "approved") is last
        if not last:
            return
        asked.state = "approved"
        if asked.environment == "sandbox":
            app.sandbox |= agreed
        else:
            app.state, app.production = "production", agreed
            for other in app.reviews:
                if other.state == "open":
                    other.votes.clear()

    @rule(asked=reviews, who=st.sampled_from(PEOPLE))
    def deny(self, asked: Asked, who: str) -> None:
        goes = asked.state == "open" and who in ("rita", "rob") and who != asked.by
        self.attempt(goes, self.house.onboarding.decide, self.people[who], asked.id, "deny", reason="no")
        if goes:
            asked.state = "denied"

    @rule(app=apps, to=st.sampled_from(sorted({*State})), who=st.sampled_from(("dev", "rita", *PEOPLE)))
    def try_any_move(self, app: App, to: State, who: str) -> None:
        if to is State.SANDBOX and app.state == "draft":
            return  # a rule of its own
        owner = who == "rob" or (who == "ann" and not self.invited(app))
        goes = to is State.RETIRED and app.state != "retired" and owner
        self.attempt(goes, self.house.onboarding.move, self.people[who], app.id, to, reason="because")
        if goes:
            app.state, app.sandbox, app.production = "retired", set(), set()
            for asked in app.reviews:
                asked.state = "closed" if asked.state == "open" else asked.state

    @rule(target=reviews, app=apps)
    def go_on(self, app: App) -> object:
        """The right next step by somebody who may, so that other acts meet applications that have come far."""
        waiting = next((asked for asked in app.reviews if asked.state == "open"), None)
        if waiting is not None:
            may = [who for who in ("rita", "rob") if who != waiting.by and who not in waiting.votes]
            if may:
                self.approve(waiting, may[0], False)
        elif app.state == "draft":
            return self.enter_sandbox(app, "ann")
        elif app.state == "sandbox":
            return self.ask_for_production(app, "dev")
        return multiple()

    @rule(target=reviews, app=apps)
    def go_on_again(self, app: App) -> object:
        """The same, so that it is as likely as all the wrong ways together."""
        return self.go_on(app)

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        for app in self.model:
            assert self.house.application(app.id).state == app.state
            assert self.house.granted(app.id, "sandbox") == app.sandbox
            assert self.house.granted(app.id, "production") == app.production
            for asked in app.reviews:
                assert self.house.read(self.house.onboarding.review, asked.id).state == asked.state

    @invariant()
    def every_refusal_is_on_record(self) -> None:
        assert sum(len(self.house.entries(one)) for one in REFUSALS) == self.refused

    @invariant()
    def production_rests_on_an_approved_review(self) -> None:
        for app in self.model:
            for grant in self.house.read(self.grants, app.id):
                review = self.house.read(self.house.onboarding.review, grant.review_id)
                assert (review.application_id, review.state) == (app.id, "approved")
                assert grant.scope in review.approved_scopes
                voters = {vote.voter for vote in review.votes}
                assert review.requested_by not in voters or review.basis is Basis.INVITATION
                if review.basis is Basis.PEOPLE:
                    assert len(voters) >= review.needed

    @staticmethod
    def grants(conn: object, application_id: str) -> object:
        from flask_apiguard.access import grants_of

        return grants_of(conn, application_id, Environment.PRODUCTION)


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=8, stateful_step_count=16, deadline=None)
