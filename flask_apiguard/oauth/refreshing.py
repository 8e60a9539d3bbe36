"""Refresh tokens (RFC 6749, section 6): each is good for one use and brings the next one.

One that is shown a second time ends its whole family, since two hold it (RFC 9700, section 4.14). Except within a few
seconds, and only for the one just used: a client that lost our answer asks again and gets the same next token. That
one follows from the old token's own text and is kept nowhere; there is never a second chain.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from ..clients import hold
from ..credentials import Token, TokenKind, began_at, consume, keep_alive, revoke_family, successor_of
from ..crypto import new_id
from ..db import Store, Transaction
from ..values import Actor, By
from .codes import narrowed, refused, still_held
from .consents import consent_of
from .form import Form
from .issuing import Issuing, demand_unrevoked, wanted_scopes
from .proved import Proved
from .refusals import Error, Refused

GRACE = dt.timedelta(seconds=10)
REUSED = "A refresh token was used twice."


class Refreshing:
    """Changes refresh tokens for the next tokens."""

    def __init__(self, store: Store, issuing: Issuing) -> None:
        self._store = store
        self._issuing = issuing

    def refresh(self, client: Proved, form: Form) -> dict[str, Any]:
        """The next tokens, as the token endpoint answers them.

        :raises Refused: ``invalid_grant``, or ``invalid_scope`` for more than was granted.
        """
        text = form.need("refresh_token")
        said: dict[str, Any] | None = None
        with self._store.write() as tx:
            hold(tx, client.facts.id, shared=True)
            demand_unrevoked(tx, client)  # before any token is touched, in the order of those who revoke
            shown = self._issuing.tokens.find(tx, text)
            if shown is None or shown.kind is not TokenKind.REFRESH or shown.client_id != client.facts.id:
                raise refused()
            if shown.revoked_at is not None or shown.expires_at <= tx.now or shown.user_id is None:
                raise refused()
            if shown.cnf is not None and shown.cnf != client.cnf:
                error = Error.INVALID_DPOP_PROOF if "jkt" in shown.cnf else Error.INVALID_GRANT
                raise Refused(error, "Prove the key that this token is bound to.")
            if consent_of(tx, shown.user_id, client.facts.id, kept=True) is None:
                raise refused()
            scopes = wanted_scopes(form.get("scope"), still_held(frozenset(shown.scopes), client))
            audience = narrowed(form, shown.audience, self._issuing)
            following = self._next(tx, client, shown, text)
            if following is not None:
                said = self._issuing.for_user(
                    tx, client, scopes, user_id=shown.user_id, family_id=shown.family_id, audience=audience
                )
                said["refresh_token"] = following
            else:
                by = By(Actor.CLIENT, client.facts.id, organization_id=client.facts.organization_id)
                revoke_family(tx, by, shown.family_id, REUSED)
        if said is None:
            raise refused()
        return said

    def _next(self, tx: Transaction, client: Proved, shown: Token, text: str) -> str | None:
        """The next refresh token's text; None when this one was used up and its grace is over."""
        if consume(tx, shown.id):
            token_id = new_id("tok")
            _, following = self._issuing.refresh_token(
                tx, client, scopes=shown.scopes, user_id=shown.user_id, audience=shown.audience, parent=shown,
                began=began_at(tx, shown.family_id), credential_id=client.credential_id, token_id=token_id,
                seed=_seed(text, token_id),
            )  # fmt: skip
            return following
        used = self._issuing.tokens.find(tx, text)  # again: another transaction may have been at it meanwhile
        if used is None or used.revoked_at is not None or used.consumed_at is None:
            return None
        successor = successor_of(tx, used)
        if successor is None or successor.consumed_at is not None or tx.now - used.consumed_at > GRACE:
            return None
        if not keep_alive(tx, used.id):
            return None
        return self._issuing.tokens.seeded(TokenKind.REFRESH, _seed(text, successor.id))


def _seed(text: str, token_id: str) -> str:
    return f"{text}\0{token_id}"
