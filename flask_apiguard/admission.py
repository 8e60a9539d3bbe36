"""What the gate knows about the request at hand, and the way to it from anywhere inside that request.

The perimeter puts it into the WSGI environ, and the gate gives it to the very request that it admits: an environ can
be copied from another request. Never in ``flask.g``: an application context that the host's tests or workers hold open
is shared by several requests, and admission would leak from one to the next. It does not know its request: that would
be a cycle, and environ, request and body would stay in memory until the collector comes by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from flask import Request, request
from werkzeug.local import LocalProxy

from .values import ANONYMOUS, Caller, Decision, Mode

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ADMISSION = "flask_apiguard.admission"
#: The attribute of a request that holds its admission.
_HELD = "_flask_apiguard_admission"
#: For routes whose calls share no parts of their lines; stays empty.
NO_LINES: dict[int, Any] = {}
#: The request at hand itself.
_here: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]


class Admission:
    """One request on its way. The perimeter makes it, the gate fills it, the record is written from it.

    ``taken`` says that some request has it already; ``rule`` is the compiled rule (a ``rules.Rule``); ``values``
    what ``accepts`` validated, by the ``into`` name; ``refused`` a refusal raised inside the view that must be the
    answer even when a library in between swallowed it.
    """

    # What most requests leave as it is stands here: each is made anew for every call.
    taken = False
    rule: Any = None
    #: The parts of its line that calls to its route share which pass, by status.
    lines: dict[int, Any] = NO_LINES
    route: str | None = None
    endpoint: str | None = None
    caller: Caller = ANONYMOUS
    decision: Decision | None = None
    admitted = False
    #: Whether what would be refused passes.
    observed = False
    values: Mapping[str, Any] | None = None
    refused: Decision | None = None
    fingerprint: str | None = None
    presented: str | None = None
    #: The id of what was presented where nobody is its caller: our own API judges no client by what it asks there.
    credential: str | None = None
    proved: Caller | None = None
    #: Bytes that the body says it has; None where it does not say, or nobody asked.
    length: int | None = None
    outcome = ""
    headers: tuple[tuple[str, str], ...] = ()
    #: Headers that an answer of our own has whatever the host's hooks make of it; None where all of them are the host's
    #: to say. Of who may read it from another origin (CORS) they are all that it says, unless its rule leaves it to the
    #: host.
    last_word: tuple[tuple[str, str], ...] | None = None

    def __init__(self, id: str, inside: bool, time: float, started: int, peer: str) -> None:
        self.id = id
        self.inside = self.recorded = inside
        self.time = time
        self.started = started
        self.peer = self.address = peer

    @property
    def mode(self) -> Mode:
        """How what is decided of this request counts, as it is recorded."""
        return Mode.OBSERVE if self.observed else Mode.ENFORCE


def admission_in(environ: WSGIEnvironment) -> Admission | None:
    """The admission that stands in an environ, whoever's it is."""
    found: Admission | None = environ.get(ADMISSION)
    return found


def give(request: Request) -> Admission | None:
    """Give a request the admission that stands in its environ, unless another request has that already."""
    found: Admission | None = request.environ.get(ADMISSION)
    own = request.__dict__
    if found is not None:
        if found.taken and own.get(_HELD) is not found:
            return None
        found.taken = True
        own[_HELD] = found
    return found


def current_admission() -> Admission | None:
    """The admission of the very request at hand; None outside a request and for an environ copied from another."""
    try:
        found: Admission | None = _here().__dict__.get(_HELD)
    except RuntimeError:  # outside a request
        return None
    return found


def _find_caller() -> Caller:
    found = current_admission()
    return found.caller if found is not None else ANONYMOUS


#: Who is calling: a :class:`~flask_apiguard.values.Caller`. Falsy when nobody proved anything or outside a request.
current_caller: Caller = cast(Caller, LocalProxy(_find_caller))
