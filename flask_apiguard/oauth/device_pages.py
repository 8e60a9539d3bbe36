"""The page on which a user types the code that a device shows, and is asked about that device (RFC 8628, section 3.3).

Nothing is looked up by following a link: the code in it is only typed for the user, who compares it and goes on.
"""

from __future__ import annotations

from flask import request, url_for
from werkzeug.wrappers import Response

from ..admission import current_admission
from ..clients import registry
from ..errors import Denied
from ..values import ALLOWED, Caller, Decision, HostUser, Reason
from . import user_codes
from .device_questions import Standing, Waiting
from .form import Form
from .own_pages import OwnPage
from .pages import ANSWERED, NOT_OURS, id_of, style_url, words
from .refusals import Error, Refused
from .registrations import Registration
from .rendering import render

UNKNOWN = "No device shows this code now. Look again; if it waited too long, start again on the device."
TOO_MANY = "Too many codes were typed. Wait a few minutes, then try again."


class DevicePage(OwnPage):
    """The page of one app."""

    PURPOSE = "oauth-device-page"

    def show(self, user: HostUser) -> Response:
        """The field for the code, with the one that a link brings (RFC 8628, section 3.3.1)."""
        code = user_codes.read(request.args.get("user_code", ""))
        return self._field(user, user_codes.written(code) if code is not None else "")

    def act(self, user: HostUser, form: Form) -> Response:
        """Take the answer, or the code that comes before it."""
        if form.get("answer") is not None:
            return self._answered(user, form)
        admission = current_admission()
        address = "" if admission is None else admission.address
        typed = form.get("user_code") or ""
        code = user_codes.read(typed)
        if code is None:
            return self._again(user, typed, UNKNOWN, 400)
        wait = self.pages.server().throttle.typed(id_of(user), address)
        if wait is not None:
            response = self._again(user, typed, TOO_MANY, 429)
            response.headers["Retry-After"] = str(wait)
            return response
        found = self._found(code)
        return self._again(user, typed, UNKNOWN, 400) if found is None else self._question(user, *found)

    def _found(self, code: str) -> tuple[Waiting, Registration] | None:
        server = self.pages.server()
        waiting = server.device_questions.find(code)
        try:
            client = None if waiting is None else server.registrations.find(waiting.client_id)
        except Denied:  # why is for its own developer
            return None
        return None if waiting is None or client is None else (waiting, client)

    def _question(self, user: HostUser, waiting: Waiting, client: Registration) -> Response:
        self.pages.note(Caller(client=client.facts, user=user), ALLOWED)
        question = self.pages.server().device_questions.put(waiting, client, id_of(user))
        page = render(
            "device_consent.html", **words(client, user, question), code=waiting.user_code,
            proof=self.proof(id_of(user)), action=url_for("apiguard_oauth.device"),
        )  # fmt: skip
        return self.pages.page(page, 200, "'self'")

    def _answered(self, user: HostUser, form: Form) -> Response:
        answer, admission = form.get("answer"), current_admission()
        if answer not in ("allow", "deny"):
            raise Refused(Error.INVALID_REQUEST, NOT_OURS, 403)
        address = "" if admission is None else admission.address
        stands = self.pages.server().device_questions.answer(
            form.need("request"), id_of(user), answer == "allow", address
        )
        if stands is None:
            raise Refused(Error.INVALID_REQUEST, ANSWERED)
        self.pages.note(Caller(user=user), ALLOWED)
        return self._done(stands)

    # -- what is shown ---------------------------------------------------------------------------------------------

    def _field(self, user: HostUser, typed: str, sentence: str = "", status: int = 200) -> Response:
        page = render(
            "device.html", user=user.name or user.email or user.id, sentence=sentence,
            code=typed[: user_codes.TYPED_AT_MOST], proof=self.proof(id_of(user)), style=style_url(),
            action=url_for("apiguard_oauth.device"),
        )  # fmt: skip
        return self.pages.page(page, status, "'self'")

    def _again(self, user: HostUser, typed: str, sentence: str, status: int) -> Response:
        need = Error.SLOW_DOWN if status == 429 else Error.INVALID_REQUEST
        self.pages.note(Caller(user=user), Decision(False, Reason.OAUTH_REQUEST, sentence, need=need.value))
        return self._field(user, typed, sentence, status)

    def _done(self, stands: Standing) -> Response:
        server = self.pages.server()
        with server.store.read() as conn:
            name = registry.application(conn, registry.client(conn, stands.client_id).application_id).name
        page = render(
            "device_done.html", name=name, allowed=stands.allowed, style=style_url(),
            connections=url_for("apiguard_oauth.connections"),
        )  # fmt: skip
        return self.pages.page(page, 200)
