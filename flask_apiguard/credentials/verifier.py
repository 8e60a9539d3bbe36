"""Who is behind a request: the change log first, then memory, then the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from werkzeug.wrappers import Request

from ..clients import Memory, Watch
from ..clock import Clock
from ..contracts import CredentialType, Presented, Registry
from ..crypto import Secrets, sha256
from ..errors import Denied
from ..values import ANONYMOUS, Caller, Reason
from .presented import DPOP, presented_texts, raw_text
from .standing import denied


class Confirm(Protocol):
    """Lets pass a caller whose token is bound to a key only with a proof of that key, and any other only without.

    Asked at every call, whatever is remembered.
    """

    #: What ``WWW-Authenticate`` says of it.
    challenge: str

    def __call__(self, request: Request, caller: Caller, presented: Presented) -> None:
        """:raises flask_apiguard.errors.Denied: it does not let pass."""
        ...


class Verifier:
    """Credential types in their written order, and what this process remembers of their answers.

    ``bound`` is how many callers are remembered. Only answers of types that say so are, never a refusal. Without
    ``confirm`` no token that is bound to a key opens anything. ``constrained`` takes from a caller without such a token
    what takes one.
    """

    def __init__(
        self,
        types: Registry[CredentialType],
        watch: Watch,
        secrets: Secrets,
        clock: Clock,
        confirm: Confirm | None = None,
        bound: int = 50_000,
        constrained: Callable[[Caller], Caller] | None = None,
    ) -> None:
        self._types = types
        self._watch = watch
        self._secrets = secrets
        self._clock = clock
        self._confirm = confirm
        self._constrained = constrained
        self._memory: Memory[Caller] = Memory(bound)
        watch.attach(self._memory.forget, self._memory.flush)

    def identify(self, request: Request) -> tuple[Caller, Presented | None]:
        """The caller and what it presented; ``ANONYMOUS`` and None when nothing is presented.

        :raises Denied: what is presented is ambiguous, nobody's, or bad.
        :raises StoreAway: whether memory still holds can't be seen, or the store does not answer.
        """
        for kind in self._types:
            presented = kind.read(request)
            if presented is not None:
                caller = self._verified(kind, presented)
                if caller.cnf is not None or "HTTP_DPOP" in request.environ or presented_texts(request)[0] == DPOP:
                    self._demand_proof(request, caller, presented)
                return caller, presented
        if presented_texts(request)[0] is not None:
            raise denied(Reason.CREDENTIAL_UNKNOWN)
        return ANONYMOUS, None

    def _verified(self, kind: CredentialType, presented: Presented) -> Caller:
        if not kind.cacheable:
            return self._judged(kind, presented)
        self._watch.look()
        key = sha256(f"{presented.kind}\0{presented.secret}")
        found = self._memory.get(key)
        if found is not None and found.expires_at > self._clock.time():
            return found
        version = self._memory.version
        caller = self._judged(kind, presented)
        self._memory.put(key, caller, caller.subjects, version)
        return caller

    def _judged(self, kind: CredentialType, presented: Presented) -> Caller:
        caller = kind.verify(presented)
        return caller if self._constrained is None else self._constrained(caller)

    def _demand_proof(self, request: Request, caller: Caller, presented: Presented) -> None:
        if self._confirm is not None:
            self._confirm(request, caller, presented)
        elif caller.cnf is not None:
            raise denied(Reason.CREDENTIAL_BOUND)

    def fingerprint(self, presented: Presented) -> str:
        """16 hexadecimal characters that tell one credential from another without revealing it."""
        return self._secrets.fingerprint(presented.secret)

    def fingerprint_of(self, request: Request) -> str | None:
        """The same for a request that was refused: of its credential, or of whatever the two headers hold."""
        try:
            _, text = presented_texts(request)
        except Denied:
            text = raw_text(request)
        return None if text is None else self._secrets.fingerprint(text)

    def challenges(self) -> list[str]:
        """What ``WWW-Authenticate`` says on a 401: each challenge once, in the order of the types."""
        found = list(dict.fromkeys(kind.challenge() for kind in self._types))
        return found if self._confirm is None else [*found, self._confirm.challenge]
