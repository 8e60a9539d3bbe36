"""Authlib, wrapped: the only module here that imports it. It picks grant types and endpoints and runs their steps.

Left to us, because its own would not hold: reading requests, authenticating clients, choosing scopes, using up codes,
making tokens, wording errors. So requests arrive read, ``authenticate_client`` asks ours, grant types do their own
work in one transaction, and every error of the library becomes one of our own by its code alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from authlib.oauth2 import AuthorizationServer  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749 import OAuth2Error, OAuth2Request  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]
from authlib.oauth2.rfc7009 import RevocationEndpoint  # type: ignore[import-untyped]
from authlib.oauth2.rfc7662 import IntrospectionEndpoint  # type: ignore[import-untyped]

from .certificates import Shown
from .form import Form
from .proved import Proved
from .refusals import Error, Refused

__all__ = [
    "Answer", "Asked", "BaseGrant", "Engine", "IntrospectionEndpoint", "RevocationEndpoint", "TokenEndpointMixin",
]  # fmt: skip

#: What is said beside an error code that the library raised.
SAID: Mapping[Error, str] = {
    Error.INVALID_CLIENT: "",
    Error.INVALID_GRANT: "What was presented is not valid for this client.",
    Error.INVALID_REQUEST: "The request is not valid.",
    Error.INVALID_SCOPE: "The scope is not valid, or not held by this client.",
    Error.UNAUTHORIZED_CLIENT: "This client may not use this grant type.",
    Error.UNSUPPORTED_GRANT_TYPE: "This grant type is not answered here.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers. ``document`` None is an empty body."""

    status: int
    document: Mapping[str, Any] | None = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


class Asked(OAuth2Request):  # type: ignore[misc]
    """A request as the library sees it: parameters that were read strictly, and no headers at all.

    ``url`` is the endpoint's own under the issuer. What a proxy made of the URL in between is not judged here.
    """

    def __init__(self, url: str, form: Form, authorization: str | None) -> None:
        self.__dict__.update(_blank(url))
        self.payload = BasicOAuth2Payload(dict(form.values))
        self.parameters = form
        self.authorization = authorization
        self.client: Proved | None = None
        #: Whether tokens are asked for; and the proof of possession that came along (RFC 9449).
        self.issues = False
        #: The certificate that the client showed by TLS (RFC 8705).
        self.certificate: Shown | None = None
        self.proof: str | None = None

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters."""
        return self.parameters.values


@lru_cache(64)
def _blank(url: str) -> Mapping[str, Any]:
    """What every request at an endpoint begins with. The library judges its URL, which is ours, once."""
    blank: Mapping[str, Any] = vars(OAuth2Request("POST", url))
    return blank


class Engine(AuthorizationServer):  # type: ignore[misc]
    """The library's server. ``prove`` says which client a request comes from, or raises ``Refused``."""

    def __init__(self, prove: Callable[[Asked], Proved]) -> None:
        super().__init__()
        self._prove = prove

    def create_oauth2_request(self, request: Asked) -> Asked:
        """It is one already."""
        return request

    def authenticate_client(self, request: Asked, methods: Any, endpoint: str = "token") -> Proved:
        """:raises Refused: no client proved itself."""
        request.client = self._prove(request)
        return request.client

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what happened is an access event."""

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        """The library's headers say JSON and no-store; ours are set where answers become responses."""
        return Answer(status, body)

    def handle_error_response(self, request: Asked, error: OAuth2Error) -> Answer:
        """:raises Refused: always, by the error's code; one that we don't know is an ``invalid_request``."""
        code = Error(error.error) if error.error in tuple(Error) else Error.INVALID_REQUEST
        raise Refused(code, SAID.get(code, "")) from error
