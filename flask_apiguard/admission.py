"""What the gate knows about the request at hand, and the way to it from anywhere inside that request.

It lives in the WSGI environ and names the request it belongs to. Never in ``flask.g``: an application context that
the host's tests or workers hold open is shared by several requests, and admission would leak from one to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from flask import request
from werkzeug.local import LocalProxy

from .values import ANONYMOUS, Caller, Decision

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ADMISSION = "flask_apiguard.admission"


class Admission:
    """One request on its way. The perimeter makes it, the gate fills it, the record is written from it.

    ``request`` is the Flask request that was admitted; ``rule`` the compiled rule (a ``rules.Rule``); ``values``
    what ``accepts`` validated, by the ``into`` name; ``refused`` a refusal raised inside the view that must be the
    answer even when a library in between swallowed it.
    """

    __slots__ = (
        "address",
        "admitted",
        "caller",
        "decision",
        "endpoint",
        "fingerprint",
        "headers",
        "id",
        "inside",
        "mode",
        "outcome",
        "peer",
        "presented",
        "proved",
        "recorded",
        "refused",
        "request",
        "route",
        "rule",
        "started",
        "time",
        "values",
    )

    def __init__(self, id: str, inside: bool, time: float, started: int, peer: str) -> None:
        self.id = id
        self.inside = inside
        self.time = time
        self.started = started
        self.peer = peer
        self.address = peer
        self.request: Any = None
        self.rule: Any = None
        self.route: str | None = None
        self.endpoint: str | None = None
        self.caller: Caller = ANONYMOUS
        self.decision: Decision | None = None
        self.admitted = False
        self.mode = "enforce"
        self.values: Mapping[str, Any] | None = None
        self.refused: Decision | None = None
        self.fingerprint: str | None = None
        self.presented: str | None = None
        self.proved: Caller | None = None
        self.recorded = inside
        self.outcome = ""
        self.headers: tuple[tuple[str, str], ...] = ()


def admission_in(environ: WSGIEnvironment) -> Admission | None:
    """The admission that stands in an environ, whoever's it is."""
    found: Admission | None = environ.get(ADMISSION)
    return found


def current_admission() -> Admission | None:
    """The admission of the very request at hand; None outside a request and for an environ copied from another."""
    try:
        here = request._get_current_object()  # type: ignore[attr-defined]
    except RuntimeError:  # outside a request
        return None
    found: Admission | None = here.environ.get(ADMISSION)
    return found if found is not None and found.request is here else None


def _find_caller() -> Caller:
    found = current_admission()
    return found.caller if found is not None else ANONYMOUS


#: Who is calling: a :class:`~flask_apiguard.values.Caller`. Falsy when nobody proved anything or outside a request.
current_caller: Caller = cast(Caller, LocalProxy(_find_caller))
