"""Proofs of possession at the endpoints: what is wrong with one is an OAuth error (RFC 9449, sections 5 and 10.1)."""

from __future__ import annotations

from .dpop import BadProof, Proof, Proofs, StaleNonce
from .once import STRANGERS
from .places import Places
from .proved import Proved
from .refusals import Error, Refused


class EndpointProofs:
    """Judges those that come with requests to the authorization server."""

    def __init__(self, proofs: Proofs, places: Places) -> None:
        self._proofs = proofs
        self._places = places

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """The headers of a good answer to a request with a proof."""
        return self._proofs.told

    def judge(self, text: str, endpoint: str) -> Proof:
        """A good proof for an endpoint, not used up yet.

        :raises Refused: ``invalid_dpop_proof``, or ``use_dpop_nonce`` with the nonce to use.
        """
        try:
            return self._proofs.judge(text, "POST", self._places.urls(endpoint))
        except StaleNonce as stale:
            raise Refused(Error.USE_DPOP_NONCE, str(stale), headers=(("DPoP-Nonce", stale.nonce),)) from None
        except BadProof as bad:
            raise Refused(Error.INVALID_DPOP_PROOF, str(bad)) from None

    def use_up(self, proof: Proof, holder: str) -> None:
        """Have it count, once.

        :raises Refused: it was shown before, or the holder has shown too many.
        :raises StoreAway: nobody can tell.
        """
        try:
            self._proofs.use_up(proof, holder)
        except BadProof as bad:
            raise Refused(Error.INVALID_DPOP_PROOF, str(bad)) from None

    def proved_key(self, text: str, endpoint: str, client: Proved) -> str:
        """The thumbprint of the key that one proves, used up, for a client that came with nothing else to judge.

        :raises Refused: as both others.
        :raises StoreAway: nobody can tell.
        """
        proof = self.judge(text, endpoint)
        self.use_up(proof, STRANGERS if client.credential_id is None else client.facts.id)
        return proof.thumbprint
