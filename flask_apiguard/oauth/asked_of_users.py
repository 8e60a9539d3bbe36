"""Putting a request before a user: kept on our side, answered once, and only by the user it was shown to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from ..access import Scope, ScopeBook
from ..crypto import Secrets, random_text
from ..db import Store
from .anew import judged_anew
from .asking import Ask, Back
from .codes import Codes
from .consents import consent_of, give
from .pruning import clear
from .pushed import use_up
from .refusals import Error, Refused
from .tables import oauth_request as table

LIFETIME = dt.timedelta(minutes=10)
LENGTH = 43
PURPOSE = "oauth-request"
GONE = "This application can't be given anything any more. Nothing was allowed."


@dataclass(frozen=True, slots=True)
class Question:
    """What a user is asked. ``text`` proves, when it comes back, that it was this page that was answered."""

    text: str = field(repr=False)
    scopes: tuple[Scope, ...]
    new: frozenset[str]


class AskedOfUsers:
    """The requests that wait for a user's answer."""

    def __init__(self, store: Store, secrets: Secrets, codes: Codes, scopes: ScopeBook, issuer: str) -> None:
        self._store = store
        self._secrets = secrets
        self._codes = codes
        self._scopes = scopes
        self._issuer = issuer

    def put(self, ask: Ask, user_id: str) -> Question:
        """Keep a request for a user, and say what to show them. Those that nobody answered are cleared away."""
        text = random_text(LENGTH)
        with self._store.write() as tx:
            use_up(tx, ask.pushed)
            clear(tx, table, tx.now)
            tx.execute(
                table.insert().values(
                    digest=self._secrets.digest(PURPOSE, text), client_id=ask.client.facts.id, user_id=user_id,
                    redirect_uri=ask.back.redirect_uri, state=ask.back.state, scopes=sorted(ask.scopes),
                    audience=list(ask.audience), challenge=ask.challenge, jkt=ask.jkt, expires_at=tx.now + LIFETIME,
                )
            )  # fmt: skip
            known = consent_of(tx, user_id, ask.client.facts.id)
            meant = tuple(self._scopes.find(tx, ask.scopes))
        new = ask.scopes - known.scopes if known is not None else frozenset()
        return Question(text, meant, new)

    def remembered(self, ask: Ask, user_id: str) -> bool:
        """Whether the user allowed all of it before, to a client that can prove that it is the same one."""
        if ask.client.public:
            return False
        with self._store.read(steady=False) as conn:
            known = consent_of(conn, user_id, ask.client.facts.id)
        return known is not None and ask.scopes <= known.scopes

    def allow_again(self, ask: Ask, user_id: str) -> str:
        """The URL that carries a code, without asking again."""
        with self._store.write() as tx:
            use_up(tx, ask.pushed)
            code = self._codes.make(
                tx, client_id=ask.client.facts.id, user_id=user_id, redirect_uri=ask.back.redirect_uri,
                scopes=sorted(ask.scopes), audience=list(ask.audience), challenge=ask.challenge, jkt=ask.jkt,
            )  # fmt: skip
        return ask.back.to(code=code)

    def answer(self, text: str, user_id: str, allowed: bool, address: str) -> tuple[str, str] | None:
        """The client's id and the URL that carries the user's answer; None for no such question to this user.

        What is granted is what was kept, whatever else came back from the browser; whether its client may still have
        it is judged anew.

        :raises Refused: it may not act now, or users may not be sent to that address any more; told to the user.
        """
        with self._store.write() as tx:
            row: Any = tx.execute(
                table.update()
                .where(
                    table.c.digest == self._secrets.digest(PURPOSE, text), table.c.user_id == user_id,
                    table.c.consumed_at.is_(None), table.c.expires_at > tx.now,
                )
                .values(consumed_at=tx.now)
                .returning(*table.c)
            ).first()  # fmt: skip
            if row is None:
                return None
            back, now = Back(row.redirect_uri, row.state, self._issuer), judged_anew(tx, row.client_id)
            if not now.comes_back_to(row.redirect_uri):
                raise Refused(Error.INVALID_REQUEST, GONE)
            if not allowed:
                return row.client_id, back.to(error=Error.ACCESS_DENIED.value)
            if not now.may_use_codes:
                return row.client_id, back.to(error=Error.UNAUTHORIZED_CLIENT.value)
            give(tx, user_id, row.client_id, row.scopes, address=address)
            code = self._codes.make(
                tx, client_id=row.client_id, user_id=user_id, redirect_uri=row.redirect_uri, scopes=row.scopes,
                audience=row.audience, challenge=row.challenge, jkt=row.jkt,
            )  # fmt: skip
        return row.client_id, back.to(code=code)
