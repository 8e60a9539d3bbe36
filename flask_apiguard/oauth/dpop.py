"""Proofs of possession (DPoP, RFC 9449): a client shows with each request that it holds the key its token is bound to.

Nonces are not kept: each follows from our secret and from the time, and holds for one window and the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ..clock import Clock
from ..crypto import Secrets, base64url
from .jose import Signed, Unreadable, moment, read, typed
from .jwk import ALGORITHMS, BadKey, VerifyingKey, public_key
from .once import JTI_AT_MOST, SKEW, Once

TYPE = "dpop+jwt"
#: How old a proof may be, in seconds; a client's clock may differ by ``SKEW`` in either direction.
LIFETIME = 60
URL_AT_MOST = 4096
NONCE_WINDOW = 300
_DEFAULT_PORTS = {"http": 80, "https": 443}
CHALLENGE = f'DPoP algs="{" ".join(sorted(ALGORITHMS))}"'


class BadProof(Exception):
    """No proof, or one that proves nothing here and now. The sentence says what to do, and repeats nothing sent."""


class StaleNonce(BadProof):
    """A proof without the nonce that is asked for; ``nonce`` is the one to use."""

    def __init__(self, nonce: str) -> None:
        super().__init__("Use the nonce in DPoP-Nonce.")
        self.nonce = nonce


@dataclass(frozen=True, slots=True)
class Proof:
    """A good proof that may have been shown before: of which key it is, its name, and when it was made."""

    thumbprint: str
    jti: str
    issued: float


class Proofs:
    """Judges proofs, and uses them up. With ``nonces`` every proof must hold a recent nonce of ours."""

    def __init__(self, secrets: Secrets, once: Once, clock: Clock, nonces: bool = False) -> None:
        self._secrets = secrets
        self._once = once
        self._clock = clock
        self._nonces = nonces

    def judge(self, text: str | None, method: str, urls: Sequence[str], token: str | None = None) -> Proof:
        """What a proof proves (section 4.3), if it was not shown before. ``token`` is what came with it.

        ``urls`` are the names that the place has which was called. Nothing is remembered of it: anybody can make as
        many as they like.

        :raises BadProof: it proves nothing.
        """
        try:
            signed = read(text or "", frozenset({"jwk"}))
            key = self._key_of(signed)
            self._demand(signed, method, urls, token)
            jti, issued = self._jti_of(signed), moment(signed.claims, "iat")
        except (BadKey, Unreadable):
            raise BadProof("Send one DPoP header with a fresh proof for this method and URL.") from None
        if issued is None or not -LIFETIME - SKEW <= issued - self._clock.time() <= SKEW:
            raise BadProof("The proof is too old, or ahead of time: make one for each request, and set the clock.")
        if self._nonces and signed.claims.get("nonce") not in self._recent():
            raise StaleNonce(self.nonce())
        return Proof(key.thumbprint, jti, issued)

    def use_up(self, proof: Proof, holder: str) -> None:
        """Have a proof count, once, after everything else that it came with was found to be good.

        ``holder`` is whose it is, by the token or the client that it came with.

        :raises BadProof: it was shown before.
        :raises TooMany: the holder has shown too many.
        :raises StoreAway: whether it was shown before, nobody can tell.
        """
        ends = proof.issued + LIFETIME + SKEW
        if not self._once.take("dpop", proof.thumbprint, proof.jti, ends, LIFETIME + 2 * SKEW, holder):
            raise BadProof("The proof was used before: make one for each request.")

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """The header of a good answer that hands over the next nonce (section 8.2), where nonces are asked for."""
        return (("DPoP-Nonce", self.nonce()),) if self._nonces else ()

    def nonce(self) -> str:
        """What the next proof should hold (section 8)."""
        return self._nonce_of(int(self._clock.time()) // NONCE_WINDOW)

    @staticmethod
    def _key_of(signed: Signed) -> VerifyingKey:
        if typed(signed) != TYPE or "jwk" not in signed.header:
            raise Unreadable("no proof")
        key = public_key(signed.header["jwk"])
        if not signed.proved_by(key, ALGORITHMS):
            raise Unreadable("another signature, or another algorithm than we take")
        return key

    @staticmethod
    def _demand(signed: Signed, method: str, urls: Sequence[str], token: str | None) -> None:
        meant = signed.claims.get("htu")
        if signed.claims.get("htm") != method or not isinstance(meant, str) or len(meant) > URL_AT_MOST:
            raise Unreadable("another method, or no URL")
        if normal(meant) not in map(normal, urls):
            raise Unreadable("another URL")
        if token is not None:
            proved = base64url(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest())
            if signed.claims.get("ath") != proved:
                raise Unreadable("another token, or none")

    @staticmethod
    def _jti_of(signed: Signed) -> str:
        jti = signed.claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= JTI_AT_MOST:
            raise Unreadable("no jti")
        return jti

    def _recent(self) -> tuple[str, ...]:
        # The next window's too: another machine's clock may be ahead.
        window = int(self._clock.time()) // NONCE_WINDOW
        return tuple(self._nonce_of(window + shift) for shift in (0, -1, 1))

    def _nonce_of(self, window: int) -> str:
        return self._secrets.digest("dpop-nonce", str(window))[:32]


def normal(url: str) -> str:
    """A URL as it is compared (section 4.3, step 9): without query and fragment, in one spelling.

    :raises Unreadable: it is no absolute http(s) URL, or names a user.
    """
    try:
        parts = urlsplit(url)
        port, host, scheme = parts.port, parts.hostname, parts.scheme.lower()
    except ValueError:
        raise Unreadable("no URL") from None
    if scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
        raise Unreadable("no URL that a request was sent to")
    suffix = "" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{host}{suffix}{unquote(parts.path) or '/'}"
