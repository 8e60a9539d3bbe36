"""Everything that a client holds of the authorization server alone, ended at once."""

from __future__ import annotations

from ..clients import hold
from ..credentials import Phase
from ..db import Transaction
from ..values import By
from .client_certificates import certificates_of, revoke_certificate
from .device_table import oauth_device
from .public_keys import live_keys, revoke_key
from .tables import oauth_code


def end_proofs(tx: Transaction, by: By, client_id: str, reason: str) -> int:
    """Revoke a client's public keys and certificates, and the tokens that came of them; how many of both that were.

    Codes that it has not used expire: what a user allowed before is not good for new tokens.
    """
    hold(tx, client_id)
    keys = live_keys(tx, client_id, tx.now)
    certificates = [one for one in certificates_of(tx, client_id) if one.phase(tx.now) is Phase.LIVE]
    for key in keys:
        revoke_key(tx, by, key.id, reason)
    for certificate in certificates:
        revoke_certificate(tx, by, certificate.id, reason)
    for table in (oauth_code, oauth_device):
        unused = (table.c.client_id == client_id, table.c.consumed_at.is_(None), table.c.expires_at > tx.now)
        tx.execute(table.update().where(*unused).values(expires_at=tx.now))
    return len(keys) + len(certificates)
