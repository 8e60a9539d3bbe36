"""What a 401 and 403 say about how to do better (RFC 9110, section 11.6.1; RFC 6750, section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flask import Request

from ..values import SAFE_METHODS, Decision, Reason

#: What is told of proofs of possession, by error code (RFC 9449, sections 7.1 and 9).
OF_PROOFS = {
    Reason.PROOF_INVALID: "invalid_dpop_proof", Reason.PROOF_MISSING: "", Reason.PROOF_NONCE: "use_dpop_nonce",
}  # fmt: skip


def challenged(decision: Decision, schemes: Iterable[str], metadata_url: str | None) -> Decision:
    """The decision with ``WWW-Authenticate`` on 401 and 403; ``resource_metadata`` is of RFC 9728, section 5.1."""
    status = decision.reason.status
    if status not in (401, 403):
        return decision
    schemes, parts = list(schemes), []
    if decision.reason in OF_PROOFS:  # what another scheme could do is no answer to these, where this one is spoken
        schemes = [scheme for scheme in schemes if scheme.startswith("DPoP")] or schemes
    if decision.reason is Reason.SCOPE_MISSING or (decision.reason is Reason.PROOF_MISSING and decision.need):
        parts += ['error="insufficient_scope"', f'scope="{decision.need}"']
    elif status == 401 and decision.reason is not Reason.CREDENTIAL_MISSING:
        parts.append(f'error="{OF_PROOFS.get(decision.reason, "invalid_token")}"')
    if metadata_url:
        parts.append(f'resource_metadata="{metadata_url}"')
    headers = tuple(("WWW-Authenticate", ", ".join((scheme, *parts))) for scheme in schemes)
    return replace(decision, headers=decision.headers + headers)


def with_line_to_write(decision: Decision, request: Request, route: str | None) -> Decision:
    """For a developer in debug mode: what to write so that an undeclared route is declared."""
    if decision.reason is not Reason.ROUTE_UNDECLARED:
        return decision
    detail = f"Nobody declared {request.method} {route}. {suggestion(request.endpoint or '', request.method)}"
    return replace(decision, detail=detail)


def suggestion(endpoint: str, method: str) -> str:
    """The line that would declare a route."""
    noun = endpoint.rsplit(".", maxsplit=1)[-1].replace("_", "-") or "resource"
    return f'Write @require("{noun}:{"read" if method in SAFE_METHODS else "write"}") below its route decorator.'
