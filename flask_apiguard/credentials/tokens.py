"""Tokens: issued fast, stored hashed, found by what their text hashes to, ended by themselves or by revocation.

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

from ..clients import changed, hold, registry
from ..clients.tables import client
from ..crypto import Secrets, base62, id_of, new_id
from ..db import Transaction
from ..ledger import enter
from ..values import By, Environment, Happening
from .format import RANDOM_LENGTH, Format, Malformed, Written
from .lifetimes import Lifetimes
from .records import Source
from .tables import in_family
from .tables import token as table

PURPOSE = "token"
#: How long an ended token is kept, so that its holder hears "expired" and not "unknown".
KEPT = dt.timedelta(days=1)
PRUNED_AT_ONCE = 1000
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


def revoke_tokens_for(tx: Transaction, user_id: str, client_id: str | None = None) -> list[str]:
    """End every token that a client, or any, holds for a user; whose they were, one for each.

    The consent behind them has its own entry.
    """
    ended = _end(tx, table.c.user_id == user_id, sa.true() if client_id is None else table.c.client_id == client_id)
    changed(tx, f"user:{user_id}")
    return ended


def revoke_tokens_by(tx: Transaction, client_id: str, credential_id: str) -> int:
    """End every token that a client was issued on one credential; how many that were.

    The credential's end has its own entry.
    """
    ended = _end(tx, table.c.client_id == client_id, table.c.credential_id == credential_id)
    changed(tx, f"credential:{credential_id}")
    return len(ended)


def revoke_token(tx: Transaction, token_id: str) -> bool:
    """End one token (RFC 7009); whether it was alive. What its own client gives back is not governance: no entry."""
    done = tx.execute(
        table.update().where(table.c.id == token_id, table.c.revoked_at.is_(None)).values(revoked_at=tx.now)
    )
    if done.rowcount:
        changed(tx, f"token:{token_id}")
    return bool(done.rowcount)


def revoke_family(tx: Transaction, by: By, family_id: str, reason: str) -> int:
    """End everything that descends from one authorization; how many tokens that were."""
    ended = _end(tx, in_family(table, family_id))
    if ended:
        changed(tx, f"family:{family_id}")
        enter(
            tx, by, Happening.CREDENTIALS_TOKENS_REVOKED, f"family:{family_id}",
            after={"tokens": len(ended)}, reason=reason, organization=registry.owner_of(tx, client_id=ended[0]),
        )  # fmt: skip
    return len(ended)


def revoke_tokens_of(tx: Transaction, by: By, client_id: str, reason: str) -> int:
    """End every token of a client that has not ended, also those that are just being issued; how many that were."""
    hold(tx, client_id)
    ended = _end(tx, table.c.client_id == client_id, table.c.expires_at > tx.now)
    if ended:
        changed(tx, f"client:{client_id}")
        enter(
            tx, by, Happening.CREDENTIALS_TOKENS_REVOKED, f"client:{client_id}",
            after={"tokens": len(ended)}, reason=reason, organization=registry.owner_of(tx, client_id=client_id),
        )  # fmt: skip
    return len(ended)


def _end(tx: Transaction, *which: sa.ColumnElement[bool]) -> list[str]:
    """End the living among some tokens; whose they were, one for each.

    On PostgreSQL in the order of their ids, and until none is left: while one waited for a token that was being used,
    the next came, and one statement does not see what came after it began.
    """
    living = sa.and_(*which, table.c.revoked_at.is_(None))
    ending = table.update().where(living).values(revoked_at=tx.now).returning(table.c.client_id)
    if tx.store.dialect == "sqlite":
        return list(tx.execute(ending).scalars())
    locked = sa.select(table.c.id).where(living).order_by(table.c.id).with_for_update().subquery()
    ended: list[str] = []
    while tx.execute(sa.select(sa.func.count()).select_from(locked)).scalar():
        ended += tx.execute(ending).scalars()
    return ended


def prune(tx: Transaction, now: dt.datetime, most: int = PRUNED_AT_ONCE) -> int:
    """Delete up to ``most`` tokens whose whole family ended a day ago: a consumed one tells reuse until then."""
    cutoff = now - KEPT
    sibling = table.alias()
    lives = sa.exists().where(in_family(sibling, table.c.family_id), sibling.c.expires_at > cutoff)
    # Of each client, for that is how they are found: the index is by client first.
    of_any = table.c.client_id.in_(sa.select(client.c.id))
    ended = sa.select(table.c.id).where(of_any, table.c.expires_at <= cutoff, ~lives).limit(most)
    return int(tx.execute(table.delete().where(table.c.id.in_(ended))).rowcount)
