"""What clients are told about us before they ask: RFC 8414 of the server, RFC 9728 of the resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .places import Places
from .proved import BASIC, POST

METHODS = [BASIC, POST]


def server_document(places: Places, grant_types: Iterable[str], scopes: Iterable[str]) -> dict[str, Any]:
    """The authorization server's metadata (RFC 8414, section 2)."""
    return {
        "issuer": places.issuer,
        "token_endpoint": places.url("token"),
        "token_endpoint_auth_methods_supported": METHODS,
        "grant_types_supported": list(grant_types),
        # Required, and there is no authorization endpoint yet that could answer one.
        "response_types_supported": [],
        "revocation_endpoint": places.url("revoke"),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint": places.url("introspect"),
        "introspection_endpoint_auth_methods_supported": METHODS,
        **_scopes(scopes),
    }


def resource_document(places: Places, scopes: Iterable[str]) -> dict[str, Any]:
    """The protected resource's metadata (RFC 9728, section 2)."""
    return {
        "resource": places.resource,
        "authorization_servers": [places.issuer],
        "bearer_methods_supported": ["header"],
        **_scopes(scopes),
    }


def _scopes(scopes: Iterable[str]) -> dict[str, list[str]]:
    # A claim without elements is left out (RFC 8414, section 3.2).
    named = sorted(scopes)
    return {"scopes_supported": named} if named else {}
