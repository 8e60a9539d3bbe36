"""The values that pass between rooms: who called, what was decided, what happened.

Everything here is plain data without behaviour towards the outside. Names of things that happen are
enumerations ``source:subject:action`` in alphabetical order, each with its meaning: an audit trail is
read years later by somebody who has only these names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Self


class Environment(StrEnum):
    """Where a client lives. A client belongs to exactly one."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


class State(StrEnum):
    """How far an application may go."""

    DRAFT = "draft"
    SANDBOX = "sandbox"
    PRODUCTION = "production"
    RETIRED = "retired"


class Standing(StrEnum):
    """Whether a client may act now."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Mode(StrEnum):
    """Whether the gate's decisions bind, or are only taken down."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class Reason(Enum):
    """Why the gate or the API answered as it did: machine name, HTTP status, title, and what to do next."""

    title: str
    status: int
    action: str

    def __new__(cls, value: str, status: int, title: str, action: str) -> Self:
        member = object.__new__(cls)
        member._value_ = value
        member.status = status
        member.title = title
        member.action = action
        return member

    def __str__(self) -> str:
        return str(self.value)

    @property
    def slug(self) -> str:
        """The name as it stands in a problem's ``type`` and as a heading in the documentation."""
        return str(self.value).replace(":", "-")

    API_CONFLICT = (
        "api:conflict:state",
        409,
        "This does not fit the present state",
        "Read the resource again and follow its `next` list.",
    )
    API_FORBIDDEN = (
        "api:seat:missing",
        403,
        "Your seat does not allow this",
        "Ask an owner of the organization, or an administrator, for a seat that may.",
    )
    API_IDEMPOTENCY = (
        "api:idempotency:reused",
        422,
        "This idempotency key belongs to another request",
        "Send a new Idempotency-Key for a new request.",
    )
    API_INVALID = (
        "api:document:invalid",
        422,
        "The document does not fit the schema",
        "Correct the fields listed in `errors` and send it again.",
    )
    API_MALFORMED = (
        "api:document:malformed",
        400,
        "The document can not be read",
        "Send one well-formed JSON document in UTF-8.",
    )
    API_MEDIA_TYPE = (
        "api:media-type:unsupported",
        415,
        "This media type is not accepted here",
        "Send Content-Type: application/json.",
    )
    API_METHOD = (
        "api:method:unsupported",
        405,
        "This method is not answered here",
        "Use one of the methods in the Allow header.",
    )
    API_MISSING = (
        "api:resource:missing",
        404,
        "There is no such thing, or not for you",
        "Check the id, and that you act for the organization that owns it.",
    )
    API_THROTTLED = (
        "api:attempts:exceeded",
        429,
        "Too many attempts",
        "Wait for the seconds in Retry-After, then try once.",
    )
    API_UNAUTHENTICATED = (
        "api:person:unknown",
        401,
        "Sign in first",
        "Send a person token as Authorization: Bearer.",
    )
    API_UNEXPECTED = (
        "api:server:fault",
        500,
        "Something went wrong on our side",
        "Try again later; if it stays, give us the request_id.",
    )
    ALLOWED = (
        "gate:request:allowed",
        200,
        "Allowed",
        "Nothing to do.",
    )
    ATTEMPTS_EXCEEDED = (
        "gate:attempts:exceeded",
        429,
        "Too many failed credentials from this address",
        "Wait for the seconds in Retry-After; a valid credential is answered at once.",
    )
    BODY_TOO_LARGE = (
        "gate:body:too-large",
        413,
        "The body is larger than this route takes",
        "Send a smaller body.",
    )
    CLIENT_SUSPENDED = (
        "gate:client:suspended",
        401,
        "This client is suspended",
        "Ask the API's owner for a review of the suspension.",
    )
    CREDENTIAL_AMBIGUOUS = (
        "gate:credential:ambiguous",
        400,
        "Two different credentials were presented",
        "Send one credential, in Authorization or in X-API-Key.",
    )
    CREDENTIAL_EXPIRED = (
        "gate:credential:expired",
        401,
        "This credential has expired",
        "Create a new credential, or ask for a fresh token.",
    )
    CREDENTIAL_MALFORMED = (
        "gate:credential:malformed",
        401,
        "The credential is not valid",
        "Check that the whole credential was copied.",
    )
    CREDENTIAL_MISSING = (
        "gate:credential:missing",
        401,
        "A credential is needed",
        "Send an API key or an access token in the Authorization header as Bearer.",
    )
    CREDENTIAL_REVOKED = (
        "gate:credential:revoked",
        401,
        "This credential was revoked",
        "Create a new credential.",
    )
    CREDENTIAL_UNKNOWN = (
        "gate:credential:unknown",
        401,
        "The credential is not valid",
        "Check that the whole credential was copied.",
    )
    DOCUMENT_INVALID = (
        "gate:document:invalid",
        422,
        "The request does not fit the schema",
        "Correct the fields listed in `errors` and send it again.",
    )
    DOCUMENT_MALFORMED = (
        "gate:document:malformed",
        400,
        "The body can not be read",
        "Send one well-formed JSON document in UTF-8.",
    )
    ENVIRONMENT_WRONG = (
        "gate:environment:wrong",
        401,
        "This credential belongs to another environment",
        "Use a credential of the environment that this route serves.",
    )
    GATE_FAULT = (
        "gate:server:fault",
        500,
        "Something went wrong on our side",
        "Try again later; if it stays, give us the request_id.",
    )
    LIMIT_EXCEEDED = (
        "gate:limit:exceeded",
        429,
        "Too many requests",
        "Wait for the seconds in Retry-After, then go on more slowly.",
    )
    MEDIA_TYPE_UNSUPPORTED = (
        "gate:media-type:unsupported",
        415,
        "This media type is not accepted here",
        "Send the Content-Type that this route takes.",
    )
    METHOD_UNSUPPORTED = (
        "gate:method:unsupported",
        405,
        "This method is not answered here",
        "Use one of the methods in the Allow header.",
    )
    ORIGIN_REFUSED = (
        "gate:origin:refused",
        403,
        "This origin may not call here with a session",
        "Call from the site's own pages, or with a credential.",
    )
    PATH_AMBIGUOUS = (
        "gate:path:ambiguous",
        400,
        "The path can be read in more than one way",
        "Send the path in its plain form.",
    )
    POLICY_REFUSED = (
        "gate:policy:refused",
        403,
        "A policy does not allow this",
        "Ask the API's owner what this policy demands.",
    )
    PREFLIGHT_REFUSED = (
        "gate:preflight:refused",
        403,
        "This origin is not listed",
        "Ask the API's owner to list the origin.",
    )
    QUOTA_EXCEEDED = (
        "gate:quota:exceeded",
        429,
        "The quota is used up",
        "Wait for the seconds in Retry-After, or ask for a larger plan.",
    )
    RESPONSE_INVALID = (
        "gate:response:invalid",
        500,
        "The answer did not fit its own schema",
        "This is our mistake; give us the request_id.",
    )
    ROLE_MISSING = (
        "gate:role:missing",
        403,
        "A role is missing",
        "Ask the API's owner for the role that this route demands.",
    )
    ROUTE_UNDECLARED = (
        "gate:route:undeclared",
        403,
        "This route is closed",
        "Ask the API's owner to declare who may call it.",
    )
    ROUTE_UNKNOWN = (
        "gate:route:unknown",
        404,
        "There is no such route",
        "Check the path in the API's documentation.",
    )
    SCOPE_MISSING = (
        "gate:scope:missing",
        403,
        "A scope is missing",
        "Ask for the scope named in WWW-Authenticate.",
    )
    STORE_AWAY = (
        "gate:store:away",
        503,
        "We can not decide right now",
        "Try again after the seconds in Retry-After.",
    )
    SUBJECT_RETIRED = (
        "gate:application:retired",
        401,
        "This application is retired",
        "Register a new application.",
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate answered, as a value: true or false, with a machine reason and a human sentence.

    ``need`` and ``have`` are short texts for whoever asks why (the missing scope, the scopes held).
    """

    allowed: bool
    reason: Reason
    detail: str = ""
    need: str = ""
    have: str = ""
    retry_after: int | None = None
    flaws: tuple[Flaw, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return self.allowed


ALLOWED = Decision(True, Reason.ALLOWED)


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a document. ``pointer`` is an RFC 6901 JSON Pointer (``""`` is the whole document)."""

    pointer: str
    detail: str
    location: str = "json"

    def as_dict(self) -> dict[str, str]:
        """The member of a problem's ``errors`` list; a pointer of another location names that location."""
        if self.location == "json":
            return {"pointer": self.pointer, "detail": self.detail}
        return {"location": self.location, "pointer": self.pointer, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class HostUser:
    """The host's end user, as ``@guard.host_user`` returns it. ``id`` is the host's own, opaque to us."""

    id: str
    name: str = ""
    email: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """The client behind a caller, as it stood when its credential was verified."""

    id: str
    application_id: str
    organization_id: str
    name: str
    environment: Environment
    reference: str | None = None
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a client may do now: scopes and roles, until when (seconds since the epoch), resting on which subjects."""

    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    expires_at: float = float("inf")
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Who the gate found behind a request.

    ``expires_at`` is seconds since the epoch (the earliest moment at which anything that this caller rests on
    ends). ``subjects`` are the names in the change log that turn this caller stale. Falsy when nobody proved
    anything (``ANONYMOUS``).
    """

    client: ClientFacts | None = None
    user: HostUser | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    credential_id: str | None = None
    credential_kind: str | None = None
    is_first_party: bool = False
    expires_at: float = float("inf")
    subjects: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def environment(self) -> Environment | None:
        """The client's environment; None for a first party and for nobody."""
        return self.client.environment if self.client is not None else None

    @property
    def reference(self) -> str | None:
        """The host's own id of the customer or tenant behind the application."""
        return self.client.reference if self.client is not None else None

    def may(self, scope: str) -> bool:
        """Whether this caller holds the scope. A first party acts as its user, whom the host itself authorizes."""
        return self.is_first_party or scope in self.scopes

    def __bool__(self) -> bool:
        return self.client is not None or self.is_first_party


ANONYMOUS = Caller()


class Verdict(StrEnum):
    """How an automated check ended."""

    PASSED = "passed"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a check found. ``fix`` says how to mend a failure, in one sentence; ``facts`` are what was seen."""

    verdict: Verdict
    detail: str
    fix: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Phase(StrEnum):
    """Which moment of a call an access event records: a whole call, or the two ends of a stream."""

    CALL = "call"
    OPENED = "opened"
    CLOSED = "closed"


@dataclass(slots=True)
class AccessEvent:
    """The record of one API call. The fields are fixed for good; a new one may be added, none is renamed.

    ``id`` is the request id (a stream's two records share it and differ in ``phase``); ``time`` is seconds since
    the epoch at the request's start; ``latency`` microseconds; ``fingerprint`` identifies what an unproved caller
    presented without revealing it.
    """

    id: str
    phase: Phase
    time: float
    method: str
    path: str
    route: str | None = None
    endpoint: str | None = None
    organization: str | None = None
    application: str | None = None
    client: str | None = None
    environment: str | None = None
    credential: str | None = None
    credential_kind: str | None = None
    fingerprint: str | None = None
    user: str | None = None
    first_party: bool = False
    mode: str = "enforce"
    allowed: bool = False
    reason: str = ""
    need: str = ""
    have: str = ""
    status: int = 0
    latency: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    address: str = ""
    peer: str = ""
    agent: str = ""
    trace: str | None = None
    inbound_id: str | None = None
    referer: str | None = None
    outcome: str = ""


class Actor(StrEnum):
    """What kind of hand did something that is on record."""

    CLIENT = "client"
    OPERATOR = "operator"
    PERSON = "person"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, and from where: the actor of every governed act.

    ``id`` is a person's or client's id, or the operating system's user for a command. ``name`` is personal and
    never enters a proof. ``request_id`` and ``address`` are empty for commands.
    """

    kind: Actor
    id: str
    name: str = ""
    organization_id: str | None = None
    seats: frozenset[str] = frozenset()
    request_id: str = ""
    address: str = ""


SYSTEM = By(Actor.SYSTEM, "apiguard")


class Happening(StrEnum):
    """What the ledger records: ``source:subject:action``, alphabetical, each with its meaning as its docstring."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    ACCESS_GRANT_ENDED = ("access:grant:ended", "An application lost a scope in an environment.")
    ACCESS_GRANT_GIVEN = ("access:grant:given", "An application received a scope in an environment.")
    ACCESS_ROLE_CHANGED = ("access:role:changed", "A role's set of scopes was written.")
    ACCESS_SCOPE_CHANGED = ("access:scope:changed", "A scope's description, risk or access was written.")
    CLIENTS_APPLICATION_CHANGED = ("clients:application:changed", "Facts about an application were edited.")
    CLIENTS_APPLICATION_CREATED = ("clients:application:created", "An application was registered.")
    CLIENTS_CLIENT_CREATED = ("clients:client:created", "An application received a client in an environment.")
    CLIENTS_CLIENT_RESUMED = ("clients:client:resumed", "A suspended client may act again.")
    CLIENTS_CLIENT_SUSPENDED = ("clients:client:suspended", "A client may not act until further notice.")
    CLIENTS_ORGANIZATION_CHANGED = ("clients:organization:changed", "Facts about an organization were edited.")
    CLIENTS_ORGANIZATION_CREATED = ("clients:organization:created", "An organization was registered.")
    CREDENTIALS_CREDENTIAL_CREATED = ("credentials:credential:created", "A credential was made for a client.")
    CREDENTIALS_CREDENTIAL_IMPORTED = ("credentials:credential:imported", "A key of the host's was taken over by hash.")
    CREDENTIALS_CREDENTIAL_REVOKED = ("credentials:credential:revoked", "A credential opens nothing any more.")
    CREDENTIALS_CREDENTIAL_ROTATED = ("credentials:credential:rotated", "A credential got a successor.")
    CREDENTIALS_TOKENS_REVOKED = ("credentials:tokens:revoked", "Tokens of a client or family were revoked.")
    LEDGER_CHECKPOINT_SIGNED = (
        "ledger:checkpoint:signed",
        "The head of the ledger, or of the event chain, was signed.",
    )
    LEDGER_PERSON_ERASED = ("ledger:person:erased", "Personal fields of entries were erased; the proofs stay.")
    MONITOR_ANOMALY_RAISED = ("monitor:anomaly:raised", "A detector found something unusual.")
    MONITOR_MONITORING_STARTED = ("monitor:monitoring:started", "Monitoring of a production client began.")
    ONBOARDING_CHECK_RUN = ("onboarding:check:run", "An automated check examined an application.")
    ONBOARDING_CHECK_WAIVED = ("onboarding:check:waived", "A failed check was waived until a date, by two people.")
    ONBOARDING_GRADUATION_TICKED = ("onboarding:graduation:ticked", "An observed call fulfilled a graduation step.")
    ONBOARDING_MOVE_MADE = ("onboarding:move:made", "An application moved from one state to another.")
    ONBOARDING_MOVE_REFUSED = ("onboarding:move:refused", "An attempted move was refused.")
    ONBOARDING_RECERTIFICATION_DONE = (
        "onboarding:recertification:done",
        "An owner confirmed what an application holds.",
    )
    ONBOARDING_RECERTIFICATION_LAPSED = (
        "onboarding:recertification:lapsed",
        "Silence degraded an application one step.",
    )
    ONBOARDING_REVIEW_ANSWERED = ("onboarding:review:answered", "The requester answered a reviewer's question.")
    ONBOARDING_REVIEW_ASKED = ("onboarding:review:asked", "A reviewer asked the requester something.")
    ONBOARDING_REVIEW_CLOSED = ("onboarding:review:closed", "A review ended without a decision.")
    ONBOARDING_REVIEW_DECIDED = ("onboarding:review:decided", "A review was approved or denied.")
    ONBOARDING_REVIEW_OPENED = ("onboarding:review:opened", "An application asked for more.")
    ONBOARDING_REVIEW_REFUSED = ("onboarding:review:refused", "An attempted decision on a review was refused.")
    ONBOARDING_REVIEW_SEATED = ("onboarding:review:seated", "One of several needed reviewers approved.")
    PEOPLE_INVITATION_SENT = ("people:invitation:sent", "A person was invited to a seat.")
    PEOPLE_PERSON_CREATED = ("people:person:created", "A person's account was made.")
    PEOPLE_PERSON_DISABLED = ("people:person:disabled", "A person may not sign in any more.")
    PEOPLE_SEAT_GIVEN = ("people:seat:given", "A person received a seat.")
    PEOPLE_SEAT_TAKEN = ("people:seat:taken", "A person lost a seat.")
    PEOPLE_SESSION_OPENED = ("people:session:opened", "A person signed in.")
    PEOPLE_TOKEN_CREATED = ("people:token:created", "A person token was made for API or command line.")
    PEOPLE_TOKEN_REVOKED = ("people:token:revoked", "A person token was revoked.")
    QUOTAS_OVERRIDE_CHANGED = ("quotas:override:changed", "A client's own limit was written or ended.")
    QUOTAS_PLAN_CHANGED = ("quotas:plan:changed", "A plan's limits were written.")
    SETTINGS_SETTING_CHANGED = ("settings:setting:changed", "An operator's file changed a stored setting.")


def instant(seconds: float) -> dt.datetime:
    """Seconds since the epoch as an aware UTC datetime."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
