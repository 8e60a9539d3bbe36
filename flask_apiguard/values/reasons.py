"""Why we answered as we did: every reason that a caller can be given, in alphabetical order."""

from __future__ import annotations

from enum import Enum
from typing import Self


class Reason(Enum):
    """Why the gate or the API answered as it did: machine name, HTTP status, title, and what to do next."""

    code: str
    title: str
    status: int
    action: str

    def __new__(cls, value: str, status: int, title: str, action: str) -> Self:
        member = object.__new__(cls)
        member._value_ = member.code = value
        member.status = status
        member.title = title
        member.action = action
        return member

    def __str__(self) -> str:
        return self.code

    @property
    def slug(self) -> str:
        """The name as it stands in a problem's ``type`` and as a heading in the documentation."""
        return str(self.value).replace(":", "-")

    # fmt: off
    API_THROTTLED = (
        "api:attempts:exceeded", 429, "Too many attempts",
        "Wait for the seconds in Retry-After, then try once.",
    )
    API_CONFLICT = (
        "api:conflict:state", 409, "This does not fit the present state",
        "Read the resource again and follow its `next` list.",
    )
    API_INVALID = (
        "api:document:invalid", 422, "The document does not fit the schema",
        "Correct the fields listed in `errors` and send it again.",
    )
    API_MALFORMED = (
        "api:document:malformed", 400, "The document can not be read",
        "Send one well-formed JSON document in UTF-8.",
    )
    API_TOO_LARGE = (
        "api:document:too-large", 413, "The document is too large",
        "Send less at once.",
    )
    API_IDEMPOTENCY = (
        "api:idempotency:reused", 422, "This idempotency key belongs to another request",
        "Send a new Idempotency-Key for a new request.",
    )
    API_IDEMPOTENCY_RUNNING = (
        "api:idempotency:running", 409, "The first request with this idempotency key is still running",
        "Send it again after the seconds in Retry-After.",
    )
    API_IDEMPOTENCY_SHOWN = (
        "api:idempotency:shown", 409, "The secret of this answer was shown once",
        "If it was lost, revoke what was made, or rotate it, with a new Idempotency-Key.",
    )
    API_IDEMPOTENCY_UNKNOWN = (
        "api:idempotency:unknown", 409, "Nobody knows how the first request with this idempotency key ended",
        "Read the resource to see what was done, then go on with a new Idempotency-Key.",
    )
    API_MEDIA_TYPE = (
        "api:media-type:unsupported", 415, "This media type is not accepted here",
        "Send Content-Type: application/json.",
    )
    API_METHOD = (
        "api:method:unsupported", 405, "This method is not answered here",
        "Use one of the methods in the Allow header.",
    )
    API_UNAUTHENTICATED = (
        "api:person:unknown", 401, "Sign in first",
        "Send a person token as Authorization: Bearer.",
    )
    API_MISSING = (
        "api:resource:missing", 404, "There is no such thing, or not for you",
        "Check the id, and that you act for the organization that owns it.",
    )
    API_FORBIDDEN = (
        "api:seat:missing", 403, "Your seat does not allow this",
        "Ask an owner of the organization, or an administrator, for a seat that may.",
    )
    API_UNEXPECTED = (
        "api:server:fault", 500, "Something went wrong on our side",
        "Try again later; if it stays, give us the request_id.",
    )
    API_SIGN_IN = (
        "api:sign-in:refused", 401, "The sign-in was refused",
        "Check address and password, or ask for a sign-in link by mail.",
    )
    API_VERSION_MISSING = (
        "api:version:missing", 428, "The version that is changed must be named",
        "Send the ETag of what you read as If-Match.",
    )
    API_VERSION_STALE = (
        "api:version:stale", 412, "Somebody else changed this meanwhile",
        "Read it again, look at what changed, and send the new ETag as If-Match.",
    )
    SUBJECT_RETIRED = (
        "gate:application:retired", 401, "This application is retired",
        "Register a new application.",
    )
    APPLICATION_NOT_READY = (
        "gate:application:not-ready", 401, "This application may not act in this environment",
        "Finish the onboarding for this environment.",
    )
    ATTEMPTS_EXCEEDED = (
        "gate:attempts:exceeded", 429, "Too many failed credentials from this address",
        "Wait for the seconds in Retry-After; a valid credential is answered at once.",
    )
    AUDIENCE_WRONG = (
        "gate:audience:wrong", 401, "This token is for another API", "Ask for a token whose resource is this API.",
    )
    BODY_TOO_LARGE = (
        "gate:body:too-large", 413, "The body is larger than this route takes",
        "Send a smaller body.",
    )
    CLIENT_SUSPENDED = (
        "gate:client:suspended", 401, "This client is suspended",
        "Ask the API's owner for a review of the suspension.",
    )
    CREDENTIAL_AMBIGUOUS = (
        "gate:credential:ambiguous", 400, "Two different credentials were presented",
        "Send one credential, in Authorization or in X-API-Key.",
    )
    CREDENTIAL_BOUND = (
        "gate:credential:bound", 401, "This token is bound to a key", "Present it together with a proof of that key.",
    )
    CREDENTIAL_EXPIRED = (
        "gate:credential:expired", 401, "This credential has expired",
        "Create a new credential, or ask for a fresh token.",
    )
    CREDENTIAL_MALFORMED = (
        "gate:credential:malformed", 401, "The credential is not valid",
        "Check that the whole credential was copied.",
    )
    CREDENTIAL_MISSING = (
        "gate:credential:missing", 401, "A credential is needed",
        "Send an API key or an access token in the Authorization header as Bearer.",
    )
    CREDENTIAL_REVOKED = (
        "gate:credential:revoked", 401, "This credential was revoked",
        "Create a new credential.",
    )
    CREDENTIAL_UNKNOWN = (
        "gate:credential:unknown", 401, "The credential is not valid",
        "Check that the whole credential was copied.",
    )
    DOCUMENT_INVALID = (
        "gate:document:invalid", 422, "The request does not fit the schema",
        "Correct the fields listed in `errors` and send it again.",
    )
    DOCUMENT_MALFORMED = (
        "gate:document:malformed", 400, "The body can not be read",
        "Send one well-formed JSON document in UTF-8.",
    )
    ENVIRONMENT_WRONG = (
        "gate:environment:wrong", 401, "This credential belongs to another environment",
        "Use a credential of the environment that this route serves.",
    )
    LIMIT_EXCEEDED = (
        "gate:limit:exceeded", 429, "Too many requests",
        "Wait for the seconds in Retry-After, then go on more slowly.",
    )
    MEDIA_TYPE_UNSUPPORTED = (
        "gate:media-type:unsupported", 415, "This media type is not accepted here",
        "Send the Content-Type that this route takes.",
    )
    METHOD_UNSUPPORTED = (
        "gate:method:unsupported", 405, "This method is not answered here",
        "Use one of the methods in the Allow header.",
    )
    ORIGIN_REFUSED = (
        "gate:origin:refused", 403, "This origin may not call here with a session",
        "Call from the site's own pages, or with a credential.",
    )
    PATH_AMBIGUOUS = (
        "gate:path:ambiguous", 400, "The path can be read in more than one way",
        "Send the path in its plain form.",
    )
    POLICY_REFUSED = (
        "gate:policy:refused", 403, "A policy does not allow this",
        "Ask the API's owner what this policy demands.",
    )
    PREFLIGHT_REFUSED = (
        "gate:preflight:refused", 403, "This origin is not listed",
        "Ask the API's owner to list the origin.",
    )
    PROOF_INVALID = (
        "gate:proof:invalid", 401, "The proof does not go with the token",
        "Send a fresh proof of the token's own key for this method and URL.",
    )
    PROOF_MISSING = (
        "gate:proof:missing", 403, "This route wants a token that is bound to a key",
        "Ask for a token with a DPoP proof, and send a fresh proof with each call.",
    )
    PROOF_NONCE = (
        "gate:proof:nonce", 401, "The proof needs a nonce of ours",
        "Make the proof again, with the nonce in DPoP-Nonce.",
    )
    QUOTA_EXCEEDED = (
        "gate:quota:exceeded", 429, "The quota is used up",
        "Wait for the seconds in Retry-After, or ask for a larger plan.",
    )
    ALLOWED = (
        "gate:request:allowed", 200, "Allowed",
        "Nothing to do.",
    )
    RESPONSE_INVALID = (
        "gate:response:invalid", 500, "The answer did not fit its own schema",
        "This is our mistake; give us the request_id.",
    )
    ROLE_MISSING = (
        "gate:role:missing", 403, "A role is missing",
        "Ask the API's owner for the role that this route demands.",
    )
    ROUTE_UNDECLARED = (
        "gate:route:undeclared", 403, "This route is closed",
        "Ask the API's owner to declare who may call it.",
    )
    ROUTE_UNKNOWN = (
        "gate:route:unknown", 404, "There is no such route",
        "Check the path in the API's documentation.",
    )
    SCOPE_MISSING = (
        "gate:scope:missing", 403, "A scope is missing",
        "Ask for the scope named in WWW-Authenticate.",
    )
    GATE_FAULT = (
        "gate:server:fault", 500, "Something went wrong on our side",
        "Try again later; if it stays, give us the request_id.",
    )
    STORE_AWAY = (
        "gate:store:away", 503, "We can not decide right now",
        "Try again after the seconds in Retry-After.",
    )
    OAUTH_CLIENT = (
        "oauth:client:unproved", 401, "The client did not prove who it is",
        "Send client id and secret in one way, as HTTP Basic or in the body.",
    )
    OAUTH_REQUEST = (
        "oauth:request:refused", 400, "The OAuth request was refused",
        "Correct what error and error_description name.",
    )
    # fmt: on
