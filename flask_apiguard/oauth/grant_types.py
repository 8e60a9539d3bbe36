"""The grant types as the library knows them: each authenticates its client first, and then does its one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .engine import BaseGrant, TokenEndpointMixin
from .form import Form
from .proved import Proved
from .refusals import Error, Refused

#: What a grant type does for a client that proved itself: the token endpoint's answer.
Act = Callable[[Proved, Form], Mapping[str, Any]]


def grant_type(name: str, act: Act, *, confidential: bool = False) -> type[Any]:
    """A grant type. With ``confidential`` only clients that can prove themselves may use it."""

    class Grant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
        GRANT_TYPE = name

        def validate_token_request(self) -> None:
            client = self.server.authenticate_client(self.request, ())
            if confidential and client.credential_id is None:
                raise Refused(Error.UNAUTHORIZED_CLIENT, "A public client may not use this grant type.")

        def create_token_response(self) -> tuple[int, Mapping[str, Any], tuple[()]]:
            return 200, act(self.request.client, self.request.parameters), ()

    return Grant
