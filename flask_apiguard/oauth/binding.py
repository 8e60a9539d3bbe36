"""At the gate: a token that is bound to a key opens only with a proof of that key, and no other token pretends to be.

Asked at every call, whatever is remembered of the token, and once for each: an open stream is not asked again.
"""

from __future__ import annotations

from urllib.parse import quote

from werkzeug.wrappers import Request

from ..admission import admission_in
from ..contracts import Presented
from ..credentials.presented import DPOP, presented_texts
from ..credentials.standing import denied
from ..values import Caller, Reason
from .certificates import CLAIM, Certificates
from .dpop import CHALLENGE, BadProof, Proofs, StaleNonce
from .once import TooMany
from .places import Places

PROVED = "flask_apiguard.proved"
UNBOUND = "This token is bound to no key: send it as Bearer, without a proof."
BY_CERTIFICATE = "Show the certificate that it is bound to, by TLS."
AS_BEARER = "Send it as DPoP, with a proof in the header DPoP."
_TOKENS = frozenset({"access_token", "access_token_signed"})


class Binding:
    """``credentials.Verifier``'s ``confirm``."""

    challenge = CHALLENGE

    def __init__(self, proofs: Proofs, places: Places, certificates: Certificates) -> None:
        self._proofs = proofs
        self._places = places
        self._certificates = certificates

    def __call__(self, request: Request, caller: Caller, presented: Presented) -> None:
        """Let pass, or refuse.

        :raises Denied: bound and not proved, or proved and not bound.
        :raises StoreAway: whether a proof was shown before, nobody can tell.
        """
        scheme, _ = presented_texts(request)
        bound = caller.cnf or {}
        if "jkt" not in bound and (scheme == DPOP or (presented.kind in _TOKENS and "HTTP_DPOP" in request.environ)):
            raise denied(Reason.PROOF_INVALID, UNBOUND)
        if caller.cnf is None or request.environ.get(PROVED) == (caller.credential_id, bound):
            return
        told = all(isinstance(value, str) for value in bound.values())
        if not bound or not set(bound) <= {"jkt", CLAIM} or not told:  # in a way that nobody here can judge
            raise denied(Reason.CREDENTIAL_BOUND)
        if CLAIM in bound and bound[CLAIM] != self._certificates.thumbprint(request.environ):
            raise denied(Reason.CREDENTIAL_BOUND, BY_CERTIFICATE)
        if "jkt" in bound:
            self._demand_proof(request, scheme, caller, presented.secret)
        request.environ[PROVED] = (caller.credential_id, bound)

    def _demand_proof(self, request: Request, scheme: str | None, caller: Caller, token: str) -> None:
        if scheme != DPOP:
            raise denied(Reason.CREDENTIAL_BOUND, AS_BEARER)
        shown = request.environ.get("HTTP_DPOP")
        try:
            proof = self._proofs.judge(shown, request.method, self._urls_of(request), token)
            if proof.thumbprint != (caller.cnf or {}).get("jkt"):
                raise denied(Reason.PROOF_INVALID, "This token is bound to another key.")
            self._proofs.use_up(proof, _holder_of(caller))
        except StaleNonce as refusal:
            raise denied(Reason.PROOF_NONCE, headers=(("DPoP-Nonce", refusal.nonce),)) from None
        except BadProof as refusal:
            raise denied(Reason.PROOF_INVALID, str(refusal)) from None
        except TooMany as many:
            raise denied(Reason.LIMIT_EXCEEDED, many.description, retry_after=many.retry) from None
        admission = admission_in(request.environ)
        if admission is not None:
            admission.headers += self._proofs.told

    def _urls_of(self, request: Request) -> tuple[str, ...]:
        """What the client called, under the names that we go by: a Host header proves nothing."""
        path = quote((request.script_root or self._places.root) + request.path)
        return tuple(origin + path for origin in self._places.origins)


def _holder_of(caller: Caller) -> str:
    """Whose share a proof takes from, however many tokens and keys they have: a user's of a client, or a client's."""
    who = caller.credential_id if caller.client is None else caller.client.id
    return f"{who}\0{caller.user.id}" if caller.user is not None else str(who)
