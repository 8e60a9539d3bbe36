"""Whether a client may still have what it asked for before: looked up again where that is answered or redeemed."""

from __future__ import annotations

from dataclasses import dataclass

from ..credentials.standing import judge_client
from ..db import Transaction
from ..errors import Denied
from .asking import is_registered
from .registrations import REGISTRATION
from .tables import oauth_client


@dataclass(frozen=True, slots=True)
class Anew:
    """A client as it is now. ``stands`` is whether it may act at all; nobody's client does not."""

    stands: bool
    redirect_uris: tuple[str, ...] = ()
    grant_types: frozenset[str] | None = None
    device: bool = False

    def comes_back_to(self, redirect_uri: str) -> bool:
        """Whether users may be sent there with an answer."""
        return self.stands and is_registered(redirect_uri, self.redirect_uris)

    @property
    def may_use_codes(self) -> bool:
        """Whether it may use the grant type ``authorization_code``."""
        return self.stands and (self.grant_types is None or "authorization_code" in self.grant_types)

    @property
    def may_use_devices(self) -> bool:
        """Whether it may use that of devices (RFC 8628)."""
        return self.stands and self.device


def judged_anew(tx: Transaction, client_id: str) -> Anew:
    """What is so of a client at this moment."""
    row = tx.execute(REGISTRATION.add_columns(oauth_client.c.device), {"client": client_id}).mappings().first()
    if row is None:
        return Anew(False)
    try:
        judge_client(row)
    except Denied:
        return Anew(False)
    chosen = row["grant_types"]
    return Anew(
        True, tuple(row["redirect_uris"]), None if chosen is None else frozenset(chosen), bool(row["device"])
    )  # fmt: skip
