"""Browsers: whether an unsafe call by session comes from the site itself, and CORS for listed origins."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Request
from werkzeug.exceptions import SecurityError
from werkzeug.wrappers import Response

EXPOSED = "DPoP-Nonce, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
ALLOWED_HEADERS = "Authorization, Content-Type, DPoP, Idempotency-Key, X-API-Key"
PREFLIGHT_SECONDS = "600"


def same_origin(request: Request, listed: frozenset[str] | None) -> bool:
    """Whether the page that calls is the site's own or a listed one: Fetch Metadata, else Origin, else Referer."""
    site = request.headers.get("Sec-Fetch-Site")
    if site == "same-origin":
        return True
    origin = request.headers.get("Origin") or _origin_of(request.headers.get("Referer", ""))
    if listed is not None and origin in listed:
        return True
    return site is None and origin == _own_origin(request)


def _own_origin(request: Request) -> str | None:
    try:
        return f"{request.scheme}://{request.host}"
    except SecurityError:  # not one of the host's TRUSTED_HOSTS
        return None


def _origin_of(referer: str) -> str:
    try:
        parts = urlsplit(referer)
    except ValueError:  # no URL at all
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def is_preflight(request: Request) -> bool:
    """A true CORS preflight (Fetch, CORS-preflight request): OPTIONS with an origin and the method it asks for."""
    if request.method != "OPTIONS":
        return False
    return "Origin" in request.headers and "Access-Control-Request-Method" in request.headers


def shared(request: Request, listed: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The headers that let a listed origin's page read an answer; never a wildcard, never with credentials."""
    origin = request.headers.get("Origin")
    if origin is None:
        return ()
    if origin not in listed:
        return (("Vary", "Origin"),)
    return (
        ("Vary", "Origin"),
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", EXPOSED),
    )


def preflight_answer(app: Flask, request: Request) -> Response:
    """204 with the methods of the matched route; whose page may read it, ``shared`` says."""
    try:
        adapter = app.create_url_adapter(request)
    except SecurityError:  # not one of the host's TRUSTED_HOSTS
        adapter = None
    answer = app.response_class(status=204)
    answer.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(adapter.allowed_methods() if adapter else ()))
    answer.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    answer.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    return answer


def host_answers_preflight(app: Flask, request: Request) -> bool:
    """Whether Flask, or Flask-CORS's decorator, answers OPTIONS here without running the view."""
    view = app.view_functions.get(request.endpoint or "")
    automatic = getattr(request.url_rule, "provide_automatic_options", True)
    return request.url_rule is None or bool(automatic) or "OPTIONS" in getattr(view, "required_methods", ())
