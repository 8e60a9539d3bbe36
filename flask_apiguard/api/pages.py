"""The three pages that links in mails lead to. They work by pasting the code; a script fills it from the fragment.

No cookie is read or set: whoever has the code is whom the mail went to, and the answer shows what it opened.
"""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from flask import Request
from werkzeug.wrappers import Response

from ..errors import APIGuardError, ConfigurationError, Denied, Missing, Problem, decision_of
from ..people import Issued
from ..styles import file_of, style
from ..values import READ_METHODS, Decision, Reason
from . import framing
from .answering import mannered, problem
from .identify import origin_of

if TYPE_CHECKING:
    from ..house import House

BODY_AT_MOST = 8192


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
#: Label, type and autocompletion of each field.
_FIELDS = {
    "name": ("Your name", "text", "name"),
    "password": ("A password, if you want one", "password", "new-password"),
}
_SCRIPT = importlib.resources.files(__package__).joinpath(framing.SCRIPT).read_bytes()


def _file(name: str) -> Response | None:
    """The style sheet or the script, if that is meant."""
    if name == f"static/{framing.SHEET}":
        return style()
    if name == f"static/{framing.SCRIPT}":
        return file_of(_SCRIPT, "text/javascript")
    return None


def answer(house: House, request: Request, name: str) -> Response:
    """The form, or what its code opened; the two files that it needs; for all else a problem document."""
    file = _file(name) if request.method in READ_METHODS else None
    if file is not None:
        return file
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
        flaws = "".join(f"<br>{escape(flaw.detail)}" for flaw in decision.flaws)
        told = f'<p class="wrong" role="alert">{escape(detail or decision.reason.title)}{flaws}</p>'
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
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" class="line" maxlength="200" type="{kind}" autocomplete="{completion}">'
        for name in page.fields
        for label, kind, completion in (_FIELDS[name],)
    )
    return (
        f'<p>{escape(page.text)}</p><form method="post" action="{escape(request.script_root + request.path)}"'
        ' class="stacked"><label for="code">The code of the mail</label>'
        '<input id="code" name="code" class="line" required maxlength="200" autocomplete="off" spellcheck="false">'
        f"{more}<button>{escape(page.button)}</button></form>"
    )


def _html(house: House, request: Request, title: str, body: str, status: int = 200) -> Response:
    text = framing.framed(request, title, body, script=True)
    response = house.app.response_class(text, status=status, content_type="text/html; charset=utf-8")
    return mannered(request, response, framing.FILLED_IN)
