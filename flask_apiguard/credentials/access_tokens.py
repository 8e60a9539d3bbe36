"""Access tokens at the gate and at introspection, as their rows tell of them.

One statement joins token, credential, client and application, and the entitlement is read in the same state of the
store.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from werkzeug.wrappers import Request

from ..clock import Clock
from ..contracts import Presented
from ..db import Store
from ..errors import Denied
from ..values import Caller, Environment, HostUser, Reason
from .format import Malformed
from .presented import BEARER, DPOP, presented_texts
from .standing import CLIENT, Entitle, denied, facts, http_date, judge_client, proved, subjects, with_client
from .tables import credential, token
from .tokens import TokenKind, Tokens, of_text

_issuer = credential.alias()
_TOKEN = (
    sa.select(
        token.c.id, token.c.family_id, token.c.scopes, token.c.expires_at, token.c.revoked_at, token.c.user_id,
        token.c.audience, token.c.cnf, token.c.environment.label("token_environment"), token.c.credential_id,
        _issuer.c.revoked_at.label("issuer_revoked_at"), *CLIENT,
    )
    .select_from(with_client(token).outerjoin(_issuer, _issuer.c.id == token.c.credential_id))
    .where(token.c.kind == TokenKind.ACCESS, of_text(token))
)  # fmt: skip


class AccessTokenType:
    """``<brand>_at_...`` in ``Authorization: Bearer`` or ``DPoP``. ``resource`` is the name that an audience must hold.

    A caller by a token that is bound to a key carries its ``cnf``; that the key is proved as well is judged elsewhere.
    """

    name = "access_token"
    cacheable = True
    headers_only = True

    def __init__(
        self, store: Store, tokens: Tokens, clock: Clock, entitle: Entitle, resource: str | None = None
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._entitle = entitle
        self._resource = resource

    def challenge(self) -> str:
        """RFC 6750, section 3."""
        return f'Bearer realm="{self._tokens.format.brand}"'

    def read(self, request: Request) -> Presented | None:
        """Mine is what begins like an access token of ours, under the scheme Bearer or DPoP."""
        scheme, text = presented_texts(request)
        if text is None or scheme not in (BEARER, DPOP) or not text.startswith(self._tokens.format.access_prefix):
            return None
        return Presented(self.name, text)

    def verify(self, presented: Presented) -> Caller:
        """The client of a token, perhaps for a user.

        :raises Denied: malformed, unknown; and, told to who holds it, ended, for another audience, or its client not
            in standing.
        """
        try:
            self._tokens.format.parse(presented.secret)
        except Malformed:
            raise denied(Reason.CREDENTIAL_MALFORMED) from None
        return self.accept(presented.secret)

    def accept(self, text: str) -> Caller:
        """The same for a token in whatever form it was written.

        :raises Denied: as ``verify`` does.
        """
        now = self._clock.now()
        with self._store.read(steady=False) as conn:
            found = conn.execute(_TOKEN, self._tokens.found_by(text)).mappings().first()
            if found is None:
                raise denied(Reason.CREDENTIAL_UNKNOWN)
            with proved(found, self.name):
                self._judge(found, now)
            client = facts(found)
            entitled = self._entitle(
                conn, client.application_id, client.id, client.environment, frozenset(found["scopes"]), now
            )
        resting = [f"token:{found['id']}", f"family:{found['family_id']}"]
        if found["credential_id"] is not None:
            resting.append(f"credential:{found['credential_id']}")
        if found["user_id"] is not None:
            resting.append(f"user:{found['user_id']}")
        return Caller(
            client=client,
            user=None if found["user_id"] is None else HostUser(found["user_id"]),
            scopes=entitled.scopes,
            roles=entitled.roles,
            credential_id=found["id"],
            credential_kind=self.name,
            expires_at=min(found["expires_at"].timestamp(), entitled.expires_at),
            subjects=(*resting, *subjects(found), *entitled.subjects),
            cnf=found["cnf"],
        )

    def facts(self, text: str) -> dict[str, object]:
        """Introspection (RFC 7662, section 2.2): ``active`` and, when it is true, what the token says.

        Who may ask, and which audience, is for the endpoint to know.
        """
        try:
            if self._tokens.format.parse(text) is None:
                return {"active": False}
        except Malformed:
            return {"active": False}
        return self.kept_facts(text)

    def kept_facts(self, text: str) -> dict[str, object]:
        """The same for a token in whatever form it was written. Its scopes are those that the gate would find now."""
        now = self._clock.now()
        try:
            with self._store.read(steady=False) as conn:
                found = conn.execute(_TOKEN, self._tokens.found_by(text)).mappings().first()
                if found is None:
                    return {"active": False}
                self._judge(found, now, introspected=True)
                client = facts(found)
                entitled = self._entitle(
                    conn, client.application_id, client.id, client.environment, frozenset(found["scopes"]), now
                )
        except Denied:
            return {"active": False}
        return _introspected(found, entitled.scopes)

    def _judge(self, found: sa.RowMapping, now: dt.datetime, introspected: bool = False) -> None:
        if found["revoked_at"] is not None or found["issuer_revoked_at"] is not None:
            raise denied(Reason.CREDENTIAL_REVOKED, action="Ask for a new token.")
        if found["expires_at"] <= now:
            raise denied(Reason.CREDENTIAL_EXPIRED, f"It expired on {http_date(found['expires_at'])}.")
        judge_client(found)
        if found["token_environment"] != found["environment"]:
            raise denied(Reason.ENVIRONMENT_WRONG)
        if introspected:
            return
        if found["audience"] and self._resource not in found["audience"]:
            raise denied(Reason.AUDIENCE_WRONG)


def _introspected(found: sa.RowMapping, scopes: frozenset[str]) -> dict[str, object]:
    said: dict[str, object] = {
        "active": True,
        "scope": " ".join(sorted(scopes)),
        "client_id": found["client_id"],
        "token_type": "Bearer" if found["cnf"] is None or "jkt" not in found["cnf"] else "DPoP",
        "exp": int(found["expires_at"].timestamp()),
        "sub": found["user_id"] or found["client_id"],
        "environment": Environment(found["environment"]).value,
    }
    if found["audience"]:
        said["aud"] = list(found["audience"])
    if found["cnf"] is not None:
        said["cnf"] = found["cnf"]
    return said
