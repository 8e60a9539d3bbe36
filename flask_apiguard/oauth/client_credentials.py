"""Client credentials (RFC 6749, section 4.4): a client asks for itself, with nobody behind it."""

from __future__ import annotations

from typing import Any

from .engine import ClientCredentialsGrant
from .issuing import Issuing, wanted_scopes


def client_credentials(issuing: Issuing) -> type[Any]:
    """The grant type, bound to what issues its tokens."""

    class ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]
        def validate_requested_scope(self) -> None:
            self.scopes = wanted_scopes(self.request.parameters.get("scope"), self.request.client.scopes)

        def save_token(self, token: dict[str, Any]) -> None:
            token.update(issuing.for_client(self.request.client, self.scopes))

    return ClientCredentials
