"""Tokens: issued fast, stored hashed, found by what their text hashes to.

Issuing appends neither to the change log (no process can have remembered a new token) nor to the ledger (that is for
governance). ``family_id`` binds what descends from one authorization: revoking the family ends all of it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ..crypto import Secrets, base62, id_of, new_id
from ..db import Transaction
from ..values import Environment
from .format import RANDOM_LENGTH, Format, Malformed, Written
from .lifetimes import Lifetimes
from .records import Source
from .tables import in_family
from .tables import token as table

PURPOSE = "token"
#: What a signed token looks like from afar (RFC 7515, section 3.1).
SIGNED = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class TokenKind(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    REFRESH = "refresh"


_WRITTEN = {TokenKind.ACCESS: Written.ACCESS, TokenKind.REFRESH: Written.REFRESH}


@dataclass(frozen=True, slots=True)
class Token:
    """One token. ``cnf`` is a confirmation claim (RFC 7800) that binds it to a key; ``audience`` empty means here."""

    id: str
    family_id: str
    kind: TokenKind
    client_id: str
    environment: Environment
    scopes: tuple[str, ...]
    issued_at: dt.datetime
    expires_at: dt.datetime
    credential_id: str | None = None
    user_id: str | None = None
    audience: tuple[str, ...] = ()
    cnf: Mapping[str, Any] | None = None
    generation: int = 0
    parent_id: str | None = None
    consumed_at: dt.datetime | None = None
    revoked_at: dt.datetime | None = None


COLUMNS = tuple(column for column in table.c if column.name != "digest")


def of_text(tokens: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a token is that of a text: its id is made of the text's digest, or it has that beside its own id."""
    return sa.or_(tokens.c.id == sa.bindparam("id_of_text"), tokens.c.digest == sa.bindparam("digest"))


_OF_TEXT = sa.select(*COLUMNS).where(of_text(table))


class Tokens:
    """Tokens of one brand. ``lifetimes`` are the access tokens'."""

    def __init__(self, format: Format, secrets: Secrets, lifetimes: Lifetimes) -> None:
        self.format = format
        self.lifetimes = lifetimes
        self._secrets = secrets

    def issue(
        self,
        tx: Transaction,
        *,
        token_id: str | None = None,
        family_id: str | None = None,
        parent: Token | None = None,
        lifetime: int | None = None,
        seed: str | None = None,
        text_of: Callable[[Token], str] | None = None,
        **facts: Any,
    ) -> tuple[Token, str]:
        """Write one token; its text is returned here and nowhere else.

        ``facts`` are those of `said`, ``lifetime`` is seconds, and a ``parent`` gives family and generation. The
        client's right to the token is the caller's to know. What the same ``seed`` makes is the same text again;
        ``text_of`` writes it in another form than our own. Of both the id comes first, and may be given as
        ``token_id``; else it is made of the text.
        """
        shared = said(parent=parent, **facts)
        span = self.lifetimes.of(shared["environment"]) if lifetime is None else lifetime
        text, digest = None, None
        if text_of is None and seed is None:
            text = self.new_text(shared["kind"])
            token_id = self.id_of(text)
        token_id = token_id or new_id("tok")
        own: dict[str, Any] = {
            "id": token_id, "family_id": parent.family_id if parent is not None else family_id or token_id,
            "issued_at": tx.now, "expires_at": tx.now + dt.timedelta(seconds=span),
        }  # fmt: skip
        made = Token(**own, **shared)
        if text is None:
            text = text_of(made) if text_of is not None else self.seeded(made.kind, str(seed))
            digest = self.digest(text)
        tx.execute(table.insert(), [own | shared | {"digest": digest}])
        return made, text

    def new_text(self, kind: TokenKind) -> str:
        """A text that nobody can guess."""
        return self.format.make_token(_WRITTEN[kind])

    def seeded(self, kind: TokenKind, seed: str) -> str:
        """The text that follows from a seed and from our secret: as hard to guess as the seed."""
        number = int(self._secrets.digest(f"{PURPOSE}:seed", seed), 16)
        return self.format.make_token(_WRITTEN[kind], base62(number, RANDOM_LENGTH))

    def digest(self, text: str) -> str:
        """How a token is stored."""
        return self._secrets.digest(PURPOSE, text)

    def id_of(self, text: str) -> str:
        """The id of a token that had its text first."""
        return id_of("tok", self.digest(text))

    def found_by(self, text: str) -> dict[str, str]:
        """The parameters of `of_text`."""
        digest = self.digest(text)
        return {"id_of_text": id_of("tok", digest), "digest": digest}

    def find(self, source: Source, text: str) -> Token | None:
        """The token of a text, ended ones too; None for any other text."""
        try:
            parsed = self.format.parse(text)
        except Malformed:
            return None
        if parsed is None and not SIGNED.fullmatch(text):
            return None
        if parsed is not None and parsed.written not in (Written.ACCESS, Written.REFRESH):
            return None
        row = source.execute(_OF_TEXT, self.found_by(text)).first()
        return None if row is None else token_of(row._mapping)


def said(
    *,
    client_id: str,
    environment: Environment,
    scopes: Iterable[str],
    kind: TokenKind | str = TokenKind.ACCESS,
    credential_id: str | None = None,
    user_id: str | None = None,
    audience: Iterable[str] = (),
    cnf: Mapping[str, Any] | None = None,
    parent: Token | None = None,
) -> dict[str, Any]:
    """What a `Token` says but for its id, its family and its time: tokens that are alike share it."""
    return {
        "kind": TokenKind(kind), "client_id": client_id, "environment": environment, "scopes": tuple(sorted(scopes)),
        "credential_id": credential_id, "user_id": user_id, "audience": tuple(audience), "cnf": cnf,
        "generation": parent.generation + 1 if parent is not None else 0,
        "parent_id": parent.id if parent is not None else None, "consumed_at": None, "revoked_at": None,
    }  # fmt: skip


def token_of(values: sa.RowMapping) -> Token:
    """A row as a value."""
    read: dict[str, Any] = {column.name: values[column.name] for column in COLUMNS}
    read |= {
        "kind": TokenKind(read["kind"]), "environment": Environment(read["environment"]),
        "scopes": tuple(read["scopes"]), "audience": tuple(read["audience"]),
    }  # fmt: skip
    return Token(**read)


def consume(tx: Transaction, token_id: str) -> bool:
    """Use up a token that is good for one time; False when it was used up or revoked before. Atomic in every store."""
    unused = (table.c.id == token_id, table.c.consumed_at.is_(None), table.c.revoked_at.is_(None))
    taken = tx.execute(table.update().where(*unused).values(consumed_at=tx.now).returning(table.c.id))
    return taken.first() is not None


def keep_alive(tx: Transaction, token_id: str) -> bool:
    """Let nobody revoke a token until the transaction ends; False when somebody did already."""
    unrevoked = sa.select(table.c.id).where(table.c.id == token_id, table.c.revoked_at.is_(None))
    return tx.execute(unrevoked.with_for_update()).first() is not None


def successor_of(source: Source, used: Token) -> Token | None:
    """The token of the same kind that was issued for a used-up one."""
    row = source.execute(
        sa.select(*COLUMNS).where(
            in_family(table, used.family_id), table.c.parent_id == used.id, table.c.kind == used.kind
        )
    ).first()
    return None if row is None else token_of(row._mapping)


def began_at(source: Source, family_id: str) -> dt.datetime | None:
    """When the first token of a family was issued."""
    found: dt.datetime | None = source.execute(
        sa.select(table.c.issued_at).where(in_family(table, family_id)).order_by(table.c.issued_at).limit(1)
    ).scalar()
    return found
