"""The device authorization grant (RFC 8628), as the device sees it: it asks, shows a code, and polls for its tokens.

Using a device code up is one statement inside the transaction that issues the tokens, so that of any number of
attempts at once one succeeds. Whoever shows it again ends what came of it: two hold it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from ..clients import hold
from ..credentials import Lifetimes, revoke_family
from ..crypto import Secrets, new_id, random_text
from ..db import Store, Transaction, insert_into
from ..values import Actor, By
from . import user_codes
from .codes import issued_for, refused
from .consents import consent_of
from .device_table import oauth_device as table
from .form import Form
from .issuing import Issuing, audience_of, wanted_scopes
from .proved import Proved
from .pruning import clear
from .refusals import Error, Refused
from .tables import oauth_client

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
LENGTH = 43
#: A device that comes this much too late is still told that its code expired.
LATE = dt.timedelta(minutes=15)
#: Seconds between two polls, and how much longer whoever was too fast has to wait from then on (section 3.5).
INTERVAL, SLOWER = 5, 5
#: A poll that was sent in time may arrive a little early.
EARLY = dt.timedelta(seconds=1)
PURPOSE, USER_PURPOSE = "oauth-device-code", "oauth-user-code"
REPLAYED = "A device code was used twice."


class DeviceCodes:
    """Makes device codes, and changes them for tokens. ``lifetimes`` are the codes' own."""

    def __init__(self, store: Store, secrets: Secrets, issuing: Issuing, lifetimes: Lifetimes) -> None:
        self._store = store
        self._secrets = secrets
        self._issuing = issuing
        self._lifetimes = lifetimes

    def make(self, client: Proved, form: Form, jkt: str | None = None) -> dict[str, Any]:
        """Both codes of a device, as the device authorization endpoint answers them (section 3.2).

        With ``jkt`` only the key of that name redeems the device code.

        :raises Refused: the client may not ask in this way, or asks for what it may not have.
        """
        places, text, lifetime = self._issuing.places, random_text(LENGTH), self._lifetimes.of(client.facts.environment)
        scopes, audience = wanted_scopes(form.get("scope"), client.scopes), audience_of(form, places)
        with self._store.write() as tx:
            _demand_chosen(tx, client)
            clear(tx, table, tx.now - LATE, table.c.consumed_at.is_(None))
            facts = {
                "digest": self._secrets.digest(PURPOSE, text), "family_id": new_id("fam"),
                "client_id": client.facts.id, "scopes": sorted(scopes), "audience": list(audience),
                "jkt": jkt, "interval": INTERVAL, "poll_at": tx.now,
                "expires_at": tx.now + dt.timedelta(seconds=lifetime),
            }  # fmt: skip
            shown, where = user_codes.written(self._kept(tx, facts)), places.url("device")
        return {
            "device_code": text, "user_code": shown, "verification_uri": where,
            "verification_uri_complete": f"{where}?user_code={shown}", "expires_in": lifetime, "interval": INTERVAL,
        }  # fmt: skip

    def _kept(self, tx: Transaction, facts: dict[str, Any]) -> str:
        """Keep a device under a code that no other one shows."""
        insert = insert_into(table, self._store.dialect).on_conflict_do_nothing().returning(table.c.digest)
        while True:
            code = user_codes.make()
            row = facts | {"user_digest": self._secrets.digest(USER_PURPOSE, code)}
            if tx.execute(insert.values(**row)).first() is not None:
                return code

    def redeem(self, client: Proved, form: Form) -> dict[str, Any]:
        """Tokens for a device code, as the token endpoint answers them.

        :raises Refused: nobody answered yet, or too late, or with no (section 3.5); ``invalid_grant`` for a code that
            was used, that is another client's, or none.
        """
        text = form.need("device_code")
        with self._store.write() as tx:
            hold(tx, client.facts.id, shared=True)
            _demand_chosen(tx, client)
            found = self._judged(tx, client, form, text)
        if isinstance(found, Refused):  # raised only now, so that what was written stays
            raise found
        return found

    def _judged(self, tx: Transaction, client: Proved, form: Form, text: str) -> dict[str, Any] | Refused:
        here = table.c.digest == self._secrets.digest(PURPOSE, text)
        row = tx.execute(sa.select(table).where(here, table.c.client_id == client.facts.id)).first()
        if row is None:
            return refused()  # and nothing is ended: who shows another client's code may be anybody
        if row.jkt is not None and (client.cnf or {}).get("jkt") != row.jkt:
            return Refused(Error.INVALID_DPOP_PROOF, "Prove the key that the device authorization request came with.")
        if row.consumed_at is None and row.expires_at <= tx.now:
            return Refused(Error.EXPIRED_TOKEN, "Nobody answered in time; start again.")
        if row.allowed is None:
            return _pending(tx, row)
        if not row.allowed or consent_of(tx, row.user_id, client.facts.id, kept=True) is None:
            return Refused(Error.ACCESS_DENIED, "The user said no.")
        unused = (here, table.c.consumed_at.is_(None))
        taken = tx.execute(table.update().where(*unused).values(consumed_at=tx.now).returning(table.c.digest)).first()
        if taken is not None:
            return issued_for(tx, self._issuing, client, form, row)
        by = By(Actor.CLIENT, client.facts.id, organization_id=client.facts.organization_id)
        revoke_family(tx, by, row.family_id, REPLAYED)
        return refused()


def _pending(tx: Transaction, row: Any) -> Refused:
    """What is said while nobody answered yet. Of polls at once one is in time, the others are too fast."""
    here = table.c.digest == row.digest
    wait = dt.timedelta(seconds=row.interval) - EARLY
    in_time = table.update().where(here, table.c.poll_at <= tx.now).values(poll_at=tx.now + wait)
    if tx.execute(in_time.returning(table.c.digest)).first() is not None:
        return Refused(Error.AUTHORIZATION_PENDING, "The user has not answered yet.")
    slower = dt.timedelta(seconds=SLOWER)
    tx.execute(table.update().where(here).values(interval=table.c.interval + SLOWER, poll_at=tx.now + wait + slower))
    return Refused(Error.SLOW_DOWN, f"Too fast: wait {SLOWER} seconds more between two polls from now on.")


def _demand_chosen(tx: Transaction, client: Proved) -> None:
    """Asked each time, so that a client that may not any more gets nothing for what it asked before."""
    query = sa.select(oauth_client.c.device).where(oauth_client.c.client_id == client.facts.id)
    if not tx.execute(query).scalar():
        raise Refused(Error.UNAUTHORIZED_CLIENT, "This client may not use this grant type.")
