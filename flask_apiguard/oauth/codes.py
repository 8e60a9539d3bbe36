"""Authorization codes (RFC 6749, section 4.1; RFC 7636): made when a user says yes, good for a minute and for one use.

Using one up is one statement inside the transaction that issues the tokens, so that of any number of attempts at once
one succeeds. Whoever shows a code again with everything that belongs to it ends what came of it (RFC 9700, 4.14).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
from typing import Any

import sqlalchemy as sa

from ..clients import hold, registry
from ..credentials import Lifetimes, revoke_family
from ..crypto import Secrets, new_id, random_text
from ..db import Store, Transaction
from ..values import Actor, By
from .anew import judged_anew
from .consents import consent_of
from .form import Form
from .issuing import Issuing, audience_of
from .proved import Proved
from .refusals import Error, Refused
from .tables import oauth_code as table

LENGTH = 43
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
PURPOSE = "oauth-code"
REPLAYED = "An authorization code was used twice."


def refused() -> Refused:
    """The one answer to whatever is wrong with a code or refresh token."""
    return Refused(Error.INVALID_GRANT, "What was presented is not valid, or not for this client.")


class Codes:
    """Makes codes, and changes them for tokens. ``lifetimes`` are the codes' own."""

    def __init__(self, store: Store, secrets: Secrets, issuing: Issuing, lifetimes: Lifetimes) -> None:
        self._store = store
        self._secrets = secrets
        self._issuing = issuing
        self._lifetimes = lifetimes

    def make(
        self, tx: Transaction, *, client_id: str, user_id: str, redirect_uri: str, scopes: list[str],
        audience: list[str], challenge: str, jkt: str | None = None,
    ) -> str:  # fmt: skip
        """A code; its text is returned here and nowhere else. With ``jkt`` only the key of that name redeems it."""
        text = random_text(LENGTH)
        lifetime = self._lifetimes.of(registry.client(tx, client_id).environment)
        tx.execute(
            table.insert().values(
                digest=self._secrets.digest(PURPOSE, text), family_id=new_id("fam"), client_id=client_id,
                user_id=user_id, redirect_uri=redirect_uri, scopes=scopes, audience=audience, challenge=challenge,
                jkt=jkt, expires_at=tx.now + dt.timedelta(seconds=lifetime),
            )
        )  # fmt: skip
        return text

    def redeem(self, client: Proved, form: Form) -> dict[str, Any]:
        """Tokens for a code, as the token endpoint answers them.

        :raises Refused: ``invalid_grant``, whatever is wrong with it; ``invalid_dpop_proof`` without the key that the
            request named.
        """
        code, verifier, redirect_uri = form.need("code"), form.need("code_verifier"), form.need("redirect_uri")
        with self._store.write() as tx:
            hold(tx, client.facts.id, shared=True)
            row = tx.execute(sa.select(table).where(table.c.digest == self._secrets.digest(PURPOSE, code))).first()
            if row is None or not _belongs(row, client, redirect_uri, verifier):
                # Nothing is ended here: who shows less than everything may be anybody.
                raise refused()
            if row.jkt is not None and (client.cnf or {}).get("jkt") != row.jkt:
                raise Refused(Error.INVALID_DPOP_PROOF, "Prove the key that the authorization request named.")
            if row.consumed_at is None and not _is_good(tx, row):
                raise refused()  # of a used one nothing is asked: whenever it comes again, two hold it
            if consent_of(tx, row.user_id, client.facts.id, kept=True) is None:
                raise refused()  # and what came of it ended with the consent
            used = tx.execute(
                table.update()
                .where(table.c.digest == row.digest, table.c.consumed_at.is_(None))
                .values(consumed_at=tx.now)
                .returning(table.c.digest)
            ).first()
            said = None if used is None else issued_for(tx, self._issuing, client, form, row)
            if said is None:
                by = By(Actor.CLIENT, client.facts.id, organization_id=client.facts.organization_id)
                revoke_family(tx, by, row.family_id, REPLAYED)
        if said is None:
            raise refused()
        return said


def issued_for(tx: Transaction, issuing: Issuing, client: Proved, form: Form, row: Any) -> dict[str, Any]:
    """The first tokens of what a user allowed, and the answer that carries them; ``row`` is the code's.

    :raises Refused: ``invalid_target`` for another API than the user's yes was for; ``invalid_scope`` when the client
        holds nothing of it any more.
    """
    scopes = still_held(frozenset(row.scopes), client)
    audience = narrowed(form, tuple(row.audience), issuing)
    facts = {"user_id": row.user_id, "family_id": row.family_id, "audience": audience}
    said = issuing.for_user(tx, client, scopes, **facts)
    _, refresh = issuing.refresh_token(tx, client, scopes=scopes, credential_id=client.credential_id, **facts)
    return said | {"refresh_token": refresh}


def still_held(granted: frozenset[str], client: Proved) -> frozenset[str]:
    """What a client still holds of what a user granted: perhaps less.

    :raises Refused: nothing, of something.
    """
    held = granted & client.scopes
    if granted and not held:
        raise Refused(Error.INVALID_SCOPE, "This client holds nothing of what was granted any more.")
    return held


def narrowed(form: Form, granted: tuple[str, ...], issuing: Issuing) -> tuple[str, ...]:
    """The audience of a token that is asked for later: never wider than what was granted (RFC 8707, section 2.2).

    :raises Refused: another API is meant.
    """
    named = audience_of(form, issuing.places)
    return granted or named


def _is_good(tx: Transaction, row: Any) -> bool:
    """Whether a code is in time, and its client may still be sent one there."""
    if row.expires_at <= tx.now:
        return False
    now = judged_anew(tx, row.client_id)
    return now.may_use_codes and now.comes_back_to(row.redirect_uri)


def _belongs(row: Any, client: Proved, redirect_uri: str, verifier: str) -> bool:
    """Whether everything that belongs to a code was shown with it."""
    if row.client_id != client.facts.id or row.redirect_uri != redirect_uri or not VERIFIER.fullmatch(verifier):
        return False
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(hashed, row.challenge)
