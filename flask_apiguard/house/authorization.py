"""Who proves what: the credential types that the gate knows, and the authorization server that issues some of them.

What only an authorization server needs is imported only where there is one.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import TYPE_CHECKING

from .. import access, credentials, oauth, quotas
from ..contracts import CredentialType, Registry
from ..errors import ConfigurationError
from ..oauth import Places
from ..quotas import Attempts
from .declared import TRUSTED_PROXIES, UNIX
from .foundations import Foundations

if TYPE_CHECKING:
    from ..oauth.certificates import Certificates
    from ..oauth.dpop import Proofs
    from ..oauth.endpoint_proofs import EndpointProofs
    from ..oauth.once import Once
    from ..oauth.proving import Proving
    from ..oauth.registrations import Registrations
    from ..oauth.server import Server
    from ..oauth.signed_tokens import SignedTokenType
    from ..oauth.signing_keys import SigningKeys


class Authorization(Foundations):
    """Credentials, tokens and keys. Each room is built when it is first asked for, and kept."""

    @cached_property
    def attempts(self) -> Attempts:
        return Attempts(self.clock, self.settings[quotas.FAILED_ATTEMPTS])

    @cached_property
    def verifier(self) -> credentials.Verifier:
        common = (self.store, self.format, self.secrets, self.clock, self.entitle)
        types: Registry[CredentialType] = Registry("credential type", lambda kind: kind.name)
        types.add(credentials.ApiKeyType(*common))
        types.add(self.access_tokens)
        confirm = None
        if self.places is not None:
            from ..oauth.binding import Binding

            types.add(self.signed_tokens)
            confirm = Binding(self.proofs, self.places, self.certificates)
        for kind in self.options.credentials:
            types.add(kind)
        types.add(credentials.ImportedKeyType(*common, self.watch))
        return credentials.Verifier(
            types, self.watch, self.secrets, self.clock, confirm, constrained=self.constraints.applied
        )

    @cached_property
    def constraints(self) -> access.Constraints:
        default = self.settings[quotas.DEFAULT_PLAN]
        return access.Constraints(self.store, self.watch, self.scopes, quotas.is_constrained, default)

    @property
    def issuing_places(self) -> Places:
        """Where the authorization server is.

        :raises ConfigurationError: it is off.
        """
        if self.places is None:
            raise ConfigurationError("There is no authorization server.", "Set APIGUARD_ISSUER.")
        return self.places

    @cached_property
    def signing_keys(self) -> SigningKeys:
        from ..oauth.signing_keys import SigningKeys

        lifetime = dt.timedelta(seconds=self.settings[oauth.SIGNING_KEY_LIFETIME])
        return SigningKeys(
            self.store, self.secrets, self.clock, self.watch, self.settings[oauth.SIGNING_ALGORITHM], lifetime
        )  # fmt: skip

    @cached_property
    def signed_tokens(self) -> SignedTokenType:
        from ..oauth.signed_tokens import SignedTokenType

        return SignedTokenType(self.signing_keys, self.issuing_places, self.clock, self.access_tokens)

    @cached_property
    def certificates(self) -> Certificates:
        from ..oauth.certificates import Certificates

        return Certificates(self.trusts, bool(self.settings[TRUSTED_PROXIES]))

    def trusts(self, peer: str) -> bool:
        """Whether identity headers from this peer count. Over a Unix socket a peer has no address."""
        return (peer or UNIX) in self.settings[TRUSTED_PROXIES]

    @cached_property
    def proofs(self) -> Proofs:
        from ..oauth.dpop import Proofs

        return Proofs(self.secrets, self.once, self.clock, self.settings[oauth.DPOP_NONCE])

    @cached_property
    def once(self) -> Once:
        from ..oauth.once import Once

        return Once(self.once_counter, self.clock)

    @cached_property
    def oauth(self) -> Server:
        """The authorization server.

        :raises ConfigurationError: it is off.
        """
        from ..oauth.endpoint_proofs import EndpointProofs
        from ..oauth.registrations import Registrations
        from ..oauth.server import Server  # and with it the OAuth library, which nobody else needs

        places = self.issuing_places
        registrations, proofs = Registrations(self.store, self.clock, self.entitle), EndpointProofs(self.proofs, places)
        return Server(
            places, self.store, self.tokens, self.secrets, self.clock, self.watch, self.signed_tokens.facts,
            self.scopes, oauth.spans(self.settings), self.signing_keys, proofs, self.certificates, self.asked_counter,
            registrations, self._proving(registrations, proofs),
        )  # fmt: skip

    def _proving(self, registrations: Registrations, proofs: EndpointProofs) -> Proving:
        from ..oauth.assertions import Assertions
        from ..oauth.mutual_tls import MutualTLS
        from ..oauth.proved import Clients
        from ..oauth.proving import Proving
        from ..oauth.signed_tokens import TokenWriter
        from ..oauth.token_formats import TokenFormats

        places = self.issuing_places
        clients = Clients(
            self.store, self.secrets, self.clock, self.watch, self.entitle, registrations,
            Assertions(self.store, self.once, self.clock, places, self.settings[oauth.ASSERTION_LIFETIME]),
            MutualTLS(self.store, self.watch, self.clock),
        )  # fmt: skip
        writer = TokenWriter(self.signing_keys, places)
        formats = TokenFormats(self.store, self.watch, writer, self.settings[oauth.TOKEN_FORMAT])
        return Proving(
            self.brand, self.secrets, self.attempts, self.last_use.touch, clients, formats, self.constraints, proofs
        )
