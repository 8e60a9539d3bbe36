"""Tokens that one client is issued for the same again and again, each written by itself, as fast as a store can."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from ..crypto import new_id
from ..db import Store
from .alone import Insert
from .tables import token as table
from .tokens import Token, Tokens, said

_INSERT = Insert(table, "id", "family_id", "issued_at", "expires_at", "digest")


class Series:
    """Tokens that are alike but for text, id and time; each is the first of its family.

    Of the ``facts``, which are those of `said`, the store is told once; ``text_of`` writes a token in another form
    than our own. The client's right to each token is the caller's to know.
    """

    __slots__ = ("_rows", "_shared", "_text_of", "_tokens")

    def __init__(
        self, tokens: Tokens, store: Store, *, text_of: Callable[[Token], str] | None = None, **facts: Any
    ) -> None:
        self._tokens = tokens
        self._text_of = text_of
        self._shared = said(**facts)
        self._rows = _INSERT.rows(store, self._shared)

    def issue(self, now: dt.datetime, lifetime: int) -> str:
        """Write one token that lives so many seconds; its text is returned here and nowhere else.

        :raises StoreAway: the store does not answer.
        """
        tokens, ends = self._tokens, now + dt.timedelta(seconds=lifetime)
        if self._text_of is None:
            text, digest = tokens.new_text(self._shared["kind"]), None
            token_id = tokens.id_of(text)
        else:
            token_id = new_id("tok")
            text = self._text_of(Token(id=token_id, family_id=token_id, issued_at=now, expires_at=ends, **self._shared))
            digest = tokens.digest(text)
        self._rows.add(token_id, token_id, now, ends, digest)
        return text
