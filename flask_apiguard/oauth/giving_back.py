"""Revocation (RFC 7009) and introspection (RFC 7662): what a client may do with tokens that it holds already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..credentials import Token, TokenKind, Tokens, revoke_family, revoke_token
from ..db import Store
from ..values import Actor, By
from .engine import Asked, IntrospectionEndpoint, RevocationEndpoint
from .places import Places
from .proved import Proved
from .refusals import Error, Refused

REASON = "Given back by its client."


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """Ends a token of the client's own; with a refresh token everything that descends from its authorization.

    A token that nobody knows, or that has ended, is answered like one that was just ended (section 2.2).
    """

    def __init__(self, store: Store, tokens: Tokens) -> None:
        super().__init__()
        self._store = store
        self._tokens = tokens

    def authenticate_token(self, request: Asked, client: Proved) -> Token | None:
        """The token, if it is the client's. A hint that helps nobody is ignored (section 2.1).

        :raises Refused: it is somebody else's; it lives on.
        """
        text = request.parameters.need("token")
        with self._store.read(steady=False) as conn:
            found = self._tokens.find(conn, text)
        if found is not None and found.client_id != client.facts.id:
            raise Refused(Error.INVALID_GRANT, "This token was issued to another client.")
        return found

    def revoke_token(self, token: Token, request: Asked) -> None:
        """End it, at once and in every process."""
        with self._store.write() as tx:
            if token.kind is TokenKind.REFRESH:
                revoke_family(tx, By(Actor.CLIENT, token.client_id), token.family_id, REASON)
            else:
                revoke_token(tx, token.id)


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """Says of a token what it is worth here and now; of one that is another client's only that it is not active.

    Section 4. One for another API is worth nothing here. ``challenge`` goes with what nobody proved (RFC 9110,
    section 15.5.2).
    """

    def __init__(
        self, places: Places, facts: Callable[[str], Mapping[str, Any]], challenge: tuple[tuple[str, str], ...]
    ) -> None:
        super().__init__()
        self._places = places
        self._facts = facts
        self._challenge = challenge

    def authenticate_endpoint_client(self, request: Asked) -> Proved:
        """:raises Refused: nobody proved itself; a public client can't (section 2.1)."""
        client = self.server.authenticate_client(request, ())
        if client.credential_id is None:
            raise Refused(Error.INVALID_CLIENT, "A public client may not ask.", 401, self._challenge)
        found: Proved = client
        return found

    def authenticate_token(self, request: Asked, client: Proved) -> Mapping[str, Any]:
        """What the token says, or that it is not active."""
        said = self._facts(request.parameters.need("token"))
        if not said["active"] or said["client_id"] != client.facts.id:
            return {"active": False}
        if self._places.resource not in said.get("aud", (self._places.resource,)):
            return {"active": False}
        return {**said, "iss": self._places.issuer}

    def create_introspection_payload(self, token: Mapping[str, Any]) -> Mapping[str, Any]:
        """It is one already."""
        return token
