"""Signing in and out with an account of ours, for the pages of an app whose host names no users.

The page stands where it was needed: what was asked for is kept in its form, and the browser goes on there. It leads to
pages of ours alone. Nobody learns here whether an address has an account: the people room answers alike.
"""

from __future__ import annotations

import re

from flask import request, url_for
from werkzeug.wrappers import Response

from ..errors import AWAY, Problem
from ..people import Issued
from ..values import ALLOWED, Caller, HostUser, account
from .asking import QUERY_AT_MOST, Unsafe, read_client
from .form import Form, read_form
from .own_pages import ALLOWED_METHODS, FormPage, OwnPage
from .pages import NOT_OURS, Pages, from_our_page, onward, style_url
from .refusals import Error, Refused
from .rendering import render
from .visitors import origin, unknown

AGAIN = "This page waited too long, or your browser keeps no cookies. Try again."
ELSEWHERE = "Nobody signs in here: this site has a sign-in page of its own."
TOO_MANY = "There were too many attempts. Wait a few minutes, then try again."
TOO_MANY_PASSWORDS = "There were too many attempts. Wait a few minutes, or have a link mailed to you instead."
#: Where a browser may go on: these pages, with whatever stands in a query.
LEADS_TO = ("authorize", "connections", "device")
_QUERY = re.compile(rf'[!"$-~]{{0,{QUERY_AT_MOST}}}')


class SignIn(FormPage):
    """The page of one app."""

    PURPOSE = "oauth-sign-in"

    def view(self) -> Response:
        """GET shows the page, POST takes what was sent from it."""
        if request.method not in ("GET", "POST"):
            return self.pages.wrong_method(ALLOWED_METHODS)
        if not self.pages.visitors.are_ours:
            return self.pages.problem(ELSEWHERE, Error.INVALID_REQUEST, 404)
        try:
            if request.method == "POST":
                return self._sent(read_form(request))
            signed_in = self.pages.visitors.user() is not None
            return self.pages.redirect(home()) if signed_in else self.ask(home(), by_link="link" in request.args)
        except Refused as refusal:
            return self.pages.problem(refusal.description, refusal.error, refusal.status)
        except AWAY as error:
            return self.pages.away(error)

    def ask(
        self, back: str, *, by_link: bool = False, email: str = "", sentence: str = "", status: int = 200
    ) -> Response:
        """The page, in whose form ``back`` says where to go on."""
        visitors = self.pages.visitors
        kept = visitors.cookie.read()
        known = kept or unknown()
        page = render(
            "sign_in_link.html" if by_link else "sign_in.html", proof=self.proof(known), back=back, email=email,
            sentence=sentence, mails=visitors.mails(), action=url_for("apiguard_oauth.sign_in"), style=style_url(),
        )  # fmt: skip
        response = self.pages.page(page, status, self._leads_to(back))
        if not kept:
            visitors.cookie.put(response, known)
        return response

    def _sent(self, form: Form) -> Response:
        visitors, back, kept = self.pages.visitors, _back(form.get("next")), self.pages.visitors.cookie.read()
        if not from_our_page(request, self.pages.server().places.issuer):
            raise Refused(Error.INVALID_REQUEST, NOT_OURS, 403)
        if not kept or not self.is_proof(form.get("proof") or "", kept):
            # Signed in from another tab meanwhile, perhaps.
            there = visitors.user() is not None
            return self.pages.redirect(back, 303) if there else self.ask(back, sentence=AGAIN, status=403)
        try:
            issued = self._issued(form)
        except Problem as problem:
            return self._again(form, back, problem)
        if issued is None:
            return self.ask(back, by_link=True)
        response = self.pages.redirect(back, 303)
        visitors.let_in(response, issued)
        self.pages.note(Caller(user=HostUser(account(issued.person.id), issued.person.title)), ALLOWED)
        return response

    def _issued(self, form: Form) -> Issued | None:
        """A session; None where a link was asked for.

        :raises Problem: there is none for this, or there were too many attempts.
        """
        visitors, by = self.pages.visitors, form.get("by")
        people = visitors.people()
        if by == "code":
            # Whole links are pasted: the secret stands behind their "#".
            return people.sign_in_by_link((form.get("code") or "").rpartition("#")[2].strip(), origin=origin())
        if by != "link":
            return people.sign_in(form.get("email"), form.get("password") or "", origin=origin())
        if not visitors.mails():
            raise Refused(Error.INVALID_REQUEST, NOT_OURS)
        # What stands behind its "#" reaches no server, and stays in the address, from where it is pasted.
        page = url_for("apiguard_oauth.sign_in", link="").removeprefix(request.root_path)
        people.request_link(form.get("email"), origin=origin(), page=page)
        visitors.post()
        return None

    def _again(self, form: Form, back: str, problem: Problem) -> Response:
        decision = problem.decision
        status = decision.reason.status if decision.reason.status in (401, 429) else 400
        flaw = decision.flaws[0].detail if decision.flaws else ""
        too_many = TOO_MANY_PASSWORDS if form.get("by") == "password" and self.pages.visitors.mails() else TOO_MANY
        sentence = too_many if status == 429 else decision.detail or flaw or decision.reason.title
        self.pages.note(None, decision)
        response = self.ask(
            back, by_link=form.get("by") == "code", email=(form.get("email") or "")[:254], sentence=sentence,
            status=status,
        )  # fmt: skip
        if decision.retry_after is not None:
            response.headers["Retry-After"] = str(decision.retry_after)
        return response

    def _leads_to(self, back: str) -> str:
        """What the form may lead to: who allowed a client before is sent on to it at once."""
        path, _, query = back.partition("?")
        if path != url_for("apiguard_oauth.authorize"):
            return "'self'"
        server = self.pages.server()
        try:
            asked, _ = server.pushed.query_of(query.encode("ascii"))
            return onward(read_client(asked, server.registrations, server.places)[2].redirect_uri)
        except Unsafe:
            return "'self'"


class SignOut(OwnPage):
    """What the page of connected applications offers to a person with an account of ours."""

    PURPOSE = "oauth-sign-out"

    def show(self, user: HostUser) -> Response:
        """Nothing is ended by following a link."""
        return self.pages.redirect(home())

    def act(self, user: HostUser, form: Form) -> Response:
        """End the session."""
        response = self.pages.redirect(url_for("apiguard_oauth.sign_in"), 303)
        self.pages.visitors.end()
        self.pages.visitors.cookie.drop(response)
        Pages.note(Caller(user=user), ALLOWED)
        return response


def home() -> str:
    """Where a browser goes that came for nothing else."""
    return url_for("apiguard_oauth.connections")


def _back(named: str | None) -> str:
    """Where a browser goes on once somebody is signed in: to a page of ours, whatever came with the form."""
    path, _, query = (named or "").partition("?")
    known = {url_for(f"apiguard_oauth.{name}") for name in LEADS_TO}
    return named if named is not None and path in known and _QUERY.fullmatch(query) else home()
