"""What clients are told about us before they ask: RFC 8414 of the server, RFC 9728 of the resource."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ..access import SCOPES, ScopeBook
from ..clients import Memory, Watch
from ..db import Store
from ..errors import AWAY
from .client_certificates import NAMED, PINNED
from .jwk import ALGORITHMS as TAKEN
from .places import Places
from .proved import BASIC, JWT, NONE, POST

METHODS = [BASIC, POST, JWT]
#: RFC 8705, sections 2.1.1 and 2.2.1.
BY_TLS = [NAMED, PINNED]
ALGORITHMS = sorted(TAKEN)


class Metadata:
    """Both documents. ``certificates`` says whether any reach us."""

    def __init__(
        self, places: Places, grant_types: Iterable[str], certificates: bool, store: Store, watch: Watch,
        scopes: ScopeBook,
    ) -> None:  # fmt: skip
        self._server = server_document(places, grant_types, certificates)
        self._resource = resource_document(places, certificates)
        self._store = store
        self._watch = watch
        self._scopes = scopes
        self._memory: Memory[list[str]] = watch.memory(1)
        self._told_last = sorted(scope.name for scope in scopes)

    def server(self) -> dict[str, Any]:
        """The authorization server's metadata."""
        return {**self._server, **self._supported()}

    def resource(self) -> dict[str, Any]:
        """The protected resource's metadata."""
        return {**self._resource, **self._supported()}

    def _supported(self) -> dict[str, list[str]]:
        """The scopes that are declared now, in code or by an operator.

        When nobody can tell, what was told last: it opens nothing, and clients still find out where to ask again.
        """
        with suppress(*AWAY):
            self._told_last = self._declared()
        # A claim without elements is left out (RFC 8414, section 3.2).
        return {"scopes_supported": self._told_last} if self._told_last else {}

    def _declared(self) -> list[str]:
        self._watch.look()
        found = self._memory.get(SCOPES)
        if found is None:
            version = self._memory.version
            with self._store.read() as conn:
                found = sorted(self._scopes.all(conn))
            self._memory.put(SCOPES, found, (SCOPES,), version)
        return found


def server_document(places: Places, grant_types: Iterable[str], certificates: bool) -> dict[str, Any]:
    """The authorization server's metadata (RFC 8414, section 2), but for its scopes."""
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
    }


def resource_document(places: Places, certificates: bool) -> dict[str, Any]:
    """The protected resource's metadata (RFC 9728, section 2), but for its scopes."""
    return {
        "resource": places.resource,
        "authorization_servers": [places.issuer],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ALGORITHMS,
        **_by_tls(certificates, {}),
    }


def _by_tls(certificates: bool, aliases: dict[str, str]) -> dict[str, Any]:
    """RFC 8705, sections 3.3 and 5."""
    told: dict[str, Any] = {"tls_client_certificate_bound_access_tokens": True} if certificates else {}
    return {**told, "mtls_endpoint_aliases": aliases} if aliases else told
