"""What a client asks for again in the very words of before: read and judged once, and from then on only issued.

Machines repeat themselves: with its secret a client asks for the same scopes hour after hour. What its words came to is
remembered as long as nothing moves that this rests on, under a digest of the words; each time it gets a token of its
own. Only a secret proves again what it proved before: assertions, certificates and proofs of keys are judged each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from flask import Request

from ..clients import Memory, Watch
from ..clock import Clock
from ..credentials import Kind
from ..errors import AWAY
from .engine import Asked
from .form import Form
from .issuing import ClientTokens
from .proved import Proved

Stamp = tuple[int, int]


class Said(NamedTuple):
    """The words of a request by their digest, and where everything stood before they were judged."""

    digest: bytes
    version: int
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Repeated:
    """What some words came to: who asked, and the tokens that it gets."""

    client: Proved
    tokens: ClientTokens
    stamp: Stamp


class Repeats:
    """What this process remembers of them; ``bound`` is how many.

    ``stamp`` moves with whatever a client may do that its own subjects do not tell; ``tokens_for`` finds the tokens,
    for words that were answered.
    """

    def __init__(
        self, watch: Watch, clock: Clock, stamp: Callable[[], Stamp],
        tokens_for: Callable[[Proved, Form], ClientTokens], bound: int = 10_000,
    ) -> None:  # fmt: skip
        self._watch = watch
        self._clock = clock
        self._stamp = stamp
        self._tokens_for = tokens_for
        self._memory: Memory[Repeated] = watch.memory(bound)

    def said(self, request: Request, body: bytes) -> Said | None:
        """The words of a request without a certificate; None where more came than they say.

        :raises flask_apiguard.errors.StoreAway: whether anything moved can't be seen.
        """
        environ = request.environ
        if "HTTP_DPOP" in environ:
            return None
        self._watch.look()
        head = environ.get("HTTP_AUTHORIZATION", "").encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(b"%d:%b%b" % (len(head), head, body)).digest()
        return Said(digest, self._memory.version, self._stamp())

    def find(self, said: Said) -> Repeated | None:
        """What the same words came to before, if that still holds."""
        found = self._memory.get(said.digest)
        if found is None or found.stamp != said.stamp or found.client.fresh_until <= self._clock.time():
            return None
        return found

    def keep(self, said: Said, asked: Asked) -> None:
        """Remember what the words of an answered request came to, if the same will do the next time."""
        client = asked.client
        if client is None or client.credential_kind != Kind.CLIENT_SECRET or client.grant_type != "client_credentials":
            return
        if client.cnf is not None or client.text_of is not None or client.use_up is not None:
            return
        try:
            tokens = self._tokens_for(client, asked.parameters)
        except AWAY:
            return  # the token that was asked for is written all the same
        found = Repeated(client, tokens, said.stamp)
        self._memory.put(said.digest, found, client.subjects, said.version)
