"""Connected applications: what a user allowed, and the way to take it back at once."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from flask import url_for
from werkzeug.wrappers import Response

from ..access import Scope
from ..admission import current_admission
from ..clients import registry
from ..values import ALLOWED, Actor, By, Caller, Environment, HostUser
from .consents import Consent, consents_of, withdraw
from .form import Form
from .own_pages import OwnPage
from .pages import Pages, id_of, style_url
from .rendering import render
from .signing_in import SignOut

WITHDRAWN = "Disconnected by the user."


class Connections(OwnPage):
    """The page of one app."""

    PURPOSE = "oauth-connections"

    def show(self, user: HostUser) -> Response:
        """The user's applications."""
        user_id, server = id_of(user), self.pages.server()
        with server.store.read() as conn:
            known = server.scopes.all(conn)
            connected = [_told(conn, found, known) for found in consents_of(conn, user_id)]
        page = render(
            "connections.html", connected=connected, proof=self.proof(user_id), style=style_url(),
            action=url_for("apiguard_oauth.connections"), user=user.name or user.email or user.id,
            sign_out=url_for("apiguard_oauth.sign_out") if self.pages.visitors.are_ours else "",
            sign_out_proof=SignOut(self.pages).proof(user_id),
        )  # fmt: skip
        return self.pages.page(page, 200, "'self'")

    def act(self, user: HostUser, form: Form) -> Response:
        """Disconnect one."""
        user_id, server, admission = id_of(user), self.pages.server(), current_admission()
        address, request_id = ("", "") if admission is None else (admission.address, admission.id)
        by = By(Actor.USER, user_id, address=address, request_id=request_id)
        with server.store.write() as tx:
            withdraw(tx, by, user_id, form.need("client_id"), WITHDRAWN)
        Pages.note(Caller(user=user), ALLOWED)
        return self.pages.redirect(url_for("apiguard_oauth.connections"), 303)


def _told(conn: sa.Connection, consent: Consent, known: Mapping[str, Scope]) -> dict[str, object]:
    """What the template says of one of them: the application as it is called now, and in which environment."""
    client = registry.client(conn, consent.client_id)
    return {
        "client_id": consent.client_id,
        "name": registry.application(conn, client.application_id).name,
        "sandbox": client.environment is Environment.SANDBOX,
        "since": consent.given_at.date().isoformat(),
        "scopes": [known[name].description or name if name in known else name for name in sorted(consent.scopes)],
    }
