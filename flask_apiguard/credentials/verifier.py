"""Who is behind a request: the change log first, then memory, then the store."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
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
        #: With the name of the type that found it.
        self._memory: Memory[tuple[Caller, str]] = watch.memory(bound)
        self._remembered = self._memory.get
        #: Types that nobody stands before who could find something else than the two headers on a request.
        self._first = frozenset(
            kind.name for kind in takewhile(lambda kind: getattr(kind, "headers_only", False), types)
        )

    def identify(self, request: Request, now: float | None = None) -> tuple[Caller, str | None]:
        """The caller and the kind of what it presented; ``ANONYMOUS`` and None when nothing is presented.

        ``now`` is seconds since the epoch, the clock's when it is not given.

        :raises Denied: what is presented is ambiguous, nobody's, or bad.
        :raises StoreAway: whether memory still holds can't be seen, or the store does not answer.
        """
        now = self._clock.time() if now is None else now
        environ = request.environ
        bearer = environ.get("HTTP_AUTHORIZATION", "")
        if bearer[:7] != "Bearer " or "HTTP_X_API_KEY" in environ or "HTTP_DPOP" in environ:
            return self._read(request, now, None)
        self._watch.look()
        key = sha256(bearer)
        found = self._remembered(key)
        if found is not None:
            caller, _ = found
            if caller.cnf is None and caller.expires_at > now:
                return found
        return self._read(request, now, key)

    def _read(self, request: Request, now: float, key: bytes | None) -> tuple[Caller, str | None]:
        """Ask the types. ``key`` is that of the one header that was sent, if what it proves may be kept under it."""
        for kind in self._types:
            presented = kind.read(request)
            if presented is not None:
                kept = key if kind.name in self._first and _is_plain(request, presented) else None
                caller = self._verified(kind, presented, now, kept)
                if caller.cnf is not None or "HTTP_DPOP" in request.environ or presented_texts(request)[0] == DPOP:
                    self._demand_proof(request, caller, presented)
                return caller, presented.kind
        if presented_texts(request)[0] is not None:
            raise denied(Reason.CREDENTIAL_UNKNOWN)
        return ANONYMOUS, None

    def _verified(self, kind: CredentialType, presented: Presented, now: float, key: bytes | None) -> Caller:
        if not kind.cacheable:
            return self._judged(kind, presented)
        self._watch.look()
        key = key or sha256(f"{presented.kind}\0{presented.secret}")
        found = self._remembered(key)
        if found is not None and found[0].expires_at > now:
            return found[0]
        version = self._memory.version
        caller = self._judged(kind, presented)
        self._memory.put(key, (caller, presented.kind), caller.subjects, version)
        return caller

    def _judged(self, kind: CredentialType, presented: Presented) -> Caller:
        caller = kind.verify(presented)
        return caller if self._constrained is None else self._constrained(caller)

    def _demand_proof(self, request: Request, caller: Caller, presented: Presented) -> None:
        if self._confirm is not None:
            self._confirm(request, caller, presented)
        elif caller.cnf is not None:
            raise denied(Reason.CREDENTIAL_BOUND)

    def fingerprint_of(self, request: Request) -> str | None:
        """16 hexadecimal characters that tell one credential from another without revealing it.

        Of the credential that a request shows, or of whatever its two headers hold; None when they hold nothing.
        """
        try:
            _, text = presented_texts(request)
        except Denied:
            text = raw_text(request)
        return None if text is None else self._secrets.fingerprint(text)

    def challenges(self) -> list[str]:
        """What ``WWW-Authenticate`` says on a 401: each challenge once, in the order of the types."""
        found = list(dict.fromkeys(kind.challenge() for kind in self._types))
        return found if self._confirm is None else [*found, self._confirm.challenge]


def _is_plain(request: Request, presented: Presented) -> bool:
    """Whether a header is spelled as nearly all are. Of others, with more blanks in it, there is no end."""
    return bool(request.environ.get("HTTP_AUTHORIZATION") == f"Bearer {presented.secret}")
