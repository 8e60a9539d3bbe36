"""Which scopes and which audience a token gets, and the answer that carries it."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..clients import hold
from ..credentials import Series, Token, TokenKind, Tokens
from ..db import Store, Transaction
from .certificate_table import oauth_certificate
from .form import Form
from .places import Places
from .proved import Proved
from .refusals import Error, Refused
from .settings import Spans
from .tables import oauth_key

SCOPES_AT_MOST = 100
#: Where stands what was registered of a client's proofs, by the kind of credential that they are.
_PROOFS = {"certificate": oauth_certificate, "public_key": oauth_key}
#: RFC 6749, section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def wanted_scopes(asked: str | None, held: frozenset[str]) -> frozenset[str]:
    """The scopes of a token: those that were asked for, or all that may be had when none were.

    :raises Refused: written wrongly, or not held. Which of them is not told: it may be another client's secret.
    """
    if asked is None:
        return held
    wanted = frozenset(asked.split(" ")) if _SCOPE.fullmatch(asked) else None
    if wanted is None or len(wanted) > SCOPES_AT_MOST or not wanted <= held:
        raise Refused(Error.INVALID_SCOPE, "The scope is not valid, or not held by this client.")
    return wanted


def audience_of(form: Form, places: Places) -> tuple[str, ...]:
    """Whom a token is for (RFC 8707, section 2): this API by its name, or nobody in particular.

    What lies under our resource is ours as well: agents name the very URL that they want to call.

    :raises Refused: another API is meant.
    """
    named = form.several.get("resource", ())
    for one in named:
        if one.rstrip("/") != places.resource and not one.startswith(places.resource + "/"):
            raise Refused(Error.INVALID_TARGET, "Tokens for this resource are not issued here.")
    return (places.resource,) if named else ()


class Terms(NamedTuple):
    """What a client's access tokens for some scopes have in common, and what the answers that carry them say of it.

    None outlives what the client proved itself with, which ends at ``ends_at``, in seconds since the epoch; ``most`` is
    how many seconds one lives at most.
    """

    token_type: str
    scope: str
    ends_at: float
    most: int

    def lifetime(self, now: dt.datetime) -> int:
        """How many seconds a token lives that is issued now."""
        return max(1, int(min(self.ends_at - now.timestamp(), self.most)))

    def answer(self, text: str, lifetime: int) -> dict[str, Any]:
        """The answer that carries a token; it names the scopes, unless there are none."""
        said: dict[str, Any] = {"access_token": text, "token_type": self.token_type, "expires_in": lifetime}
        if self.scope:
            said["scope"] = self.scope
        return said


class ClientTokens:
    """Tokens for a client itself that differ in nothing but text and time, and the answers that carry them."""

    __slots__ = ("_now", "_series", "_terms")

    def __init__(self, series: Series, terms: Terms, now: Callable[[], dt.datetime]) -> None:
        self._series, self._terms, self._now = series, terms, now

    def issue(self) -> dict[str, Any]:
        """One more.

        :raises flask_apiguard.errors.StoreAway: the store does not answer.
        """
        now, terms = self._now(), self._terms
        lifetime = terms.lifetime(now)
        return terms.answer(self._series.issue(now, lifetime), lifetime)


class Issuing:
    """Makes tokens. Those for a client's own use never outlive the secret that asked for them."""

    def __init__(self, store: Store, tokens: Tokens, places: Places, spans: Spans) -> None:
        self._store = store
        self.tokens = tokens
        self.places = places
        self._spans = spans
        #: Whom an access token is for when nobody said so.
        self._here = (places.resource,)

    def for_client(self, client: Proved, form: Form) -> dict[str, Any]:
        """An access token of the client's own, and the answer that carries it (RFC 6749, section 4.4).

        :raises Refused: it may not have what it asks for.
        """
        if client.credential_kind not in _PROOFS:
            return self.tokens_for(client, form).issue()
        terms, facts = self._facts(client, form)
        with self._store.write() as tx:
            hold(tx, client.facts.id, shared=True)
            demand_unrevoked(tx, client)
            lifetime = terms.lifetime(tx.now)
            _, text = self.tokens.issue(tx, lifetime=lifetime, text_of=client.text_of, **facts)
        return terms.answer(text, lifetime)

    def tokens_for(self, client: Proved, form: Form) -> ClientTokens:
        """The tokens that a client gets for itself with its secret, however often it asks for these.

        :raises Refused: it may not have what it asks for.
        """
        terms, facts = self._facts(client, form)
        series = Series(self.tokens, self._store, text_of=client.text_of, **facts)
        return ClientTokens(series, terms, self._store.now)

    def _facts(self, client: Proved, form: Form) -> tuple[Terms, dict[str, Any]]:
        """What tokens say that a client asks for itself."""
        scopes = wanted_scopes(form.get("scope"), client.scopes)
        audience = audience_of(form, self.places) or self._here
        _demand_bound(client, scopes)
        return self._terms(client, scopes), {
            "client_id": client.facts.id, "environment": client.facts.environment, "scopes": scopes,
            "credential_id": client.credential_id, "audience": audience, "cnf": client.cnf,
        }  # fmt: skip

    def for_user(
        self, tx: Transaction, client: Proved, scopes: frozenset[str], *, user_id: str, family_id: str,
        audience: tuple[str, ...],
    ) -> dict[str, Any]:  # fmt: skip
        """An access token for a user, and the answer that carries it.

        :raises Refused: among others, the proof that came along was shown before.
        """
        demand_unrevoked(tx, client)
        _demand_bound(client, scopes)
        if client.use_up is not None:
            client.use_up()
        terms = self._terms(client, scopes)
        lifetime = terms.lifetime(tx.now)
        _, text = self.tokens.issue(
            tx, client_id=client.facts.id, environment=client.facts.environment, scopes=scopes, lifetime=lifetime,
            credential_id=client.credential_id, user_id=user_id, family_id=family_id, audience=audience or self._here,
            cnf=client.cnf, text_of=client.text_of,
        )  # fmt: skip
        return terms.answer(text, lifetime)

    def refresh_token(
        self, tx: Transaction, client: Proved, *, began: dt.datetime | None = None, **facts: Any
    ) -> tuple[Token, str]:
        """A refresh token; ``facts`` say of what family or parent, ``began`` when the user's yes began to count.

        Of a public client it is bound to the key that was proved (RFC 9449, section 5): nothing else binds it.

        :raises Refused: that is so long ago that the user should be asked again.
        """
        environment = client.facts.environment
        ends = (began or tx.now) + dt.timedelta(seconds=self._spans.family.of(environment))
        left = math.ceil((ends - tx.now).total_seconds())
        if left <= 0:
            raise Refused(Error.INVALID_GRANT, "This access is too old to go on; ask the user again.")
        return self.tokens.issue(
            tx, client_id=client.facts.id, environment=environment, kind=TokenKind.REFRESH,
            lifetime=min(self._spans.refresh.of(environment, client.grant_type), left),
            cnf=client.cnf if client.credential_id is None else None, **facts,
        )  # fmt: skip

    def _terms(self, client: Proved, scopes: frozenset[str]) -> Terms:
        most = self.tokens.lifetimes.of(client.facts.environment, client.grant_type)
        token_type = "DPoP" if "jkt" in (client.cnf or ()) else "Bearer"
        return Terms(token_type, " ".join(sorted(scopes)), client.ends_at, most)


def demand_unrevoked(tx: Transaction, client: Proved) -> None:
    """Go on only when nobody revoked the key or certificate of a client since it proved itself with it.

    Whoever revokes it while this transaction lasts waits for its tokens, and ends them. Tokens of a secret need none
    of this: at each call they are asked whether it was revoked.

    :raises Refused: it was revoked.
    """
    table = _PROOFS.get(client.credential_kind or "")
    if table is None:
        return
    unrevoked = sa.select(table.c.id).where(table.c.id == client.credential_id, table.c.revoked_at.is_(None))
    if tx.execute(unrevoked.with_for_update(read=True)).first() is None:
        raise Refused(Error.INVALID_CLIENT, "What this client proved itself with was revoked.", 401)


def _demand_bound(client: Proved, scopes: frozenset[str]) -> None:
    """Go on only when no more is asked for than may be had in a token that is bound to nothing.

    :raises Refused: the scope is never left out silently.
    """
    if client.cnf is None and (client.must_bind or scopes & client.withheld):
        raise Refused(
            Error.INVALID_REQUEST,
            "This takes a token that is bound to a key: send a proof in the header DPoP, or ask for other scopes.",
        )
