"""The device authorization grant (RFC 8628), as the user sees it: a code that was typed, a question, an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..access import ScopeBook
from ..crypto import Secrets, random_text
from ..db import Store
from . import user_codes
from .anew import judged_anew
from .asked_of_users import GONE, LENGTH, Question
from .consents import consent_of, give
from .device_codes import USER_PURPOSE
from .device_table import oauth_device as device
from .device_table import oauth_device_question as table
from .pruning import clear
from .refusals import Error, Refused
from .registrations import Registration

PURPOSE = "oauth-device-question"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that waits for an answer."""

    digest: str = field(repr=False)
    client_id: str
    scopes: frozenset[str]
    #: As people read it.
    user_code: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user answered to a device, now or before."""

    client_id: str
    allowed: bool


class DeviceQuestions:
    """The devices that wait, and what users are asked about them."""

    def __init__(self, store: Store, secrets: Secrets, scopes: ScopeBook) -> None:
        self._store = store
        self._secrets = secrets
        self._scopes = scopes

    def find(self, code: str) -> Waiting | None:
        """The device that shows a code; None when there is none, or none that still waits."""
        with self._store.read(steady=False) as conn:
            row = conn.execute(
                sa.select(device.c.digest, device.c.client_id, device.c.scopes).where(
                    device.c.user_digest == self._secrets.digest(USER_PURPOSE, code),
                    device.c.allowed.is_(None), device.c.expires_at > self._store.now(),
                )
            ).first()  # fmt: skip
        if row is None:
            return None
        return Waiting(row.digest, row.client_id, frozenset(row.scopes), user_codes.written(code))

    def put(self, waiting: Waiting, client: Registration, user_id: str) -> Question:
        """Keep what a user is asked about a device. A scope that its client lost meanwhile is not asked for."""
        text, scopes = random_text(LENGTH), waiting.scopes & client.scopes
        with self._store.write() as tx:
            clear(tx, table, tx.now)
            ends = sa.select(device.c.expires_at).where(device.c.digest == waiting.digest).scalar_subquery()
            tx.execute(
                table.insert().values(
                    digest=self._secrets.digest(PURPOSE, text), device_digest=waiting.digest, user_id=user_id,
                    scopes=sorted(scopes), expires_at=ends,
                )
            )  # fmt: skip
            known = consent_of(tx, user_id, waiting.client_id)
            meant = tuple(self._scopes.find(tx, scopes))
        return Question(text, meant, scopes - known.scopes if known is not None else frozenset())

    def answer(self, text: str, user_id: str, allowed: bool, address: str) -> Standing | None:
        """Take a user's answer, once; None for no such question to this user, or one that somebody else answered.

        What is granted is what was kept, whatever else came back from the browser. Of two answers at once the first
        one stands, and both hear it.

        :raises Refused: its client may not have it any more; told to the user.
        """
        mine = (table.c.digest == self._secrets.digest(PURPOSE, text), table.c.user_id == user_id)
        with self._store.write() as tx:
            asked: Any = tx.execute(
                table.update()
                .where(*mine, table.c.consumed_at.is_(None), table.c.expires_at > tx.now)
                .values(consumed_at=tx.now)
                .returning(table.c.device_digest, table.c.scopes)
            ).first()
            if asked is not None:
                waits = (device.c.digest == asked.device_digest, device.c.allowed.is_(None))
                said = device.update().where(*waits, device.c.expires_at > tx.now)
                said = said.values(user_id=user_id, allowed=allowed, scopes=asked.scopes)
                client_id = tx.execute(said.returning(device.c.client_id)).scalar()
                if client_id is not None and allowed:
                    if not judged_anew(tx, client_id).may_use_devices:
                        raise Refused(Error.INVALID_REQUEST, GONE)
                    give(tx, user_id, client_id, asked.scopes, address=address)
            stands = tx.execute(
                sa.select(device.c.client_id, device.c.allowed)
                .join(table, table.c.device_digest == device.c.digest)
                .where(*mine, device.c.user_id == user_id)
            ).first()
        return None if stands is None else Standing(stands.client_id, stands.allowed)
