"""The way of one request, from rule to values: identify, standing, access, count, validate.

Each step answers with a decision, and the first false one ends the way. Nothing here knows Flask's app, writes
responses or records anything.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Request

from ..access import Policies, decide
from ..admission import Admission
from ..credentials import Verifier
from ..errors import Denied
from ..quotas import UNCOUNTED, Attempts, Quotas, RouteLimits
from ..rules import Rule
from ..schemas import RouteSchemas
from ..values import ALLOWED, ANONYMOUS, SAFE_METHODS, Caller, Decision, Environment, HostUser, Reason, keep
from .bounded import Bounded
from .demands import Demands
from .manners import Manners
from .origins import same_origin

#: Refusals of somebody who proved possession of a credential: no guesses, so not throttled.
PROVED = frozenset({
    Reason.CLIENT_SUSPENDED, Reason.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REVOKED, Reason.ENVIRONMENT_WRONG,
    Reason.PROOF_NONCE, Reason.SUBJECT_RETIRED,
})  # fmt: skip
#: What a host's own tests may send in our headers, for ways of its own.
NOT_OURS = frozenset({Reason.CREDENTIAL_AMBIGUOUS, Reason.CREDENTIAL_UNKNOWN})
#: Routes of one caller for which is kept that it may.
CLEARED_AT_MOST = 128
SANDBOX_CLOSED = "No sandbox is served here."


class Way:
    """The steps, with the rooms that answer them. ``host_user`` and ``stand_in`` are set by host and tests."""

    def __init__(
        self, verifier: Verifier, policies: Policies, quotas: Quotas, attempts: Attempts, manners: Manners
    ) -> None:
        self._verifier = verifier
        self._policies = policies
        self._quotas = quotas
        self._attempts = attempts
        self._manners = manners
        self.host_user: Callable[[], HostUser | None] | None = None
        self.stand_in: Callable[[], Caller] | None = None

    def walk(self, request: Request, admission: Admission, demands: Demands) -> Decision:
        """The steps in their order. The caller is known from the second on, values from the last.

        :raises flask_apiguard.errors.APIGuardError: a credential is bad, or a store is away.
        """
        decision = self.bound(request, admission, demands)
        rule = demands.rule
        if not decision.allowed or rule.public is not None:
            return decision
        caller = admission.caller = self.identify(request, admission, rule)
        if caller is ANONYMOUS:
            return Decision(False, Reason.CREDENTIAL_MISSING)
        if demands not in caller.kept.cleared:
            decision = self.standing(caller, rule)
            if decision.allowed:
                decision = self.access(caller, rule)
            if not decision.allowed:
                return decision
            if not rule.policies and self.stand_in is None:
                clear(caller, demands)  # nothing but these two was asked, and neither of them ever changes
        is_real = self.stand_in is None or caller.credential_id is not None
        if is_real:
            decision = self.count(caller, admission, demands.limits)
        if decision.allowed and (is_real or demands.schemas.takes):
            decision = self.validate(request, admission, demands.schemas)
        return decision

    def bound(self, request: Request, admission: Admission, demands: Demands) -> Decision:
        """How much may come in at all; what is read later is held to the same bound."""
        environ = request.environ
        request.max_content_length = bound = demands.max_body
        text = environ.get("CONTENT_LENGTH")
        if text and len(text) < 19 and text.isdecimal() and "HTTP_TRANSFER_ENCODING" not in environ:
            length: int | None = int(text)  # what Werkzeug says of the plain case, without its reading of headers
        else:
            length = request.content_length if text or "HTTP_TRANSFER_ENCODING" in environ else None
        admission.length = length
        if length is None:
            if environ.get("wsgi.input_terminated"):
                environ["wsgi.input"] = Bounded(environ["wsgi.input"], bound, admission)
                request.max_content_length = bound + 1  # Werkzeug's own bound would cut without a word
        elif length > bound and self.stand_in is None:
            return Decision(False, Reason.BODY_TOO_LARGE, f"This route takes {bound} bytes at most.")
        return ALLOWED

    def identify(self, request: Request, admission: Admission, rule: Rule) -> Caller:
        """Who calls: a client by its credential, or the host's own signed-in user when none was presented.

        :raises Denied: a credential was presented and is bad; that never falls back to the session.
        """
        try:
            caller, kind = self._verifier.identify(request, admission.time)
        except Denied as error:
            if self.stand_in is not None and error.decision.reason in NOT_OURS:
                return self.stand_in()
            admission.proved = error.proved_by
            admission.presented = "unproved"
            admission.fingerprint = self._verifier.fingerprint_of(request)
            raise throttled(self._attempts, error, admission.address) from None
        if kind is not None:
            admission.presented = kind
            return caller
        if self.stand_in is not None:
            return self.stand_in()
        user = self.host_user() if self.host_user is not None and rule.first_party else None
        if user is None:
            return ANONYMOUS
        if request.method not in SAFE_METHODS and not same_origin(request, self._manners.origins):
            raise Denied(Decision(False, Reason.ORIGIN_REFUSED))
        return Caller(user=user, is_first_party=True)

    def standing(self, caller: Caller, rule: Rule) -> Decision:
        """Whether the caller may act here: the environment that this route, and this deployment, serve."""
        client = caller.client
        if client is None:
            return ALLOWED
        found = client.environment
        if rule.environment is not None and found is not rule.environment:
            return Decision(False, Reason.ENVIRONMENT_WRONG, need=rule.environment.value, have=found.value)
        if found is Environment.SANDBOX and not self._manners.sandbox:
            return Decision(False, Reason.ENVIRONMENT_WRONG, SANDBOX_CLOSED, have=found.value)
        return ALLOWED

    def access(self, caller: Caller, rule: Rule) -> Decision:
        """Scopes, roles, policies. A route that nobody declared is closed to everybody who calls."""
        if self.stand_in is not None and self.stands_in(caller):
            return ALLOWED
        if not rule.declared:
            return Decision(False, Reason.ROUTE_UNDECLARED)
        return decide(caller, rule, self._policies)

    def count(self, caller: Caller, admission: Admission, limits: RouteLimits) -> Decision:
        """Limits and quotas, in one round trip; what is left is told either way."""
        decision, told = self._quotas.take(caller, limits, admission.address, admission.time)
        admission.headers += caller.headers + told
        if decision.detail is UNCOUNTED:
            admission.outcome = UNCOUNTED
        return decision

    def validate(self, request: Request, admission: Admission, schemas: RouteSchemas) -> Decision:
        """What came in; the values that the view asked for wait in the admission."""
        values, refusal = schemas.load(request)
        if refusal is not None:
            return refusal
        if values:
            admission.values = values
        return ALLOWED

    def stands_in(self, caller: Caller) -> bool:
        """Whether this is a test's stand-in, for whom the host's own tests were written."""
        return self.stand_in is not None and caller.credential_id is None


def clear(caller: Caller, demands: Demands) -> None:
    """Ask the same no more, while the caller stands. A stranger's methods make demands without end: few are kept."""
    keep(caller.kept.cleared, demands, True, CLEARED_AT_MOST)


def throttled(attempts: Attempts, error: Denied, address: str) -> Denied:
    """Count a failed credential against its address; beyond the bound the answer says only that."""
    if error.decision.reason in PROVED or error.decision.reason.status not in (400, 401):
        return error
    wait = attempts.blocked(address)
    attempts.failed(address)
    return error if wait is None else Denied(Decision(False, Reason.ATTEMPTS_EXCEEDED, retry_after=wait))
