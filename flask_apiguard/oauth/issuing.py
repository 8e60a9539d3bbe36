"""Which scopes a client gets, and the token that carries them."""

from __future__ import annotations

import re
from typing import Any

from ..credentials import Tokens
from ..db import Store
from .proved import Proved
from .refusals import Error, Refused

SCOPES_AT_MOST = 100
#: RFC 6749, section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


def wanted_scopes(asked: str | None, held: frozenset[str]) -> frozenset[str]:
    """The scopes of a token: those that were asked for, or all that the client holds when none were.

    :raises Refused: written wrongly, or not held. Which of them is not told: it may be another client's secret.
    """
    if asked is None:
        return held
    wanted = frozenset(asked.split(" ")) if _SCOPE.fullmatch(asked) else None
    if wanted is None or len(wanted) > SCOPES_AT_MOST or not wanted <= held:
        raise Refused(Error.INVALID_SCOPE, "The scope is not valid, or not held by this client.")
    return wanted


class Issuing:
    """Makes tokens. They never outlive the credential that asked for them."""

    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    def for_client(self, client: Proved, scopes: frozenset[str]) -> dict[str, Any]:
        """An access token of the client's own, and the answer that carries it (RFC 6749, section 5.1)."""
        left = int(client.ends_at - self._store.now().timestamp())
        lifetime = max(1, min(self._tokens.lifetime, left))
        _, text = self._tokens.issue_alone(
            self._store, client_id=client.facts.id, environment=client.facts.environment, scopes=scopes,
            lifetime=lifetime, credential_id=client.credential_id,
        )  # fmt: skip
        return answer(text, lifetime, scopes)


def answer(text: str, lifetime: int, scopes: frozenset[str]) -> dict[str, Any]:
    """The answer that carries a token; it always names the scopes, unless there are none."""
    said: dict[str, Any] = {"access_token": text, "token_type": "Bearer", "expires_in": lifetime}
    return said | {"scope": " ".join(sorted(scopes))} if scopes else said
