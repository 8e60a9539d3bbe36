"""The authorization server of one app: from a request at an endpoint to the answer, and what is recorded of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import Request

from ..access import ScopeBook
from ..admission import Admission, current_admission
from ..clients import Watch
from ..clock import Clock
from ..credentials import Tokens
from ..crypto import Secrets
from ..db import Store
from ..errors import AWAY, ConfigurationError, StoreAway, decision_of
from ..quotas import Counter
from ..values import ALLOWED, Decision, Reason
from .asked_of_users import AskedOfUsers
from .certificates import Certificates, Shown
from .codes import Codes
from .device_codes import GRANT_TYPE as DEVICE
from .device_codes import DeviceCodes
from .device_questions import DeviceQuestions
from .endpoint_proofs import EndpointProofs
from .engine import Answer, Asked, Engine
from .form import parse, read_words
from .giving_back import Introspection, Revocation
from .grant_types import grant_type
from .issuing import Issuing
from .metadata import Metadata
from .places import Places
from .proving import Proving
from .pushed import Pushed
from .refreshing import Refreshing
from .refusals import Error, Refused
from .registrations import Registrations
from .repeated import Repeats
from .settings import Spans
from .signing_keys import SigningKeys
from .throttle import Throttle

logger = logging.getLogger("flask_apiguard")


class Server:
    """The endpoints. ``facts`` tells what a token says (RFC 7662), ``proving`` who asks."""

    def __init__(
        self, places: Places, store: Store, tokens: Tokens, secrets: Secrets, clock: Clock, watch: Watch,
        facts: Callable[[str], Mapping[str, object]], scopes: ScopeBook, spans: Spans, signing_keys: SigningKeys,
        proofs: EndpointProofs, certificates: Certificates, counter: Counter, registrations: Registrations,
        proving: Proving,
    ) -> None:  # fmt: skip
        self.places, self.store, self.clock, self.secrets, self.scopes = places, store, clock, secrets, scopes
        self.registrations = registrations
        self._proving = proving
        self._signing_keys = signing_keys
        self._proofs = proofs
        self._certificates = certificates
        issuing = Issuing(store, tokens, places, spans)
        self._repeats = Repeats(watch, clock, proving.stamp, issuing.tokens_for)
        self.pushed = Pushed(store, secrets, registrations, places, spans.pushed)
        codes = Codes(store, secrets, issuing, spans.code)
        self.asked_of_users = AskedOfUsers(store, secrets, codes, scopes, places.issuer)
        self._device_codes = DeviceCodes(store, secrets, issuing, spans.device)
        self.device_questions = DeviceQuestions(store, secrets, scopes)
        self.throttle = Throttle(counter, clock, secrets)
        grant_types = (
            grant_type("authorization_code", codes.redeem),
            grant_type("client_credentials", issuing.for_client, confidential=True),
            grant_type("refresh_token", Refreshing(store, issuing).refresh),
            grant_type(DEVICE, self._device_codes.redeem),
        )
        self._engine = Engine(proving.prove)
        for found in grant_types:
            self._engine.register_grant(found)
        self._engine.register_endpoint(Revocation(store, tokens))
        self._engine.register_endpoint(Introspection(places, facts, proving.challenge))
        told = certificates.are_told or places.mtls is not None
        self.metadata = Metadata(places, [found.GRANT_TYPE for found in grant_types], told, store, watch, scopes)

    # -- endpoints -------------------------------------------------------------------------------------------------

    def token(self, request: Request) -> Answer:
        """The token endpoint (RFC 6749, section 3.2)."""
        return _answered(self._token, request)

    def _token(self, request: Request, admission: Admission | None) -> Answer:
        words, certificate = self._read(request)
        said = self._repeats.said(request, words) if certificate is None else None
        known = None if said is None else self._repeats.find(said)
        if known is not None:
            self._proving.note(admission, known.client)
            return Answer(200, known.tokens.issue())
        asked = self._asked(request, "token", words, certificate)
        asked.parameters.need("grant_type")
        asked.issues, asked.proof = True, request.environ.get("HTTP_DPOP")
        answer = _typed(self._engine.create_token_response(asked))
        if said is not None:
            self._repeats.keep(said, asked)
        return answer if asked.proof is None else replace(answer, headers=answer.headers + self._proofs.told)

    def push(self, request: Request) -> Answer:
        """The endpoint for pushed authorization requests (RFC 9126); a proof with one is of RFC 9449, section 10.1."""
        return _answered(self._push, request)

    def _push(self, request: Request, admission: Admission | None) -> Answer:
        asked = self._asked(request, "par", *self._read(request))
        client, proof = self._proving.prove(asked), request.headers.get("DPoP")
        if client.credential_id is None:
            address = "" if admission is None else admission.address
            _demand_leave(Error.TEMPORARILY_UNAVAILABLE, self.throttle.pushed(client.facts.id, address))
        if proof is None:
            return Answer(201, self.pushed.keep(client, asked.parameters))
        jkt = self._proofs.proved_key(proof, "par", client)
        return Answer(201, self.pushed.keep(client, asked.parameters, jkt), self._proofs.told)

    def authorize_device(self, request: Request) -> Answer:
        """The device authorization endpoint (RFC 8628, section 3.1). A key that is proved here is needed for tokens."""
        return _answered(self._authorize_device, request)

    def _authorize_device(self, request: Request, admission: Admission | None) -> Answer:
        asked = self._asked(request, "device_authorization", *self._read(request))
        client, proof = self._proving.prove(asked), request.headers.get("DPoP")
        if client.credential_id is None:
            _demand_leave(Error.SLOW_DOWN, self.throttle.asked("" if admission is None else admission.address))
        if proof is None:
            return Answer(200, self._device_codes.make(client, asked.parameters))
        jkt = self._proofs.proved_key(proof, "device_authorization", client)
        return Answer(200, self._device_codes.make(client, asked.parameters, jkt), self._proofs.told)

    def revoke(self, request: Request) -> Answer:
        """The revocation endpoint (RFC 7009). The answer is empty."""
        return _answered(self._revoke, request)

    def _revoke(self, request: Request, _: Admission | None) -> Answer:
        asked = self._asked(request, "revoke", *self._read(request))
        return Answer(_typed(self._engine.create_endpoint_response("revocation", asked)).status, None)

    def introspect(self, request: Request) -> Answer:
        """The introspection endpoint (RFC 7662)."""
        return _answered(self._introspect, request)

    def _introspect(self, request: Request, _: Admission | None) -> Answer:
        asked = self._asked(request, "introspect", *self._read(request))
        return _typed(self._engine.create_endpoint_response("introspection", asked))

    def key_set(self) -> Answer:
        """The keys that our signed tokens are verified with (RFC 7517, section 5)."""
        try:
            return Answer(200, {"keys": self._signing_keys.published()})
        except AWAY as error:
            return _away(error)

    # -- what they ask -----------------------------------------------------------------------------------------------

    def _read(self, request: Request) -> tuple[bytes, Shown | None]:
        return read_words(request), self._certificates.shown(request.environ)

    def _asked(self, request: Request, endpoint: str, words: bytes, certificate: Shown | None) -> Asked:
        asked = Asked(self.places.url(endpoint), parse(words), request.environ.get("HTTP_AUTHORIZATION"))
        asked.certificate = certificate
        return asked


def _answered(act: Callable[[Request, Admission | None], Answer], request: Request) -> Answer:
    """What an endpoint does, or says no with; noted in the record of its request."""
    admission = current_admission()
    try:
        answer, decision = act(request, admission), ALLOWED
    except Refused as refusal:
        answer, decision = Answer(refusal.status, refusal.document, refusal.headers), _decision_of(refusal)
    except AWAY as error:
        answer, decision = _away(error), decision_of(error)
    if admission is not None:
        admission.decision = decision
    return answer


def _demand_leave(error: Error, wait: int | None) -> None:
    """Go on only when not too many of those who prove nothing came from this address.

    :raises Refused: the error, with the seconds to wait.
    """
    if wait is not None:
        raise Refused(error, "Too many of these come from here.", 429, (("Retry-After", str(wait)),))


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


def _away(error: ConfigurationError | StoreAway) -> Answer:
    """Nobody can tell anything right now. Who operates the app is told what they have to mend."""
    if isinstance(error, ConfigurationError):
        logger.error("%s", error)
    document = Refused(Error.TEMPORARILY_UNAVAILABLE, "Try again later.").document
    return Answer(503, document, (("Retry-After", str(error.retry_after)),))
