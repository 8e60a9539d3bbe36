"""The pages that a user sees: consent, and what went wrong. No script, no inline style, never in a frame."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, Request, request, url_for
from werkzeug.wrappers import Response

from ..admission import current_admission
from ..errors import AWAY, ConfigurationError, StoreAway
from ..insisting import UNGUESSED, insist
from ..values import ALLOWED, Caller, Decision, Environment, HostUser, Reason
from .asked_of_users import Question
from .asking import Ask, Unsafe, read_client, read_rest
from .form import read_form
from .refusals import Error, Refused
from .registrations import Registration
from .rendering import render
from .server import Server
from .visitors import Visitors

logger = logging.getLogger("flask_apiguard")

USER_ID_AT_MOST = 200
SIGN_IN_FIRST = "Sign in first, then come back here."
NOT_OURS = "This did not come from our own page."
ANSWERED = "This question was answered already, or waited too long."
HEADERS = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    # Not none at all: browsers would call a form's origin "null" then.
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    *UNGUESSED,
)
METHODS_OF_AUTHORIZE, METHODS_OF_CONSENT = "GET", "POST"


class Pages:
    """The views of one app. ``visitors`` says who is signed in, ``sign_in`` where the host's users do that."""

    #: What people with an account of ours sign in at, on their way to a page; a page itself, so given at mounting.
    ask_to_sign_in: Callable[[str], Response]

    def __init__(self, app: Flask, server: Callable[[], Server], visitors: Visitors, sign_in: str | None) -> None:
        self._app = app
        self.server = server
        self.visitors = visitors
        self._sign_in = sign_in

    def authorize(self) -> Response:
        """The authorization endpoint (RFC 6749, section 3.1), by GET alone."""
        if request.method != METHODS_OF_AUTHORIZE:
            return self.wrong_method(METHODS_OF_AUTHORIZE)
        try:
            return self._authorize(self.server())
        except Unsafe as error:
            return self.problem(error.sentence, Error.INVALID_REQUEST)
        except AWAY as error:
            return self.away(error)

    def _authorize(self, server: Server) -> Response:
        query, pushed = server.pushed.query_of(request.query_string)
        form, client, back = read_client(query, server.registrations, server.places)
        self.note(Caller(client=client.facts))
        try:
            ask = read_rest(form, client, back, server.places)
            return self._put(server, replace(ask, pushed=pushed))
        except Refused as refusal:
            self.note(None, Decision(False, Reason.OAUTH_REQUEST, refusal.description, need=refusal.error.value))
            return self.redirect(back.to(**refusal.document))

    def _put(self, server: Server, ask: Ask) -> Response:
        """Ask the user, unless they answered before. ``prompt`` is of OpenID Connect Core, section 3.1.2.1."""
        user = self.visitors.user()
        if user is None or ("login" in ask.prompts and self.visitors.is_stale()):
            if "none" in ask.prompts:
                raise Refused(Error.LOGIN_REQUIRED)
            return self.to_sign_in()
        user_id = id_of(user)
        self.note(Caller(client=ask.client.facts, user=user))
        if "consent" not in ask.prompts and server.asked_of_users.remembered(ask, user_id):
            return self.redirect(server.asked_of_users.allow_again(ask, user_id))
        if "none" in ask.prompts:
            raise Refused(Error.CONSENT_REQUIRED)
        return self._question(ask, user, server.asked_of_users.put(ask, user_id))

    def consent(self) -> Response:
        """The user's answer. The page's own text in it proves that it comes from our page, shown to this user."""
        if request.method != METHODS_OF_CONSENT:
            return self.wrong_method(METHODS_OF_CONSENT)
        try:
            return self._consent(request._get_current_object(), self.server())  # type: ignore[attr-defined]
        except Refused as refusal:
            return self.problem(refusal.description or "This can't be read.", refusal.error)
        except AWAY as error:
            return self.away(error)

    def _consent(self, asked: Request, server: Server) -> Response:
        form = read_form(asked)
        user, answer = self.visitors.user(), form.need("answer")
        if user is None:
            return self.problem(SIGN_IN_FIRST, Error.LOGIN_REQUIRED, 401)
        if not from_our_page(asked, server.places.issuer) or answer not in ("allow", "deny"):
            return self.problem(NOT_OURS, Error.INVALID_REQUEST, 403)
        admission = current_admission()
        address = "" if admission is None else admission.address
        found = server.asked_of_users.answer(form.need("request"), id_of(user), answer == "allow", address)
        if found is None:
            return self.problem(ANSWERED, Error.INVALID_REQUEST)
        self.note(Caller(user=user), ALLOWED)
        return self.redirect(found[1], 303)

    # -- answers ---------------------------------------------------------------------------------------------------

    def _question(self, ask: Ask, user: HostUser, question: Question) -> Response:
        to = urlsplit(ask.back.redirect_uri)
        page = render(
            "consent.html", **words(ask.client, user, question), destination=to.netloc or to.scheme,
            action=url_for("apiguard_oauth.consent"),
        )  # fmt: skip
        return self.page(page, 200, onward(ask.back.redirect_uri))

    def problem(self, sentence: str, error: Error, status: int = 400) -> Response:
        self.note(None, Decision(False, Reason.OAUTH_REQUEST, sentence, need=error.value))
        return self.page(render("problem.html", sentence=sentence, style=style_url()), status)

    def page(self, page: str, status: int, form_action: str = "'none'") -> Response:
        response = self._app.response_class(page, status=status, content_type="text/html; charset=utf-8")
        policy = (
            f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {form_action}"
        )
        return insist(response, (*HEADERS, ("Content-Security-Policy", policy)))

    def to_sign_in(self) -> Response:
        here = request.script_root + request.path + "?" + request.query_string.decode("ascii", "replace")
        if self.visitors.are_ours:
            return self.ask_to_sign_in(here)
        if self._sign_in is None:
            return self.problem(SIGN_IN_FIRST, Error.LOGIN_REQUIRED, 401)
        joint = "&" if "?" in self._sign_in else "?"
        return self.redirect(f"{self._sign_in}{joint}next={quote(here, safe='')}")

    def redirect(self, url: str, status: int = 302) -> Response:
        response = self._app.response_class(b"", status=status)
        response.headers["Location"] = url
        return insist(response, HEADERS)

    def wrong_method(self, allowed: str) -> Response:
        self.note(None, Decision(False, Reason.METHOD_UNSUPPORTED))
        response = self.page("", 405)
        response.headers["Allow"] = allowed
        return response

    def away(self, error: ConfigurationError | StoreAway) -> Response:
        if isinstance(error, ConfigurationError):
            logger.error("%s", error)
        response = self.problem("We can't answer right now. Try again in a moment.", Error.TEMPORARILY_UNAVAILABLE, 503)
        response.headers["Retry-After"] = str(error.retry_after)
        return response

    @staticmethod
    def note(caller: Caller | None, decision: Decision | None = None) -> None:
        admission = current_admission()
        if admission is not None:
            admission.caller = admission.caller if caller is None else caller
            admission.decision = admission.decision if decision is None else decision  # a refusal is false


def onward(redirect_uri: str) -> str:
    """Where a form may lead that sends its user back to a client: browsers hold its redirects to that as well."""
    to = urlsplit(redirect_uri)
    return f"'self' {to.scheme}://{to.netloc}" if to.netloc else f"'self' {to.scheme}:"


def words(client: Registration, user: HostUser, question: Question) -> dict[str, Any]:
    """What the template ``consent.html`` says of who asks, who is asked, and for what."""
    scopes = [
        {
            "name": scope.name, "description": scope.description, "risk": scope.risk.value,
            "is_new": scope.name in question.new,
        }
        for scope in question.scopes
    ]  # fmt: skip
    return {
        "name": client.name, "user": user.name or user.email or user.id, "scopes": scopes,
        "request_text": question.text, "sandbox": client.facts.environment is Environment.SANDBOX,
        "style": style_url(),
    }  # fmt: skip


def from_our_page(asked: Request, issuer: str) -> bool:
    """By Fetch Metadata, else by Origin. Where a browser sends neither, the text in the form has to do alone."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    parts = urlsplit(issuer)
    return asked.headers.get("Origin") in (None, f"{parts.scheme}://{parts.netloc}")


def style_url() -> str:
    return url_for("apiguard_oauth_metadata.style")


def id_of(user: HostUser) -> str:
    """The host's id of a user, as it is kept.

    :raises Refused: it is longer than can be kept, or has what no database keeps: NUL, half a surrogate pair.
    """
    user_id = str(user.id)
    torn = any(character == "\0" or "\ud800" <= character <= "\udfff" for character in user_id)
    if not user_id or len(user_id) > USER_ID_AT_MOST or torn:
        raise Refused(Error.ACCESS_DENIED, "This user can not be named here.")
    return user_id
