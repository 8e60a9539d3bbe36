"""Everything that a client proves itself with to the authorization server alone, ended at once."""

from __future__ import annotations

from ..credentials import Phase
from ..db import Transaction
from ..values import By
from .client_certificates import certificates_of, revoke_certificate
from .public_keys import live_keys, revoke_key


def end_proofs(tx: Transaction, by: By, client_id: str, reason: str) -> int:
    """Revoke a client's public keys and certificates, and the tokens that came of them; how many of both that were."""
    keys = live_keys(tx, client_id, tx.now)
    certificates = [one for one in certificates_of(tx, client_id) if one.phase(tx.now) is Phase.LIVE]
    for key in keys:
        revoke_key(tx, by, key.id, reason)
    for certificate in certificates:
        revoke_certificate(tx, by, certificate.id, reason)
    return len(keys) + len(certificates)
