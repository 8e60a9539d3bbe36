"""Who asks at an endpoint: proved, noted in the record of its request, and given what its tokens will need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..access import Constraints
from ..admission import Admission, current_admission
from ..crypto import Secrets
from ..errors import Denied
from ..quotas import Attempts
from .certificates import CLAIM
from .endpoint_proofs import EndpointProofs
from .engine import SAID, Asked
from .proved import Clients, Proved, presented
from .refusals import Error, Refused
from .token_formats import TokenFormats

UNPROVED = "The client is unknown, or did not prove who it is."

Used = Callable[[str | None, str | None, str, float], None]


class Proving:
    """Proves clients. ``used`` is told which credential came, on which route, from where and when."""

    def __init__(
        self, brand: str, secrets: Secrets, attempts: Attempts, used: Used, clients: Clients, formats: TokenFormats,
        constraints: Constraints, proofs: EndpointProofs,
    ) -> None:  # fmt: skip
        self._secrets = secrets
        self._attempts = attempts
        self._used = used
        self._clients = clients
        self._formats = formats
        self._constraints = constraints
        self._proofs = proofs
        #: What is said to who proved nothing (RFC 6749, section 5.2).
        self.challenge = (("WWW-Authenticate", f'Basic realm="{brand}", charset="UTF-8"'),)

    def stamp(self) -> tuple[int, int]:
        """Moves with whatever any client may do that the client's own subjects do not tell."""
        return self._formats.version, self._constraints.version

    def prove(self, asked: Asked) -> Proved:
        """The client behind a request, noted on it and in its record.

        :raises Refused: ``invalid_client``; with too many failures from one address, 429. A right secret never waits.
        """
        admission = current_admission()
        try:
            shown = presented(asked.authorization, asked.parameters, asked.certificate)
        except Refused as refusal:
            raise self._unproved(admission, refusal, None) from None
        try:
            proved = self._clients.prove(shown)
        except Denied as error:
            # Told to who proved possession of the secret: no guess, so not throttled.
            told = _ascii(error.decision.reason.title)
            raise Refused(Error.INVALID_CLIENT, told, 401, self.challenge) from None
        if proved is None:
            raise self._unproved(admission, Refused(Error.INVALID_CLIENT), shown.text)
        self.note(admission, proved)
        return self._prepared(asked, proved) if asked.issues else proved

    def note(self, admission: Admission | None, proved: Proved) -> None:
        """Have it on record who asks."""
        if admission is not None:
            admission.caller = proved.caller
            admission.presented = proved.credential_kind
            self._used(proved.credential_id, admission.route, admission.address, admission.time)

    def _prepared(self, asked: Asked, proved: Proved) -> Proved:
        """The same with what its tokens will need. Now, because inside their transaction nothing else may be asked."""
        client_id, grant_type = proved.facts.id, asked.parameters.need("grant_type").rpartition(":")[2]
        # Whoever is remembered has just been looked after: what moved since then moved one of these.
        stamp, last = (grant_type, *self.stamp()), proved.remembered.asking
        if last is not None and last[0] == stamp and asked.proof is None:
            return last[1]
        chosen = self._formats.of(client_id)
        if not chosen.may_use(grant_type):
            raise Refused(Error.UNAUTHORIZED_CLIENT, SAID[Error.UNAUTHORIZED_CLIENT])
        text_of, cnf, use_up = self._formats.writer() if chosen.is_signed else None, {}, None
        if chosen.certificate_bound:
            if asked.certificate is None:
                raise Refused(Error.INVALID_REQUEST, "This client's tokens are bound to its TLS certificate: show it.")
            cnf[CLAIM] = asked.certificate.thumbprint
        if asked.proof is not None:
            proof = self._proofs.judge(asked.proof, "token")
            cnf["jkt"], use_up = proof.thumbprint, partial(self._proofs.use_up, proof, client_id)
        if use_up is not None and proved.credential_id is not None:
            use_up()
            use_up = None
        must_bind, withheld = self._constraints.of(proved.facts.plan, proved.scopes)
        made = replace(
            proved, cnf=cnf or None, text_of=text_of, grant_type=grant_type, must_bind=must_bind, withheld=withheld,
            use_up=use_up,
        )  # fmt: skip
        if not cnf and text_of is None and use_up is None:
            proved.remembered.asking = stamp, made
        return made

    def _unproved(self, admission: Admission | None, refusal: Refused, secret: str | None) -> Refused:
        """The uniform answer to who proved nothing, and one more failure of its address."""
        if refusal.error is not Error.INVALID_CLIENT:
            return refusal
        address = ""
        if admission is not None:
            address = admission.address
            admission.presented = "unproved"
            admission.fingerprint = None if secret is None else self._secrets.fingerprint(secret)
        wait = self._attempts.blocked(address)
        self._attempts.failed(address)
        if wait is None:
            return Refused(Error.INVALID_CLIENT, UNPROVED, 401, self.challenge)
        return Refused(Error.INVALID_CLIENT, "Too many failures from here.", 429, (("Retry-After", str(wait)),))


def _ascii(text: str) -> str:
    """RFC 6749, section 5.2: no quotation marks, no backslashes, nothing beyond ASCII."""
    return "".join(character for character in text if " " <= character <= "~" and character not in '"\\')
