"""What clients are told about us before they ask: RFC 8414 of the server, RFC 9728 of the resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .jwk import ALGORITHMS as TAKEN
from .places import Places
from .proved import BASIC, JWT, NONE, POST

METHODS = [BASIC, POST, JWT]
ALGORITHMS = sorted(TAKEN)


def server_document(places: Places, grant_types: Iterable[str], scopes: Iterable[str]) -> dict[str, Any]:
    """The authorization server's metadata (RFC 8414, section 2)."""
    return {
        "issuer": places.issuer,
        "authorization_endpoint": places.url("authorize"),
        "pushed_authorization_request_endpoint": places.url("par"),
        "device_authorization_endpoint": places.url("device_authorization"),
        "token_endpoint": places.url("token"),
        "jwks_uri": places.url("jwks"),
        "dpop_signing_alg_values_supported": ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": True,
        "token_endpoint_auth_methods_supported": [*METHODS, NONE],
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "grant_types_supported": list(grant_types),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "revocation_endpoint": places.url("revoke"),
        "revocation_endpoint_auth_methods_supported": [*METHODS, NONE],
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint": places.url("introspect"),
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        **_scopes(scopes),
    }


def resource_document(places: Places, scopes: Iterable[str]) -> dict[str, Any]:
    """The protected resource's metadata (RFC 9728, section 2)."""
    return {
        "resource": places.resource,
        "authorization_servers": [places.issuer],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": True,
        **_scopes(scopes),
    }


def _scopes(scopes: Iterable[str]) -> dict[str, list[str]]:
    # A claim without elements is left out (RFC 8414, section 3.2).
    named = sorted(scopes)
    return {"scopes_supported": named} if named else {}
