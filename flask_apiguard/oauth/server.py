"""The authorization server of one app: from a request at an endpoint to the answer, and what is recorded of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Request

from ..access import Constraints, ScopeBook
from ..admission import Admission, current_admission
from ..clients import Watch
from ..clock import Clock
from ..credentials import Tokens
from ..credentials.standing import Entitle
from ..crypto import Secrets
from ..db import Store
from ..errors import AWAY, ConfigurationError, Denied, StoreAway, decision_of
from ..quotas import Attempts, Counter
from ..values import ALLOWED, Decision, Reason
from .asked_of_users import AskedOfUsers
from .assertions import Assertions
from .certificates import CLAIM, Certificates
from .codes import Codes
from .device_codes import GRANT_TYPE as DEVICE
from .device_codes import DeviceCodes
from .device_questions import DeviceQuestions
from .dpop import Proofs
from .endpoint_proofs import EndpointProofs
from .engine import SAID, Answer, Asked, Engine
from .form import parse, read_words
from .giving_back import Introspection, Revocation
from .grant_types import grant_type
from .issuing import Issuing
from .metadata import Metadata
from .mutual_tls import MutualTLS
from .places import Places
from .proved import Clients, Proved, presented
from .pushed import Pushed
from .refreshing import Refreshing
from .refusals import Error, Refused
from .registrations import Registrations
from .repeated import Repeated, Repeats
from .settings import Spans
from .signing_keys import SigningKeys
from .throttle import Throttle
from .token_formats import TokenFormats

logger = logging.getLogger("flask_apiguard")

UNPROVED = "The client is unknown, or did not prove who it is."

Used = Callable[[str | None, str | None, str, float], None]


class Server:
    """The endpoints. ``facts`` tells what a token says (RFC 7662); ``used`` which credential came, from where."""

    def __init__(
        self, places: Places, brand: str, store: Store, tokens: Tokens, secrets: Secrets, clock: Clock, watch: Watch,
        entitle: Entitle, attempts: Attempts, facts: Callable[[str], Mapping[str, object]], used: Used,
        scopes: ScopeBook, spans: Spans, signing_keys: SigningKeys, formats: TokenFormats, proofs: Proofs,
        certificates: Certificates, assertions: Assertions, mutual_tls: MutualTLS, counter: Counter,
        constraints: Constraints,
    ) -> None:  # fmt: skip
        self.places, self.store, self.clock, self.secrets, self.scopes = places, store, clock, secrets, scopes
        self._brand = brand
        self._attempts = attempts
        self._used = used
        self._signing_keys = signing_keys
        self._proofs = EndpointProofs(proofs, places)
        self._formats = formats
        self._certificates = certificates
        self._constraints = constraints
        self.registrations = Registrations(store, clock, entitle)
        self._clients = Clients(store, secrets, clock, watch, entitle, self.registrations, assertions, mutual_tls)
        issuing = Issuing(store, tokens, places, spans)
        self._repeats = Repeats(watch, clock, lambda: (formats.version, constraints.version), issuing.own)
        self.pushed = Pushed(store, secrets, self.registrations, places, spans.pushed)
        codes = Codes(store, secrets, issuing, spans.code)
        self.asked_of_users = AskedOfUsers(store, secrets, codes, scopes, places.issuer)
        self._device_codes = DeviceCodes(store, secrets, issuing, spans.device)
        self.device_questions = DeviceQuestions(store, secrets, scopes)
        self.throttle = Throttle(counter, clock)
        grant_types = (
            grant_type("authorization_code", codes.redeem),
            grant_type("client_credentials", issuing.for_client, confidential=True),
            grant_type("refresh_token", Refreshing(store, issuing).refresh),
            grant_type(DEVICE, self._device_codes.redeem),
        )
        self._engine = Engine(self._prove)
        for found in grant_types:
            self._engine.register_grant(found)
        self._engine.register_endpoint(Revocation(store, tokens))
        self._engine.register_endpoint(Introspection(places, facts, self._challenge))
        told = certificates.are_told or places.mtls is not None
        self.metadata = Metadata(places, [found.GRANT_TYPE for found in grant_types], told, store, watch, scopes)

    # -- endpoints -------------------------------------------------------------------------------------------------

    def token(self, request: Request) -> Answer:
        """The token endpoint (RFC 6749, section 3.2)."""

        def act(asked: Asked) -> Answer:
            asked.parameters.need("grant_type")
            asked.issues, asked.proof = True, request.environ.get("HTTP_DPOP")
            answer = _typed(self._engine.create_token_response(asked))
            return answer if asked.proof is None else replace(answer, headers=answer.headers + self._proofs.told)

        return self._answered(request, "token", act)

    def push(self, request: Request) -> Answer:
        """The endpoint for pushed authorization requests (RFC 9126); a proof with one is of RFC 9449, section 10.1."""

        def act(asked: Asked) -> Answer:
            client, proof = self._prove(asked), request.headers.get("DPoP")
            if client.credential_id is None:
                self._demand_leave(
                    Error.TEMPORARILY_UNAVAILABLE, lambda address: self.throttle.pushed(client.facts.id, address)
                )
            if proof is None:
                return Answer(201, self.pushed.keep(client, asked.parameters))
            jkt = self._proofs.proved_key(proof, "par", client)
            return Answer(201, self.pushed.keep(client, asked.parameters, jkt), self._proofs.told)

        return self._answered(request, "par", act)

    def authorize_device(self, request: Request) -> Answer:
        """The device authorization endpoint (RFC 8628, section 3.1). A key that is proved here is needed for tokens."""

        def act(asked: Asked) -> Answer:
            client, proof = self._prove(asked), request.headers.get("DPoP")
            if client.credential_id is None:
                self._demand_leave(Error.SLOW_DOWN, self.throttle.asked)
            if proof is None:
                return Answer(200, self._device_codes.make(client, asked.parameters))
            jkt = self._proofs.proved_key(proof, "device_authorization", client)
            return Answer(200, self._device_codes.make(client, asked.parameters, jkt), self._proofs.told)

        return self._answered(request, "device_authorization", act)

    def revoke(self, request: Request) -> Answer:
        """The revocation endpoint (RFC 7009). The answer is empty."""

        def act(asked: Asked) -> Answer:
            answer = _typed(self._engine.create_endpoint_response("revocation", asked))
            return Answer(answer.status, None)

        return self._answered(request, "revoke", act)

    def introspect(self, request: Request) -> Answer:
        """The introspection endpoint (RFC 7662)."""
        return self._answered(
            request, "introspect", lambda asked: _typed(self._engine.create_endpoint_response("introspection", asked))
        )

    def key_set(self) -> Answer:
        """The keys that our signed tokens are verified with (RFC 7517, section 5)."""
        try:
            return Answer(200, {"keys": self._signing_keys.published()})
        except AWAY as error:
            return _away(error, (("Cache-Control", "no-store"),))

    @staticmethod
    def _demand_leave(error: Error, ask: Callable[[str], int | None]) -> None:
        """Go on only when not too many of those who prove nothing came from this address.

        :raises Refused: the error, with the seconds to wait.
        """
        admission = current_admission()
        wait = ask("" if admission is None else admission.address)
        if wait is not None:
            raise Refused(error, "Too many of these come from here.", 429, (("Retry-After", str(wait)),))

    def _answered(self, request: Request, name: str, act: Callable[[Asked], Answer]) -> Answer:
        admission = current_admission()
        try:
            words, certificate = read_words(request), self._certificates.shown(request.environ)
            said = self._repeats.said(request, words) if name == "token" and certificate is None else None
            known = None if said is None else self._repeats.find(said)
            if known is not None:
                answer = self._again(known, admission)
            else:
                asked = Asked(self.places.url(name), parse(words), request.environ.get("HTTP_AUTHORIZATION"))
                asked.certificate = certificate
                answer = act(asked)
                if said is not None:
                    self._repeats.keep(said, asked)
        except Refused as refusal:
            _note(admission, _decision_of(refusal))
            return Answer(refusal.status, refusal.document, refusal.headers)
        except AWAY as error:
            _note(admission, decision_of(error))
            return _away(error)
        _note(admission, ALLOWED)
        return answer

    def _again(self, known: Repeated, admission: Admission | None) -> Answer:
        """What was asked for in the very words of before."""
        self._note_client(admission, known.client)
        return Answer(200, known.tokens.issue())

    # -- who asks --------------------------------------------------------------------------------------------------

    def _prove(self, asked: Asked) -> Proved:
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
            raise Refused(Error.INVALID_CLIENT, told, 401, self._challenge) from None
        if proved is None:
            raise self._unproved(admission, Refused(Error.INVALID_CLIENT), shown.text)
        self._note_client(admission, proved)
        return self._prepared(asked, proved) if asked.issues else proved

    def _note_client(self, admission: Admission | None, proved: Proved) -> None:
        if admission is not None:
            admission.caller = proved.caller
            admission.presented = proved.credential_kind
            self._used(proved.credential_id, admission.route, admission.address, admission.time)

    def _prepared(self, asked: Asked, proved: Proved) -> Proved:
        """The same with what its tokens will need. Now, because inside their transaction nothing else may be asked."""
        client_id, grant_type = proved.facts.id, asked.parameters.need("grant_type").rpartition(":")[2]
        # Whoever is remembered has just been looked after: what moved since then moved one of these.
        stamp, last = (grant_type, self._formats.version, self._constraints.version), proved.remembered.asking
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
            admission.fingerprint = None if secret is None else self.secrets.fingerprint(secret)
        wait = self._attempts.blocked(address)
        self._attempts.failed(address)
        if wait is None:
            return Refused(Error.INVALID_CLIENT, UNPROVED, 401, self._challenge)
        return Refused(Error.INVALID_CLIENT, "Too many failures from here.", 429, (("Retry-After", str(wait)),))

    @property
    def _challenge(self) -> tuple[tuple[str, str], ...]:
        return (("WWW-Authenticate", f'Basic realm="{self._brand}", charset="UTF-8"'),)


def _typed(answer: Any) -> Answer:
    """The library is not typed."""
    if not isinstance(answer, Answer):
        raise TypeError(f"{type(answer).__name__} is no answer")
    return answer


def _decision_of(refusal: Refused) -> Decision:
    """What goes on record. A device that waits as it should was refused nothing."""
    if refusal.error is Error.AUTHORIZATION_PENDING:
        return ALLOWED
    reason = Reason.OAUTH_CLIENT if refusal.error is Error.INVALID_CLIENT else Reason.OAUTH_REQUEST
    return Decision(False, reason, refusal.description, need=refusal.error.value)


def _note(admission: Admission | None, decision: Decision) -> None:
    if admission is not None:
        admission.decision = decision


def _away(error: ConfigurationError | StoreAway, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Nobody can tell anything right now. Who operates the app is told what they have to mend."""
    if isinstance(error, ConfigurationError):
        logger.error("%s", error)
    document = Refused(Error.TEMPORARILY_UNAVAILABLE, "Try again later.").document
    return Answer(503, document, (*headers, ("Retry-After", str(error.retry_after))))


def _ascii(text: str) -> str:
    """RFC 6749, section 5.2: no quotation marks, no backslashes, nothing beyond ASCII."""
    return "".join(character for character in text if " " <= character <= "~" and character not in '"\\')
