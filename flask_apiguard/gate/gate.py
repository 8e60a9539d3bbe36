"""The gate around one app's views: where refusals become responses, before the host's hooks and after its views."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request
from flask import request as current_request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from ..access import Policies, authorize, decide
from ..admission import ADMISSION, Admission, current_admission, give
from ..clock import Clock
from ..credentials import Verifier
from ..errors import APIGuardError, ConfigurationError, Denied, Problem, StoreAway, decision_of, respond
from ..rules import Book, Rule
from ..schemas import release_json, written
from ..signals import access_denied, quota_exceeded
from ..values import ALLOWED, ANONYMOUS, Decision, Reason
from .challenge import challenged, with_line_to_write
from .demands import DemandBook, Demands
from .manners import Manners
from .origins import host_answers_preflight, is_preflight, preflight_answer, shared
from .way import Way

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Bad whatever its status: observing does not let these pass either.
BAD_CREDENTIAL = frozenset({Reason.ATTEMPTS_EXCEEDED, Reason.CREDENTIAL_AMBIGUOUS})
#: The outcome of a call that passed the gate, and was refused by what its view asked.
IN_VIEW = "refused in the view"
#: Where Werkzeug puts the request at hand into its environ.
REQUEST = "werkzeug.request"
logger = logging.getLogger("flask_apiguard")

Used = Callable[[str | None, str | None, str, float], None]


class Gate:
    """Before and after the views of one app.

    ``used`` is told which credential came, on which route, from where and when; ``ready`` raises when no call can be
    recorded.
    """

    def __init__(
        self, app: Flask, book: Book, demands: DemandBook, way: Way, verifier: Verifier, policies: Policies,
        clock: Clock, manners: Manners, used: Used, ready: Callable[[], None],
    ) -> None:  # fmt: skip
        self._app = app
        self._book = book
        self._demands = demands
        self.way = way
        self._verifier = verifier
        self._policies = policies
        self._clock = clock
        self._manners = manners
        self._used = used
        self._ready = ready
        #: Whether it is Flask's own part that makes a response of what a view returned.
        self._writes = getattr(app.make_response, "__func__", None) is Flask.make_response

    def hold(self, demand: Callable[[], None]) -> None:
        """Refuse what is guarded until ``demand`` does not raise StoreAway any more; what is public goes on."""
        ready = self._ready

        def held() -> None:
            demand()
            self._ready = ready
            ready()

        self._ready = held

    # -- before the view -------------------------------------------------------------------------------------------

    def admit(self) -> Response | None:
        """Let the request at hand pass (None), or answer it."""
        request = _here()
        admission = give(request) or self._own_admission(request)
        admission.address = request.remote_addr or admission.peer
        try:
            demands = self._demands.of(request, admission.inside)
            if demands is None:
                return None
            self._begin(request, admission, demands)
            if demands.recorded_first:
                self._ready()  # before any work is done that could then not be recorded
            if request.method == "OPTIONS" and is_preflight(request) and not demands.own:
                return self._preflight(request, admission)
            try:
                decision = self.way.walk(request, admission, demands)
            except APIGuardError as error:
                decision = _told(error)
        except StoreAway as error:
            return self._refuse(admission, decision_of(error))
        except Exception:
            logger.exception("the gate failed, so it refuses")
            admission.recorded = True
            return self._refuse(admission, Decision(False, Reason.GATE_FAULT))
        admission.decision = decision
        self._used(admission.caller.credential_id, admission.route, admission.address, admission.time)
        if not decision.allowed and not self._let_pass(admission, decision):
            return self._refuse(admission, decision)
        if admission.observed:
            self._hand_over_unchecked(request, admission, demands, decision)
        admission.admitted = True
        return None if request.routing_exception is None else self._unmatched(request, admission)

    def _own_admission(self, request: Request) -> Admission:
        """An admission of our own, unrecorded, for a context that no server opened: the perimeter made none for it."""
        inside, peer = self._book.inside(request.path), request.environ.get("REMOTE_ADDR") or ""
        made = request.environ[ADMISSION] = Admission("", inside, self._clock.time(), 0, peer)
        give(request)
        return made

    def _begin(self, request: Request, admission: Admission, demands: Demands) -> None:
        admission.rule, admission.route, admission.lines = demands.rule, demands.route, demands.lines
        admission.endpoint = demands.endpoint
        if demands.watched and self._manners.observes(demands.mode, self._clock.time()):
            admission.observed = True
        admission.recorded = demands.rule.record
        if demands.own:  # whose pages may read these answers is theirs to say
            admission.last_word = None if demands.rule.shared else ()
        elif self._manners.origins is not None:
            admission.headers = shared(request, self._manners.origins)

    def _let_pass(self, admission: Admission, decision: Decision) -> bool:
        """Observing lets all pass but a credential that was presented and is bad, and what we ourselves can't do."""
        status = decision.reason.status
        bad = decision.reason in BAD_CREDENTIAL or (status == 401 and decision.reason is not Reason.CREDENTIAL_MISSING)
        return admission.observed and not bad and status < 500 and status != 413

    def _hand_over_unchecked(
        self, request: Request, admission: Admission, demands: Demands, decision: Decision
    ) -> None:
        """While observing, a view reads its request as it did before us; `into` gets what was sent, if it is wrong."""
        values, refusal = (admission.values, None) if decision.allowed else demands.schemas.load(request)
        if refusal is None:
            admission.values = values
            release_json(request)
        else:
            admission.values = demands.schemas.unchecked(request)

    def _unmatched(self, request: Request, admission: Admission) -> Response | None:
        """A proved client hears that a path or method is unknown; redirects, and the session's user, are Flask's."""
        missing = request.routing_exception
        redirects = isinstance(missing, RequestRedirect)
        if redirects or admission.caller.client is None or not admission.inside or admission.observed:
            return None
        decision = Decision(False, Reason.ROUTE_UNKNOWN)
        if isinstance(missing, MethodNotAllowed):
            methods = ", ".join(sorted(missing.valid_methods or ()))
            decision = Decision(False, Reason.METHOD_UNSUPPORTED, headers=(("Allow", methods),))
        return self._refuse(admission, decision)

    def _preflight(self, request: Request, admission: Admission) -> Response | None:
        """A true CORS preflight never runs a view: answered here, or by the host's CORS when ours is unset."""
        admission.decision = ALLOWED
        if self._manners.origins is None:
            return None if host_answers_preflight(self._app, request) else self._app.make_default_options_response()
        if request.headers["Origin"] not in self._manners.origins:
            return self._refuse(admission, Decision(False, Reason.PREFLIGHT_REFUSED))
        return preflight_answer(self._app, request)

    # -- after the view --------------------------------------------------------------------------------------------

    def release(self, value: Any) -> Any:
        """What a view returned, checked and masked; or the refusal that some library swallowed inside the view."""
        admission = current_admission()
        if admission is None or not admission.admitted:
            return value
        if admission.refused is not None:
            return self._refuse(admission, admission.refused)
        if not admission.rule.returns:
            return written(self._app, value) if self._writes and not admission.observed else value
        request = _here()
        demands = self._demands.of(request, admission.inside)
        if demands is None:
            return value
        checked, decision = demands.schemas.dump(value, head=request.method == "HEAD")
        if decision is None:
            return written(self._app, checked)
        if decision.allowed:
            return value
        wrong = "; ".join(filter(None, (decision.detail, *(f"{one.pointer} {one.detail}" for one in decision.flaws))))
        place = f"{request.method} {admission.route}"
        logger.error("%s answers against its schema (%s): %s", place, admission.id, wrong)
        if admission.observed:
            admission.decision = decision
            return value
        told = decision if self._app.debug else Decision(False, decision.reason)
        return self._refuse(admission, told)

    def after_error(self, error: Exception) -> Response:
        """The host's exceptions pass untouched, unless a refusal of ours was turned into one.

        :raises Exception: the host's own.
        """
        admission = current_admission()
        if admission is not None and admission.rule is not None:
            if isinstance(error, Problem):
                return self._refuse(admission, error.decision)
            if admission.refused is not None:
                return self._refuse(admission, admission.refused)
        raise error

    def authorize(self, scope: str, obj: Any = None) -> None:
        """Ask again inside a view, with the loaded object.

        :raises Denied: and that refusal is the answer, even when a library in between swallows it.
        """
        admission = current_admission()
        caller = admission.caller if admission is not None else ANONYMOUS
        if self.way.stands_in(caller) and caller:
            return
        rule: Rule | None = admission.rule if admission is not None else None
        decision = authorize(caller, scope, obj, rule, self._policies)
        if decision.allowed:
            return
        if admission is not None:
            admission.decision, admission.outcome = decision, IN_VIEW
            if admission.observed:
                return
            admission.refused = decision
        raise Denied(decision)

    def still(self, environ: WSGIEnvironment, admission: Admission) -> bool:
        """Whether the caller of an open stream may go on; asked between its chunks."""
        rule: Rule | None = admission.rule
        if admission.caller.credential_id is None or (rule is not None and not rule.shared):
            return True  # those endpoints have judged what was shown to them themselves
        try:
            caller, _ = self._verifier.identify(self._read_again(environ))
        except APIGuardError:
            return False
        if caller is admission.caller or admission.observed:
            return True
        return decide(caller, admission.rule, self._policies).allowed

    def _read_again(self, environ: WSGIEnvironment) -> Request:
        """The request of an environ, which nobody keeps once its view has returned."""
        before = environ.get(REQUEST)
        request = self._app.request_class(environ)
        environ[REQUEST] = before  # else each would hold the other
        return request

    # -- at start, and refusals ----------------------------------------------------------------------------------------

    def compile_all(self) -> None:
        """Compile every route once, so that what is wrong is said at start.

        :raises ConfigurationError: naming the route.
        """
        self._demands.compile_all(self._clock.time())

    def _refuse(self, admission: Admission, decision: Decision) -> Response:
        """The answer that says no to the request at hand."""
        request = _here()
        admission.decision = decision
        told = challenged(decision, self._verifier.challenges(), self._manners.metadata_url)
        if self._app.debug:
            told = with_line_to_write(told, request, admission.route)
        signal = quota_exceeded if decision.reason.status == 429 else access_denied
        signal.send(self._app, decision=decision, caller=admission.caller, event_id=admission.id)
        return respond(told, request.environ, self._app.response_class)


def _told(error: APIGuardError) -> Decision:
    if isinstance(error, ConfigurationError):  # found at first use: a folder that can't be written, a store left behind
        logger.error("%s", error)
    return decision_of(error)


#: The request at hand itself.
_here: Callable[[], Request] = current_request._get_current_object  # type: ignore[attr-defined]
