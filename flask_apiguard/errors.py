"""The one tree of our errors, and the one function that turns them into a response.

APIGuardError
├── ConfigurationError      said at start, with the fix; what is found only at first use becomes a 503
├── StoreAway               a store does not answer; becomes a 503
└── Problem                 anything a caller is told (RFC 9457); also an HTTPException without a code,
    ├── Denied              so that no host error handler rewrites it
    ├── Invalid
    ├── Missing
    └── Conflict
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from click import ClickException
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from .values import Caller, Decision, Flaw, Reason

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where the request's own id stands in the WSGI environ.
REQUEST_ID = "flask_apiguard.request_id"
#: Relative to the app's root: the page that explains one reason; also a heading in the documentation.
PROBLEM_PAGES = "/apiguard/api/v1/problems/"
PROBLEM_JSON = "application/problem+json"
FLAWS_AT_MOST = 50


class APIGuardError(Exception):
    """The root of everything this package raises on purpose."""


class ConfigurationError(APIGuardError, ClickException):
    """Said at start. ``fix`` is one sentence or line that mends it.

    Also an exception of click's: where it comes while a command loads the app, the command says it without a traceback.
    """

    #: Seconds, for who calls meanwhile: only somebody who operates the app can mend it.
    retry_after = 60

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(f"{message} {fix}".strip())
        self.fix = fix

    def format_message(self) -> str:
        """What stands behind ``Error:``, in the form of our own commands."""
        told = self.message.removesuffix(self.fix).strip()
        return f"{told}\n  Fix: {self.fix}" if self.fix else told


class StoreAway(APIGuardError):
    """A store does not answer. ``store`` names it; the cause stays in the chain and never leaves the process."""

    def __init__(self, store: str, retry_after: int = 5) -> None:
        super().__init__(f"the {store} store does not answer")
        self.store = store
        self.retry_after = retry_after


#: Nobody can decide anything, and who calls is told no more than that.
AWAY = (ConfigurationError, StoreAway)


class Problem(APIGuardError, HTTPException):
    """Anything a caller is told. Carries a decision; ``code`` stays None so that host handlers leave it alone."""

    code = None
    #: Whether the ledger tells of it already.
    on_record = False

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"{decision.detail or decision.reason.title} {decision.action}".strip())
        self.decision = decision

    @property
    def name(self) -> str:
        """The reason, where an HTTP exception has the name of its code."""
        return str(self.decision.reason)

    def __str__(self) -> str:
        return f"{self.name}: {self.description}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def get_response(self, environ: Any = None, scope: Any = None) -> Any:
        """The problem document, as Flask asks for it when the exception reaches the app."""
        return respond(self.decision, environ or {})

    def get_body(self, environ: Any = None, scope: Any = None) -> str:
        """The same document as text, for tools that print HTTP exceptions."""
        return json.dumps(document(self.decision, environ or {}))


class Denied(Problem):
    """Refused by the gate or by ``guard.authorize``: the answer is the decision's own status, mostly 403.

    ``proved_by`` is who proved possession of a credential that opens nothing (revoked, expired, suspended): the record
    then says whose it was, and who it belongs to can find out why.
    """

    proved_by: Caller | None = None


class Invalid(Problem):
    """A document that does not fit. ``flaws`` are the places, all of them up to a bound."""

    def __init__(self, flaws: Iterable[Flaw], detail: str = "", reason: Reason = Reason.API_INVALID) -> None:
        super().__init__(Decision(False, reason, detail, flaws=tuple(flaws)))


class Missing(Problem):
    """Nothing there, or not for this actor: the two are told alike."""

    def __init__(self, detail: str = "", action: str = "") -> None:
        super().__init__(Decision(False, Reason.API_MISSING, detail, action=action))


class Conflict(Problem):
    """The act does not fit the present state of the thing; ``action`` says what would help, where that is known."""

    def __init__(self, detail: str, action: str = "") -> None:
        super().__init__(Decision(False, Reason.API_CONFLICT, detail, action=action))


class Forbidden(Problem):
    """The actor may not do this; ``need`` names the seat that may, ``action`` what helps where a seat would not.

    ``whose`` is the organization whose thing it is, so that the entry of the attempt is theirs.
    """

    def __init__(self, detail: str = "", need: str = "", action: str = "", whose: str | None = None) -> None:
        super().__init__(Decision(False, Reason.API_FORBIDDEN, detail, need=need, action=action))
        self.whose = whose


def decision_of(error: Exception) -> Decision:
    """Any error as a decision. What is not ours loses its detail here, and only here."""
    if isinstance(error, Problem):
        return error.decision
    if isinstance(error, AWAY):
        return Decision(False, Reason.STORE_AWAY, retry_after=error.retry_after)
    return Decision(False, Reason.API_UNEXPECTED)


def document(decision: Decision, environ: WSGIEnvironment) -> dict[str, Any]:
    """The problem document (RFC 9457, section 3), with our members ``code``, ``request_id``, ``errors``."""
    reason = decision.reason
    detail = decision.detail or reason.title + "."
    body: dict[str, Any] = {
        "type": environ.get("SCRIPT_NAME", "") + PROBLEM_PAGES + reason.slug,
        "title": reason.title,
        "status": reason.status,
        "detail": f"{detail} {decision.advice}" if decision.advice not in detail else detail,
        "code": str(reason),
    }
    if REQUEST_ID in environ:
        body["request_id"] = environ[REQUEST_ID]
    if decision.need:
        body["need"] = decision.need
    if decision.flaws:
        body["errors"] = [flaw.as_dict() for flaw in decision.flaws[:FLAWS_AT_MOST]]
        if len(decision.flaws) > FLAWS_AT_MOST:
            body["errors_left_out"] = len(decision.flaws) - FLAWS_AT_MOST
    return body


def respond(
    decision: Decision, environ: WSGIEnvironment, response_class: type[Response] = Response, **more: Any
) -> Response:
    """One decision as one response: problem+json, ``Retry-After`` where it is known, never cached.

    ``more`` are further members of the document.
    """
    body = json.dumps(document(decision, environ) | more, separators=(",", ":"))
    response = response_class(body, status=decision.reason.status, content_type=PROBLEM_JSON)
    response.headers["Cache-Control"] = "no-store"
    if decision.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, decision.retry_after))
    for name, value in decision.headers:
        response.headers.add(name, value)
    return response
