"""What the pages of a signed-in user's own have in common: who may see them, and what may be done there."""

from __future__ import annotations

from abc import ABC, abstractmethod

from flask import request
from werkzeug.wrappers import Response

from ..errors import AWAY
from ..values import HostUser
from .form import Form, read_form
from .pages import NOT_OURS, SIGN_IN_FIRST, Pages, from_our_page, id_of
from .refusals import Error, Refused

ALLOWED_METHODS = "GET, POST"


class FormPage:
    """One page of ours. What it sends carries a proof that it was this page, shown to this user."""

    #: Tells this page's proofs from those of others.
    PURPOSE: str

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    def proof(self, user_id: str, days_ago: int = 0) -> str:
        """What only this page, shown to this user today, could know."""
        server = self.pages.server()
        day = int(server.clock.time() // 86400) - days_ago
        return server.secrets.digest(self.PURPOSE, f"{day}\0{user_id}")

    def is_proof(self, shown: str, user_id: str) -> bool:
        """Whether this is the proof of today, or of yesterday."""
        same = self.pages.server().secrets.same
        return any([same(shown, self.proof(user_id)), same(shown, self.proof(user_id, 1))])

    def _read(self, user_id: str) -> Form:
        form = read_form(request)
        ours = from_our_page(request, self.pages.server().places.issuer)
        if not ours or not self.is_proof(form.get("proof") or "", user_id):
            raise Refused(Error.INVALID_REQUEST, NOT_OURS, 403)
        return form


class OwnPage(FormPage, ABC):
    """One page, for whoever is signed in."""

    def view(self) -> Response:
        """GET shows the page, POST does what was sent from it."""
        if request.method not in ("GET", "POST"):
            return self.pages.wrong_method(ALLOWED_METHODS)
        try:
            user = self.pages.visitors.user()
            if user is None and request.method == "GET":
                return self.pages.to_sign_in()
            if user is None:
                return self.pages.problem(SIGN_IN_FIRST, Error.LOGIN_REQUIRED, 401)
            return self.show(user) if request.method == "GET" else self.act(user, self._read(id_of(user)))
        except Refused as refusal:
            return self.pages.problem(refusal.description, refusal.error, refusal.status)
        except AWAY as error:
            return self.pages.away(error)

    @abstractmethod
    def show(self, user: HostUser) -> Response:
        """The page."""

    @abstractmethod
    def act(self, user: HostUser, form: Form) -> Response:
        """Do what was sent from it."""
