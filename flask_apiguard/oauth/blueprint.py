"""The endpoints as Flask routes.

Every method is taken in and answered here, so that a wrong one gets its 405 and ``Allow`` whatever guards the paths.
Pages of other origins may read metadata and use token and revocation endpoint, always without cookies; nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask, Request, request
from werkzeug.wrappers import Response

from ..insisting import Headers, insist
from ..rules import Book
from ..schemas import encoder
from ..styles import style
from ..values import READ_METHODS, Decision, Reason
from .connections import Connections
from .device_pages import DevicePage
from .engine import Answer
from .mounting import attach_mounting
from .pages import Pages
from .places import Places
from .server import Server
from .signing_in import SignIn, SignOut
from .visitors import Visitors

ENDPOINTS, METADATA = "apiguard_oauth", "apiguard_oauth_metadata"
METHODS = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]
CACHED = (("Cache-Control", "public, max-age=300"),)
#: RFC 6749, section 5.1.
UNCACHED = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
ALLOWED_HEADERS = "Authorization, Content-Type, DPoP"
EXPOSED_HEADERS = "DPoP-Nonce, Retry-After, WWW-Authenticate, X-Request-Id"
PREFLIGHT_SECONDS = "600"
SHARED = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", EXPOSED_HEADERS))
JSON = "application/json"
_encode = encoder()


def mount(
    app: Flask, book: Book, places: Places, server: Callable[[], Server], visitors: Visitors, sign_in: str | None
) -> None:
    """Register the endpoints, recorded, and the metadata, not recorded. ``server`` is asked for at each request."""
    endpoints = Blueprint(ENDPOINTS, __name__, template_folder="templates")
    metadata = Blueprint(METADATA, __name__)
    _add_machines(endpoints, app, places, server)
    _add_pages(endpoints, places, Pages(app, server, visitors, sign_in))
    _add_documents(metadata, app, places, server)
    book.own(ENDPOINTS, recorded=True, shared=False)
    book.own(METADATA, shared=False)
    app.register_blueprint(endpoints)
    app.register_blueprint(metadata)
    attach_mounting(app, places)


def _add(blueprint: Blueprint, rule: str, name: str, view: Callable[[], Response]) -> None:
    blueprint.add_url_rule(rule, name, view, methods=METHODS, provide_automatic_options=False)


def _add_machines(endpoints: Blueprint, app: Flask, places: Places, server: Callable[[], Server]) -> None:
    """What clients post to; the first two are for pages of any origin as well."""
    acts: tuple[tuple[str, Callable[[Request], Answer], bool], ...] = (
        ("token", lambda asked: server().token(asked), True),
        ("revoke", lambda asked: server().revoke(asked), True),
        ("introspect", lambda asked: server().introspect(asked), False),
        ("par", lambda asked: server().push(asked), False),
        ("device_authorization", lambda asked: server().authorize_device(asked), False),
    )
    for name, act, shared in acts:
        _add(endpoints, places.rule(name), name, _posted(app, act, shared=shared))


def _add_pages(endpoints: Blueprint, places: Places, pages: Pages) -> None:
    """What users see."""
    sign_in = SignIn(pages)
    pages.ask_to_sign_in = sign_in.ask
    _add(endpoints, places.rule("device"), "device", DevicePage(pages).view)
    _add(endpoints, places.rule("authorize"), "authorize", pages.authorize)
    _add(endpoints, places.rule("consent"), "consent", pages.consent)
    _add(endpoints, places.rule("connections"), "connections", Connections(pages).view)
    _add(endpoints, places.rule("sign-in"), "sign_in", sign_in.view)
    _add(endpoints, places.rule("sign-out"), "sign_out", SignOut(pages).view)


def _add_documents(metadata: Blueprint, app: Flask, places: Places, server: Callable[[], Server]) -> None:
    """What anybody may read."""
    metadata.add_url_rule(places.rule("style.css"), "style", style)
    _add(metadata, places.rule("jwks"), "jwks", _document(app, lambda: server().key_set()))
    for number, rule in enumerate(places.server_rules):
        _add(metadata, rule, f"server_{number}", _document(app, lambda: Answer(200, server().metadata.server())))
    for number, rule in enumerate(places.resource_rules):
        _add(metadata, rule, f"resource_{number}", _document(app, lambda: Answer(200, server().metadata.resource())))


def _posted(app: Flask, act: Callable[[Request], Answer], *, shared: bool) -> Callable[[], Response]:
    """A view for POST alone. An override in a header or parameter is not looked at."""
    allowed = "OPTIONS, POST" if shared else "POST"

    def view() -> Response:
        if shared and request.method == "OPTIONS":
            return _preflight(app, allowed)
        # An answer that nobody keeps says who else may read it only to a page that asks for it (Fetch, section 3.3.2).
        insisted = UNCACHED + SHARED if shared and "HTTP_ORIGIN" in request.environ else UNCACHED
        if request.method != "POST":
            return _wrong_method(app, allowed, insisted)
        return _finished(app, act(request), insisted)

    return view


def _document(app: Flask, act: Callable[[], Answer]) -> Callable[[], Response]:
    """A view for a document that anybody may read."""
    allowed = "GET, HEAD, OPTIONS"

    def view() -> Response:
        if request.method == "OPTIONS":
            return _preflight(app, allowed)
        if request.method not in READ_METHODS:
            return _wrong_method(app, allowed, UNCACHED + SHARED)
        answer = act()
        if answer.status != 200:
            return _finished(app, answer, UNCACHED + SHARED)
        return _finished(app, answer, SHARED, CACHED)

    return view


def _finished(app: Flask, answer: Answer, insisted: Headers, said: Headers = ()) -> Response:
    """The response; what is ``insisted`` on no hook of the host's changes, what is only ``said`` it may."""
    body = b"" if answer.document is None else "".join(_encode(answer.document, 0)).encode()
    response = app.response_class(body, answer.status, content_type=JSON)
    for name, value in answer.headers + said:
        response.headers.add(name, value)
    return insist(response, insisted)


def _wrong_method(app: Flask, allowed: str, insisted: Headers) -> Response:
    Pages.note(None, Decision(False, Reason.METHOD_UNSUPPORTED))
    return _finished(app, Answer(405, None, (("Allow", allowed),)), insisted)


def _preflight(app: Flask, allowed: str) -> Response:
    """Fetch, section 3.3.3. Without ``Access-Control-Allow-Credentials``: cookies never help here."""
    said = (
        ("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Methods", allowed),
        ("Access-Control-Allow-Headers", ALLOWED_HEADERS), ("Access-Control-Max-Age", PREFLIGHT_SECONDS),
        ("Allow", allowed),
    )  # fmt: skip
    return insist(app.response_class(b"", status=204), said)
