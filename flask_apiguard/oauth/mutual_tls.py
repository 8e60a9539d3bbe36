"""Whether the certificate that came by TLS proves a client (RFC 8705, section 2), answered from memory."""

from __future__ import annotations

import datetime as dt

from cryptography import x509

from ..clients import EVERYTHING, Memory, Watch
from ..clock import Clock
from ..credentials import Phase
from ..db import Store
from .certificate_names import KnownBy, is_known_by
from .certificates import Shown
from .client_certificates import ClientCertificate, certificates_of


class MutualTLS:
    """Judges certificates. What clients registered is remembered until it changes."""

    def __init__(self, store: Store, watch: Watch, clock: Clock, bound: int = 10_000) -> None:
        self._store = store
        self._watch = watch
        self._clock = clock
        self._memory: Memory[tuple[ClientCertificate, ...]] = watch.memory(bound)

    def registered(self, client_id: str, shown: Shown) -> ClientCertificate | None:
        """The registration of this client that a certificate fits now; None for an unknown client alike.

        A name counts only in a certificate whose chain was followed: anybody can write any name into one of their own.

        :raises StoreAway: nobody can tell.
        """
        now = self._clock.now()
        if not _is_in_time(shown.certificate, now):
            return None
        live = (one for one in self._of(client_id) if one.phase(now) is Phase.LIVE)
        allowed = (one for one in live if shown.is_verified or one.known_by is KnownBy.THUMBPRINT)
        return next((one for one in allowed if is_known_by(shown.certificate, one.known_by, one.value)), None)

    def _of(self, client_id: str) -> tuple[ClientCertificate, ...]:
        self._watch.look()
        found = self._memory.get(client_id)
        if found is None:
            version = self._memory.version
            with self._store.read(steady=False) as conn:
                found = tuple(certificates_of(conn, client_id[:40]))
            self._memory.put(client_id, found, (f"client:{client_id}", EVERYTHING), version)
        return found


def _is_in_time(certificate: x509.Certificate, now: dt.datetime) -> bool:
    try:
        return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
    except ValueError:  # no time that a calendar has
        return False
