"""What clients are told about us before they ask: RFC 8414 of the server, RFC 9728 of the resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .client_certificates import NAMED, PINNED
from .jwk import ALGORITHMS as TAKEN
from .places import Places
from .proved import BASIC, JWT, NONE, POST

METHODS = [BASIC, POST, JWT]
#: RFC 8705, sections 2.1.1 and 2.2.1.
BY_TLS = [NAMED, PINNED]
ALGORITHMS = sorted(TAKEN)


def server_document(
    places: Places, grant_types: Iterable[str], scopes: Iterable[str], certificates: bool
) -> dict[str, Any]:
    """The authorization server's metadata (RFC 8414, section 2); ``certificates`` says whether any reach us."""
    methods = [*METHODS, *BY_TLS] if certificates else METHODS
    endpoints = {
        "pushed_authorization_request_endpoint": places.url("par"),
        "device_authorization_endpoint": places.url("device_authorization"),
        "token_endpoint": places.url("token"),
        "revocation_endpoint": places.url("revoke"),
        "introspection_endpoint": places.url("introspect"),
    }
    return {
        "issuer": places.issuer,
        "authorization_endpoint": places.url("authorize"),
        **endpoints,
        "jwks_uri": places.url("jwks"),
        "dpop_signing_alg_values_supported": ALGORITHMS,
        "token_endpoint_auth_methods_supported": [*methods, NONE],
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "grant_types_supported": list(grant_types),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "revocation_endpoint_auth_methods_supported": [*methods, NONE],
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        **_by_tls(certificates, places.aliases(endpoints)),
        **_scopes(scopes),
    }


def resource_document(places: Places, scopes: Iterable[str], certificates: bool) -> dict[str, Any]:
    """The protected resource's metadata (RFC 9728, section 2)."""
    return {
        "resource": places.resource,
        "authorization_servers": [places.issuer],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ALGORITHMS,
        **_by_tls(certificates, {}),
        **_scopes(scopes),
    }


def _by_tls(certificates: bool, aliases: dict[str, str]) -> dict[str, Any]:
    """RFC 8705, sections 3.3 and 5."""
    told: dict[str, Any] = {"tls_client_certificate_bound_access_tokens": True} if certificates else {}
    return {**told, "mtls_endpoint_aliases": aliases} if aliases else told


def _scopes(scopes: Iterable[str]) -> dict[str, list[str]]:
    # A claim without elements is left out (RFC 8414, section 3.2).
    named = sorted(scopes)
    return {"scopes_supported": named} if named else {}
