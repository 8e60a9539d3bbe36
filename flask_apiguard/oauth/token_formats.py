"""What was chosen for a client's tokens: their form, whether a certificate binds them, and how it may come by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from ..clients import EVERYTHING, Memory, Watch
from ..credentials import Token
from ..db import Store, Transaction
from ..errors import Invalid
from ..values import By, Flaw
from .registrations import CHOOSABLE, choose
from .signed_tokens import TokenWriter
from .tables import oauth_client as table

JWT, OPAQUE = "jwt", "opaque"


@dataclass(frozen=True, slots=True)
class TokenFormat:
    """What holds for a client's next tokens: whether they are signed, whether bound to its TLS certificate."""

    is_signed: bool
    certificate_bound: bool
    #: The grant types that were left to it; None for all.
    grant_types: frozenset[str] | None

    def may_use(self, grant_type: str) -> bool:
        """Whether nobody took this grant type from the client."""
        return self.grant_types is None or grant_type in self.grant_types or grant_type not in CHOOSABLE


class TokenFormats:
    """Answers from memory, once the store was asked. ``default`` is for clients without a choice."""

    def __init__(self, store: Store, watch: Watch, writer: TokenWriter, default: str) -> None:
        self._store = store
        self._watch = watch
        self._writer = writer
        self._default = default
        self._memory: Memory[TokenFormat] = watch.memory(10_000)

    @property
    def version(self) -> int:
        """Moves with whatever may turn an answer of ``of`` stale."""
        return self._memory.version

    def writer(self) -> Callable[[Token], str]:
        """What writes the next signed token. Not to be asked inside a transaction.

        :raises StoreAway: nobody can tell.
        """
        return self._writer.ready()

    def of(self, client_id: str) -> TokenFormat:
        """What was chosen for a client. Not to be asked inside a transaction.

        :raises StoreAway: nobody can tell.
        """
        self._watch.look()
        found = self._memory.get(client_id)
        if found is None:
            version = self._memory.version
            with self._store.read(steady=False) as conn:
                query = sa.select(table.c.token_format, table.c.certificate_bound, table.c.grant_types)
                row = conn.execute(query.where(table.c.client_id == client_id)).first()
            form = self._default if row is None else row.token_format or self._default
            chosen = None if row is None or row.grant_types is None else frozenset(row.grant_types)
            found = TokenFormat(form == JWT, row is not None and bool(row.certificate_bound), chosen)
            self._memory.put(client_id, found, (f"client:{client_id}", EVERYTHING), version)
        return found


def set_token_format(tx: Transaction, by: By, client_id: str, chosen: str | None, reason: str = "") -> None:
    """Choose ``jwt`` or ``opaque`` for a client's next tokens; None leaves it to the setting.

    :raises Invalid: another word.
    :raises Missing: there is no such client.
    """
    if chosen not in (JWT, OPAQUE, None):
        raise Invalid([Flaw("/token_format", "must be jwt or opaque")])
    choose(tx, by, client_id, "token_format", chosen, reason)


def set_certificate_bound(tx: Transaction, by: By, client_id: str, bound: bool, reason: str = "") -> None:
    """Say whether a client's next tokens are bound to the certificate that it shows by TLS (RFC 8705, section 3).

    :raises Missing: there is no such client.
    """
    choose(tx, by, client_id, "certificate_bound", bound, reason)
