"""How the endpoints say no: OAuth errors (RFC 6749, section 5.2) with words of our own, never a library's."""

from __future__ import annotations

from enum import StrEnum


class Error(StrEnum):
    """Error codes that we answer."""

    ACCESS_DENIED = "access_denied"
    AUTHORIZATION_PENDING = "authorization_pending"
    CONSENT_REQUIRED = "consent_required"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 (the name of an error)
    INVALID_CLIENT = "invalid_client"
    INVALID_DPOP_PROOF = "invalid_dpop_proof"
    INVALID_GRANT = "invalid_grant"
    INVALID_REQUEST = "invalid_request"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    LOGIN_REQUIRED = "login_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    SLOW_DOWN = "slow_down"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    USE_DPOP_NONCE = "use_dpop_nonce"


class Refused(Exception):
    """A request that is answered with an error. ``description`` never repeats what was sent."""

    def __init__(
        self,
        error: Error,
        description: str = "",
        status: int = 400,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.headers = headers

    @property
    def document(self) -> dict[str, str]:
        """The answer's JSON."""
        said = {"error": self.error.value}
        return said | {"error_description": self.description} if self.description else said


def malformed(description: str, status: int = 400) -> Refused:
    """``invalid_request``."""
    return Refused(Error.INVALID_REQUEST, description, status)
