"""Connected applications: what a user allowed, and the way to take it back at once."""

from __future__ import annotations

from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from ..admission import current_admission
from ..clients import registry
from ..errors import StoreAway
from ..values import ALLOWED, Actor, By, Caller, HostUser
from .consents import consents_of, withdraw
from .form import read_form
from .pages import SIGN_IN_FIRST, Pages, from_our_page, id_of, style_url
from .refusals import Error, Refused

PURPOSE = "oauth-connections"
ALLOWED_METHODS = "GET, POST"
WITHDRAWN = "Disconnected by the user."


class Connections:
    """The page of one app."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def view(self) -> Response:
        """GET shows the user's applications, POST disconnects one."""
        if request.method not in ("GET", "POST"):
            return self._pages.wrong_method(ALLOWED_METHODS)
        try:
            user = self._pages.host_user()
            if user is None and request.method == "GET":
                return self._pages.to_sign_in()
            if user is None:
                return self._pages.problem(SIGN_IN_FIRST, Error.LOGIN_REQUIRED, 401)
            return self._list(user) if request.method == "GET" else self._disconnect(user)
        except Refused as refusal:
            return self._pages.problem(refusal.description, refusal.error)
        except StoreAway:
            return self._pages.away()

    def _list(self, user: HostUser) -> Response:
        user_id, server = id_of(user), self._pages.server()
        with server.store.read() as conn:
            known = server.scopes.all(conn)
            connected = [
                {
                    "client_id": found.client_id,
                    "name": registry.client(conn, found.client_id).name,
                    "since": found.given_at.date().isoformat(),
                    "scopes": [
                        known[name].description or name if name in known else name for name in sorted(found.scopes)
                    ],
                }
                for found in consents_of(conn, user_id)
            ]
        page = render_template(
            "apiguard/oauth/connections.html", connected=connected, proof=self._proof(user_id), style=style_url(),
            action=url_for("apiguard_oauth.connections"), user=user.name or user.email or user.id,
        )  # fmt: skip
        return self._pages.page(page, 200, "'self'")

    def _disconnect(self, user: HostUser) -> Response:
        form, user_id, server = read_form(request), id_of(user), self._pages.server()
        if not from_our_page(request, server.places.issuer) or not self._is_proved(user_id, form.get("proof") or ""):
            return self._pages.problem("This did not come from our own page.", Error.INVALID_REQUEST, 403)
        admission = current_admission()
        address, request_id = ("", "") if admission is None else (admission.address, admission.id)
        by = By(Actor.USER, user_id, address=address, request_id=request_id)
        with server.store.write() as tx:
            withdraw(tx, by, user_id, form.need("client_id"), WITHDRAWN)
        Pages.note(Caller(user=user), ALLOWED)
        return self._pages.redirect(url_for("apiguard_oauth.connections"), 303)

    def _proof(self, user_id: str, days_ago: int = 0) -> str:
        """What only our own page, shown to this user today, could know."""
        server = self._pages.server()
        day = int(server.clock.time() // 86400) - days_ago
        return server.secrets.digest(PURPOSE, f"{day}\0{user_id}")

    def _is_proved(self, user_id: str, shown: str) -> bool:
        same = self._pages.server().secrets.same
        return same(shown, self._proof(user_id)) or same(shown, self._proof(user_id, 1))
