"""The three pages that links in mails lead to. They work by pasting the code; a script fills it from the fragment.

No cookie is read or set: whoever has the code is whom the mail went to, and the answer shows what it opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from flask import Request
from werkzeug.wrappers import Response

from ..errors import APIGuardError, ConfigurationError, Denied, Missing, Problem, decision_of
from ..insisting import UNGUESSED, insist
from ..people import Issued
from ..values import READ_METHODS, Decision, Reason
from .answering import mannered, problem
from .identify import origin_of

if TYPE_CHECKING:
    from ..house import House

BODY_AT_MOST = 8192
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_SCRIPT = b"""'use strict';
(function () {
  var field = document.getElementById('code');
  if (field && location.hash.length > 1) {
    field.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, '', location.pathname);
  }
})();
"""
_STYLE = b"""body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:40rem;padding:2rem 1rem;
color-scheme:light dark}
label{display:block;margin:1rem 0 .25rem}input{box-sizing:border-box;font:inherit;padding:.5rem;width:100%}
button{font:inherit;margin:1.5rem 0;min-height:2.75rem;padding:.5rem 1.25rem}code{overflow-wrap:anywhere}
"""


@dataclass(frozen=True)
class Page:
    """One page: what it says, what its button says, and which fields it has besides the code."""

    title: str
    text: str
    button: str
    fields: tuple[str, ...] = ()


PAGES = {
    "invitation": Page("Accept your invitation", "You were offered a seat.", "Accept", ("name", "password")),
    "prove": Page("Confirm your address", "This finishes your registration.", "Confirm", ("password",)),
    "sign-in": Page("Sign in", "The code signs you in once.", "Sign in"),
}
FILES = ("static/code.js", "static/page.css")
_LABELS = {"name": "Your name", "password": "A password, if you want one"}


def _file(house: House, name: str) -> Response:
    """The script or the style sheet."""
    kind, body = ("text/javascript", _SCRIPT) if name == FILES[0] else ("text/css", _STYLE)
    response = house.app.response_class(body, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return insist(response, UNGUESSED)


def answer(house: House, request: Request, name: str) -> Response:
    """The form, or what its code opened; the two files that it needs; for all else a problem document."""
    if name in FILES and request.method == "GET":
        return _file(house, name)
    page = PAGES.get(name)
    if page is None or request.method not in READ_METHODS | {"POST"}:
        missing = Missing("There is no such page.")
        return problem(house, request, missing if page is None else Denied(Decision(False, Reason.API_METHOD)))
    if request.method != "POST":
        return _html(house, request, page.title, _form(request, page))
    try:
        return _html(house, request, page.title, _opened(house, request, name))
    except Exception as error:  # noqa: BLE001 - the one place where any error becomes a page
        if not isinstance(error, APIGuardError) or isinstance(error, ConfigurationError):
            from .answering import logger

            logger.error("the page %s failed", name, exc_info=error)
        decision = decision_of(error)
        detail = decision.detail if isinstance(error, Problem) else ""
        flaws = "".join(f"<p>{escape(flaw.detail)}</p>" for flaw in decision.flaws)
        told = f"<p role=alert>{escape(detail or decision.reason.title)}</p>{flaws}"
        response = _html(house, request, page.title, told + _form(request, page), decision.reason.status)
        if decision.retry_after is not None:
            response.headers["Retry-After"] = str(decision.retry_after)
        return response


def _opened(house: House, request: Request, name: str) -> str:
    request.max_content_length = BODY_AT_MOST
    origin, form = origin_of(request), request.form
    code, password = form.get("code", "").strip(), form.get("password") or None
    if name == "prove":
        return _session(house.people.prove(code, password, origin=origin))
    if name == "sign-in":
        return _session(house.people.sign_in_by_link(code, origin=origin))
    return _session(house.people.accept(code, form.get("name", ""), password, origin=origin))


def _session(issued: Issued) -> str:
    return (
        f"<p>You are in, {escape(issued.person.title)}.</p>"
        "<p>This session's token is shown once. Send it as <code>Authorization: Bearer …</code>; it ends on "
        f"<time datetime='{issued.expires_at.isoformat()}'>{issued.expires_at:%Y-%m-%d %H:%M} UTC</time>.</p>"
        f"<p><code>{escape(issued.secret)}</code></p>"
    )


def _form(request: Request, page: Page) -> str:
    more = "".join(
        f"<label for={name}>{_LABELS[name]}</label>"
        f"<input id={name} name={name} maxlength=200 type={'password' if name == 'password' else 'text'}"
        f" autocomplete={'new-password' if name == 'password' else 'name'}>"
        for name in page.fields
    )
    return (
        f"<p>{escape(page.text)}</p><form method=post action='{escape(request.script_root + request.path)}'>"
        "<label for=code>The code of the mail</label>"
        f"<input id=code name=code required maxlength=200 autocomplete=off spellcheck=false>{more}"
        f"<button>{escape(page.button)}</button></form>"
    )


def _html(house: House, request: Request, title: str, body: str, status: int = 200) -> Response:
    static = escape(request.script_root + "/apiguard/static")
    text = (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><link rel=stylesheet href='{static}/page.css'>"
        f"<script src='{static}/code.js' defer></script></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    response = house.app.response_class(text, status=status, content_type="text/html; charset=utf-8")
    return mannered(request, response, (("Content-Security-Policy", CSP),))
