"""Pushed authorization requests (RFC 9126): a client sends its request here first, and a browser only a name for it.

What was pushed was read by the same strict reader as any other request, from a client that proved itself, and is read
again when the browser comes: what the client may do is judged at that moment. A name is good for one question to a
user, or one code without a question. Coming back from the sign-in page uses up nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from ..credentials import Lifetimes
from ..crypto import Secrets, random_text
from ..db import Store, Transaction
from .asking import Unsafe, read_client, read_rest
from .form import Form, parse
from .places import Places
from .proved import Proved
from .pruning import clear
from .refusals import Error, Refused, malformed
from .registrations import Registrations
from .tables import oauth_pushed as table

URN = "urn:ietf:params:oauth:request_uri:"
LENGTH = 43
PURPOSE = "oauth-pushed"
UNKNOWN = "This request is not known here, was used already, or waited too long."
#: How a client proved itself is nothing that it asks a user for.
_PROOFS = frozenset({"client_assertion", "client_assertion_type", "client_secret"})


class Pushed:
    """The requests that were pushed. ``lifetimes`` say how long each waits."""

    def __init__(
        self, store: Store, secrets: Secrets, registrations: Registrations, places: Places, lifetimes: Lifetimes
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._registrations = registrations
        self._places = places
        self._lifetimes = lifetimes

    def keep(self, client: Proved, form: Form, jkt: str | None = None) -> dict[str, Any]:
        """Keep a request, and answer its name (section 2.2). ``jkt`` is of a key that was proved with it.

        :raises Refused: what the authorization endpoint would not take either, or a name instead of a request.
        """
        if form.get("request_uri") is not None:
            raise malformed("A pushed request can't be the name of one.")
        pairs = [(name, value) for name, values in form.several.items() if name not in _PROOFS for value in values]
        if form.get("client_id") is None:
            pairs.append(("client_id", client.facts.id))
        if jkt is not None and form.get("dpop_jkt") not in (None, jkt):
            raise Refused(Error.INVALID_DPOP_PROOF, "The proof is of another key than dpop_jkt names.")
        if jkt is not None and form.get("dpop_jkt") is None:
            pairs.append(("dpop_jkt", jkt))
        query = urlencode(pairs)
        try:
            read_rest(*read_client(query.encode(), self._registrations, self._places), self._places)
        except Unsafe as unsafe:
            raise malformed(unsafe.sentence) from None
        text, lifetime = random_text(LENGTH), self._lifetimes.of(client.facts.environment)
        with self._store.write() as tx:
            clear(tx, table, tx.now)
            tx.execute(
                table.insert().values(
                    digest=self._digest(text),
                    client_id=client.facts.id,
                    query=query,
                    expires_at=tx.now + dt.timedelta(seconds=lifetime),
                )
            )
        return {"request_uri": URN + text, "expires_in": lifetime}

    def query_of(self, query: bytes) -> tuple[bytes, str | None]:
        """The request that a browser brings, or names; and what ``use_up`` wants of a named one.

        :raises Unsafe: it names one that is not there, not the client's, or names one and says more.
        """
        if b"request_uri=" not in query:
            return query, None
        try:
            form = parse(query)
        except Refused:
            return query, None  # for the reader of requests to refuse
        name = form.get("request_uri") or ""
        if not name.startswith(URN):
            return query, None
        if set(form.values) != {"client_id", "request_uri"}:
            raise Unsafe("Beside the name of a pushed request stands nothing but the application's id.")
        digest = self._digest(name.removeprefix(URN))
        with self._store.read(steady=False) as conn:
            kept = conn.execute(
                sa.select(table.c.query).where(
                    table.c.digest == digest, table.c.client_id == form.get("client_id"),
                    table.c.consumed_at.is_(None), table.c.expires_at > self._store.now(),
                )
            ).scalar()  # fmt: skip
        if kept is None:
            raise Unsafe(UNKNOWN)
        return str(kept).encode(), digest

    def _digest(self, text: str) -> str:
        return self._secrets.digest(PURPOSE, text)


def use_up(tx: Transaction, digest: str | None) -> None:
    """A pushed request is good for one time; None is one that was not pushed. Atomic in every store.

    :raises Unsafe: somebody was quicker.
    """
    if digest is None:
        return
    unused = (table.c.digest == digest, table.c.consumed_at.is_(None), table.c.expires_at > tx.now)
    taken = tx.execute(table.update().where(*unused).values(consumed_at=tx.now).returning(table.c.digest))
    if taken.first() is None:
        raise Unsafe(UNKNOWN)
