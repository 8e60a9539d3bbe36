"""Which client a request comes from, and how it proved that (RFC 6749, section 2.3)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..clients import EVERYTHING, Memory, Watch
from ..clock import Clock
from ..credentials import Token, check_client_secret
from ..credentials.standing import Entitle
from ..crypto import Secrets, sha256
from ..db import Store
from ..errors import Denied
from ..values import Caller, ClientFacts
from .assertions import TYPE, Assertion, Assertions, take_apart
from .certificates import Shown
from .chosen import is_public
from .client_certificates import ClientCertificate
from .form import Form, plain
from .mutual_tls import MutualTLS
from .refusals import Error, Refused, malformed
from .registrations import Registrations

BASIC, JWT, NONE, POST = "client_secret_basic", "private_key_jwt", "none", "client_secret_post"
CREDENTIAL_AT_MOST = 512
AUTHORIZATION_AT_MOST = 4096
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of its client, not judged yet. ``method`` is the name in the IANA registry."""

    method: str
    client_id: str
    secret: str = field(default="", repr=False)
    assertion: Assertion | None = field(default=None, repr=False)
    #: What came by TLS. It proves the client where nothing else does (RFC 8705, section 2).
    certificate: Shown | None = None

    @property
    def text(self) -> str | None:
        """What tells one failed attempt from another, or None."""
        return self.secret or (self.certificate.thumbprint if self.certificate is not None else None)


class Remembered:
    """What was put together for one client. It ends with it, so nothing else has to forget it."""

    __slots__ = ("asking", "caller")

    def __init__(self) -> None:
        #: The same as the gate knows callers.
        self.caller: Caller | None = None
        #: The same as it last asked for opaque tokens that are bound to nothing, and what that rests on.
        self.asking: tuple[tuple[str, int, int], Proved] | None = None


@dataclass(frozen=True, slots=True)
class Proved:
    """A client that proved itself: who it is, what it holds, and until when that stands (seconds since the epoch)."""

    facts: ClientFacts
    #: None for a public client, which can prove nothing.
    credential_id: str | None
    credential_kind: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    ends_at: float
    #: When what is remembered here must be read again: the next end of a grant, or the credential's own.
    fresh_until: float
    subjects: tuple[str, ...]
    #: The key that this very request proved as well, and that its tokens are bound to (``cnf``, RFC 7800).
    cnf: Mapping[str, str] | None = None
    #: Which of its scopes are given only in tokens that are bound to a key; and whether its plan wants that of all.
    withheld: frozenset[str] = frozenset()
    must_bind: bool = False
    #: Whose tokens are asked for; of one with a URN for a name the last word.
    grant_type: str = ""
    #: What writes its access tokens, where they are not opaque.
    text_of: Callable[[Token], str] | None = None
    #: Uses up the proof of that key, if that is still to be done: who proved nothing could fill everybody's room with
    #: good ones, so theirs count once there is something that they get a token for.
    use_up: Callable[[], None] | None = None
    remembered: Remembered = field(default_factory=Remembered, repr=False, compare=False)

    @property
    def caller(self) -> Caller:
        """The same as the gate knows callers."""
        found = self.remembered.caller
        if found is None:
            found = self.remembered.caller = Caller(
                client=self.facts, scopes=self.scopes, roles=self.roles, credential_id=self.credential_id,
                credential_kind=self.credential_kind, expires_at=self.fresh_until, subjects=self.subjects,
            )  # fmt: skip
        return found


def presented(authorization: str | None, form: Form, certificate: Shown | None = None) -> Presented:
    """The one way in which a client shows who it is, and the certificate that came along.

    :raises Refused: more than one way at once, or two different clients (``invalid_request``); none, or one that we
        don't know (``invalid_client``).
    """
    secret, client_id = form.get("client_secret"), form.get("client_id")
    assertion = form.get("client_assertion") or form.get("client_assertion_type")
    if (authorization is not None) + (secret is not None) + (assertion is not None) > 1:
        raise malformed("A client authenticates in one way only.")
    if authorization is not None:
        found = _basic(authorization)
        if client_id is not None and client_id != found.client_id:
            raise malformed("Two different clients are named.")
    elif assertion is not None:
        found = _asserted(form, client_id)
    elif client_id is None:
        raise Refused(Error.INVALID_CLIENT)
    else:
        found = Presented(NONE, client_id) if secret is None else Presented(POST, client_id, secret)
    return found if certificate is None else replace(found, certificate=certificate)


def _asserted(form: Form, client_id: str | None) -> Presented:
    """RFC 7523, section 2.2. The id in the body may be left out (RFC 7521, section 4.2); a different one is a lie."""
    found = take_apart(form.get("client_assertion") or "")
    if found is None or form.get("client_assertion_type") != TYPE:
        raise Refused(Error.INVALID_CLIENT)
    if client_id is not None and client_id != found.client_id:
        raise Refused(Error.INVALID_CLIENT)
    return Presented(JWT, found.client_id, assertion=found)


def _basic(authorization: str) -> Presented:
    """RFC 7617, with id and secret form-encoded first (RFC 6749, section 2.3.1)."""
    scheme, _, text = authorization.strip(" \t").partition(" ")
    text = text.strip(" ")
    if scheme.lower() != "basic" or len(text) > AUTHORIZATION_AT_MOST or not _BASE64.fullmatch(text):
        raise Refused(Error.INVALID_CLIENT)
    try:
        read = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(Error.INVALID_CLIENT) from None
    client_id, colon, secret = read.partition(":")
    try:
        client_id, secret = plain(client_id), plain(secret)
    except Refused:
        raise Refused(Error.INVALID_CLIENT) from None
    if not colon or not client_id or not secret:
        raise Refused(Error.INVALID_CLIENT)
    return Presented(BASIC, client_id, secret)


class Clients:
    """Clients prove themselves. A secret is verified once and remembered until a change; ``bound`` is how many are."""

    def __init__(
        self, store: Store, secrets: Secrets, clock: Clock, watch: Watch, entitle: Entitle,
        registrations: Registrations, assertions: Assertions, mutual_tls: MutualTLS, bound: int = 10_000,
    ) -> None:  # fmt: skip
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._watch = watch
        self._entitle = entitle
        self._registrations = registrations
        self._assertions = assertions
        self._mutual_tls = mutual_tls
        self._memory: Memory[Proved] = watch.memory(bound)

    def prove(self, shown: Presented) -> Proved | None:
        """The client; None for a wrong secret and for an unknown client alike, at the same cost.

        :raises Denied: the secret is right, but the client is not in standing.
        :raises Refused: it is right, and a certificate came along that proves this client as well.
        :raises StoreAway: nobody can tell.
        """
        if len(shown.client_id) > CREDENTIAL_AT_MOST or len(shown.secret) > CREDENTIAL_AT_MOST:
            return None
        if shown.method == NONE:
            return self._certified(shown) or self._public(shown.client_id)
        found = self._by_secret(shown) if shown.assertion is None else self._asserted(shown.assertion)
        if found is not None and self._registered(shown) is not None:
            raise malformed("A client authenticates in one way only.")
        return found

    def _by_secret(self, shown: Presented) -> Proved | None:
        self._watch.look()
        key = sha256(f"{shown.client_id}\0{shown.secret}")
        found = self._memory.get(key)
        if found is not None and found.fresh_until > self._clock.time():
            return found
        version = self._memory.version
        found = self._read(shown)
        if found is not None:
            self._memory.put(key, found, found.subjects, version)
        return found

    def _public(self, client_id: str) -> Proved | None:
        """A client that is registered as one that can't prove itself.

        Asked of that first: who guesses ids must not learn by the time it takes which of them are somebody's.
        """
        with self._store.read(steady=False) as conn:
            if not is_public(conn, client_id[:40]):
                return None
        try:
            found = self._registrations.find(client_id)
        except Denied:
            return None  # why is for who proved something
        if found is None:
            return None
        return Proved(
            found.facts, None, None, found.scopes, found.roles, float("inf"), found.expires_at, found.subjects
        )  # fmt: skip

    def _registered(self, shown: Presented) -> ClientCertificate | None:
        return None if shown.certificate is None else self._mutual_tls.registered(shown.client_id, shown.certificate)

    def _certified(self, shown: Presented) -> Proved | None:
        """A client whose certificate came by TLS. Its tokens outlive neither the certificate nor what is registered."""
        right = self._registered(shown)
        found = None if right is None else self._registrations.find(right.client_id)
        if shown.certificate is None or right is None or found is None:
            return None
        ends_at = min(right.expires_at, shown.certificate.certificate.not_valid_after_utc).timestamp()
        return Proved(
            found.facts, right.id, "certificate", found.scopes, found.roles, ends_at, min(ends_at, found.expires_at),
            (f"credential:{right.id}", *found.subjects),
        )  # fmt: skip

    def _asserted(self, assertion: Assertion) -> Proved | None:
        """A client that signed who it is. Nothing is remembered: each assertion is good for one time."""
        key = self._assertions.prove(assertion)
        found = None if key is None else self._registrations.find(key.client_id)
        if key is None or found is None:
            return None
        ends_at = key.expires_at.timestamp()
        return Proved(
            found.facts, key.id, "public_key", found.scopes, found.roles, ends_at, min(ends_at, found.expires_at),
            (f"credential:{key.id}", *found.subjects),
        )  # fmt: skip

    def _read(self, shown: Presented) -> Proved | None:
        now = self._clock.now()
        with self._store.read() as conn:
            right = check_client_secret(conn, self._secrets, shown.client_id, shown.secret, now)
            if right is None:
                return None
            facts, credential = right
            entitled = self._entitle(
                conn, facts.application_id, facts.id, facts.environment, credential.scopes, now
            )  # fmt: skip
        ends_at = credential.ends_at.timestamp()
        return Proved(
            facts, credential.id, credential.kind.value, entitled.scopes, entitled.roles, ends_at,
            min(ends_at, entitled.expires_at),
            (
                f"credential:{credential.id}", f"client:{facts.id}", f"application:{facts.application_id}",
                f"organization:{facts.organization_id}", EVERYTHING, *entitled.subjects,
            ),
        )  # fmt: skip
