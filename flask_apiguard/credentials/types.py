"""Credential types: our API keys, and keys that the host had before.

``verify`` reads the store once: one statement joins credential, client and application, and the entitlement is read
in the same state of the store.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from werkzeug.wrappers import Request

from ..clients import Memory, Watch
from ..clock import Clock
from ..contracts import Presented
from ..crypto import Secrets
from ..db import Store
from ..values import Caller, Reason
from . import imported, keys
from .format import Format, Malformed
from .presented import BEARER, X_API_KEY, presented_texts
from .records import Kind
from .standing import (
    CLIENT,
    Entitle,
    denied,
    facts,
    http_date,
    judge_client,
    judge_credential,
    proved,
    subjects,
    with_client,
)  # fmt: skip
from .tables import credential

_CREDENTIAL = sa.select(
    credential.c.id, credential.c.kind, credential.c.scopes, credential.c.expires_at, credential.c.rotated_at,
    credential.c.retire_at, credential.c.revoked_at, *CLIENT,
).select_from(with_client(credential))  # fmt: skip
_BY_DIGEST = _CREDENTIAL.where(
    credential.c.kind == sa.bindparam("kind"), credential.c.digest.in_(sa.bindparam("digests", expanding=True))
)


class _StoredKey:
    """What our own and imported keys share: found by digest, judged alike."""

    name: str
    cacheable = True
    headers_only = True

    def __init__(self, store: Store, format: Format, secrets: Secrets, clock: Clock, entitle: Entitle) -> None:
        self._store = store
        self._format = format
        self._secrets = secrets
        self._clock = clock
        self._entitle = entitle

    def challenge(self) -> str:
        """RFC 6750, section 3: both headers are answered by the one scheme that is registered."""
        return f'Bearer realm="{self._format.brand}"'

    def _caller(self, digests: list[str], kind: Kind) -> Caller:
        now = self._clock.now()
        with self._store.read(steady=False) as conn:
            found = conn.execute(_BY_DIGEST, {"kind": kind.value, "digests": digests}).mappings().first()
            if found is None:
                raise denied(Reason.CREDENTIAL_UNKNOWN)
            with proved(found, kind.value):
                judge_credential(found, now)
                judge_client(found)
            client = facts(found)
            narrowing = None if found["scopes"] is None else frozenset(found["scopes"])
            entitled = self._entitle(conn, client.application_id, client.id, client.environment, narrowing, now)
        ends = [found["expires_at"].timestamp(), entitled.expires_at]
        if found["retire_at"] is not None:
            ends.append(found["retire_at"].timestamp())
        return Caller(
            client=client,
            scopes=entitled.scopes,
            roles=entitled.roles,
            credential_id=found["id"],
            credential_kind=kind.value,
            expires_at=min(ends),
            subjects=(f"credential:{found['id']}", *subjects(found), *entitled.subjects),
            headers=_retiring(found["rotated_at"], found["retire_at"]),
        )


class ApiKeyType(_StoredKey):
    """``<brand>_<environment>_...`` in ``Authorization: Bearer`` or ``X-API-Key``."""

    name = Kind.API_KEY.value

    def read(self, request: Request) -> Presented | None:
        """Ours is what begins like a key of ours; whether it is whole is judged later, once."""
        scheme, text = presented_texts(request)
        if text is None or scheme not in (BEARER, X_API_KEY) or not text.startswith(self._format.key_prefixes):
            return None
        return Presented(self.name, text)

    def verify(self, presented: Presented) -> Caller:
        """The client of a key.

        :raises Denied: malformed, unknown; and, told to who proved it, revoked, expired or not in standing.
        """
        try:
            self._format.parse(presented.secret)
        except Malformed:
            raise denied(Reason.CREDENTIAL_MALFORMED) from None
        return self._caller([self._secrets.digest(keys.PURPOSE, presented.secret)], Kind.API_KEY)


class ImportedKeyType(_StoredKey):
    """A key that the host gave out before: any text not of our forms, while at least one imported key exists."""

    name = Kind.IMPORTED_KEY.value

    def __init__(
        self, store: Store, format: Format, secrets: Secrets, clock: Clock, entitle: Entitle, watch: Watch
    ) -> None:
        super().__init__(store, format, secrets, clock, entitle)
        self._watch = watch
        self._memory: Memory[frozenset[str]] = watch.memory(1)

    def read(self, request: Request) -> Presented | None:
        """Mine is what no form of ours claims, as soon as the host has brought any key along."""
        scheme, text = presented_texts(request)
        if text is None or scheme not in (BEARER, X_API_KEY) or self._is_ours(text) or not self._algorithms():
            return None
        return Presented(self.name, text)

    def verify(self, presented: Presented) -> Caller:
        """The client of a key that the host gave out.

        :raises Denied: unknown; and, told to who proved it, revoked, expired or not in standing.
        """
        digests = [
            imported.digest(self._secrets, algorithm, imported.hashed(algorithm, presented.secret))
            for algorithm in sorted(self._algorithms())
        ]
        return self._caller(digests, Kind.IMPORTED_KEY)

    def _is_ours(self, text: str) -> bool:
        try:
            return self._format.parse(text) is not None
        except Malformed:
            return True

    def _algorithms(self) -> frozenset[str]:
        """How imported keys are hashed; read again when some were imported."""
        self._watch.look()
        found = self._memory.get("algorithms")
        if found is None:
            version = self._memory.version
            with self._store.read(steady=False) as conn:
                found = imported.algorithms(conn)
            self._memory.put("algorithms", found, (imported.SUBJECT,), version)
        return found


def _retiring(rotated_at: dt.datetime | None, retire_at: dt.datetime | None) -> tuple[tuple[str, str], ...]:
    """``Deprecation`` (RFC 9745, section 2.1) since the rotation, ``Sunset`` (RFC 8594, section 3) at its end."""
    if retire_at is None:
        return ()
    since = () if rotated_at is None else (("Deprecation", f"@{int(rotated_at.timestamp())}"),)
    return (*since, ("Sunset", http_date(retire_at)))
