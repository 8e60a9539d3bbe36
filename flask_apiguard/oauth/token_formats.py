"""Which form a client's access tokens have: its own choice, or what the setting says."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ..clients import EVERYTHING, Memory, Watch, changed, registry
from ..credentials import Token
from ..db import Store, Transaction
from ..errors import Invalid
from ..ledger import enter
from ..values import By, Flaw, Happening
from .signed_tokens import TokenWriter
from .tables import oauth_client as table

JWT, OPAQUE = "jwt", "opaque"


class TokenFormats:
    """Answers from memory, once the store was asked. ``default`` is for clients without a choice."""

    def __init__(self, store: Store, watch: Watch, writer: TokenWriter, default: str) -> None:
        self._store = store
        self._watch = watch
        self._writer = writer
        self._default = default
        self._memory: Memory[str] = Memory(10_000)
        watch.attach(self._memory.forget, self._memory.flush)

    def writer_for(self, client_id: str) -> Callable[[Token], str] | None:
        """What writes a client's next token; None for an opaque one. Not to be asked inside a transaction.

        :raises StoreAway: nobody can tell.
        """
        return self._writer.ready() if self._of(client_id) == JWT else None

    def _of(self, client_id: str) -> str:
        self._watch.look()
        found = self._memory.get(client_id)
        if found is None:
            version = self._memory.version
            with self._store.read() as conn:
                chosen = conn.execute(sa.select(table.c.token_format).where(table.c.client_id == client_id)).scalar()
            found = chosen or self._default
            self._memory.put(client_id, found, (f"client:{client_id}", EVERYTHING), version)
        return found


def set_token_format(tx: Transaction, by: By, client_id: str, chosen: str | None, reason: str = "") -> None:
    """Choose ``jwt`` or ``opaque`` for a client's next tokens; None leaves it to the setting.

    :raises Invalid: another word.
    :raises Missing: there is no such client.
    """
    if chosen not in (JWT, OPAQUE, None):
        raise Invalid([Flaw("/token_format", "must be jwt or opaque")])
    registry.client(tx, client_id)
    row = tx.execute(sa.select(table.c.token_format).where(table.c.client_id == client_id)).first()
    if row is None:
        tx.execute(table.insert().values(client_id=client_id, public=False, token_format=chosen))
    else:
        tx.execute(table.update().where(table.c.client_id == client_id).values(token_format=chosen))
    enter(
        tx, by, Happening.OAUTH_CLIENT_CHANGED, f"client:{client_id}", reason=reason,
        before={"token_format": None if row is None else row.token_format}, after={"token_format": chosen},
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
