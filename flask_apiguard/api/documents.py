"""For everybody: what a reason means, what this API is, and whether it works."""

from __future__ import annotations

from html import escape

from marshmallow import fields

from ..errors import APIGuardError, Missing
from ..values import Reason
from .call import BASE, VERSION, Answer, Call
from .fields import Resource
from .framing import READ, framed
from .table import Table, Who

table = Table("documents")
_BY_SLUG = {reason.slug: reason for reason in Reason}


class ProblemOut(Resource):
    code = fields.String()
    title = fields.String()
    status = fields.Integer()
    action = fields.String()


class HealthOut(Resource):
    live = fields.Boolean()
    ready = fields.Boolean()


class BeginningOut(Resource):
    """Where to begin: ``next`` says it."""

    version = fields.String()
    registration = fields.String(metadata={"description": "open, or invited: people come in by invitation."})


@table.get("/", "Where to begin", who=Who.ANYBODY, out=BeginningOut)
def beginning(call: Call) -> Answer:
    door = call.house.onboarding.door
    follow = [
        call.next("sign-in", "POST", "/people/session", "With address and password; the answer brings a token."),
        call.next("sign-in-link", "POST", "/people/link", "Without a password: a mail brings a link."),
        call.next("describe", "GET", "/openapi.json", "Every path, with what goes in and comes out."),
        call.next("health", "GET", "/health", "Whether this works."),
    ]
    if door == "open":
        follow.insert(0, call.next("register", "POST", "/people", "Make an account; a mail proves its address."))
    return Answer({"version": VERSION, "registration": door}, follow)


@table.get("/problems/<slug>", "What a reason means, and what to do", who=Who.ANYBODY, out=ProblemOut)
def problem(call: Call) -> Answer:
    reason = _BY_SLUG.get(call.path["slug"])
    if reason is None:
        raise Missing
    accepts = call.request.accept_mimetypes
    if accepts.best_match(("application/json", "text/html")) == "text/html":
        body = f"<p>{escape(reason.action)}</p><p>Status {reason.status}, <code>{escape(str(reason))}</code></p>"
        page = framed(call.request, reason.title, body).encode()
        return Answer(raw=page, headers={"Content-Type": "text/html; charset=utf-8"}, insisted=READ)
    return Answer({"code": str(reason), "title": reason.title, "status": reason.status, "action": reason.action})


@table.get("/openapi.json", "This API as OpenAPI 3.1", who=Who.ANYBODY)
def openapi(call: Call) -> Answer:
    from .openapi import text

    return Answer(raw=text(call.request.environ.get("SCRIPT_NAME", "") + BASE))


@table.get("/health", "Whether it lives, and whether it can decide", who=Who.ANYBODY, out=HealthOut)
def health(call: Call) -> Answer:
    try:
        with call.read():
            ready = True
    except APIGuardError:
        ready = False
    return Answer({"live": True, "ready": ready}, status=200 if ready else 503)
