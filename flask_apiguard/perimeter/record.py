"""The one event that is written for whatever happened to a request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from ..admission import NO_LINES, Admission
from ..crypto import Endings
from ..events import line
from ..values import ALLOWED, AccessEvent, Caller, Decision, Phase, keep

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

INBOUND_AT_MOST = 128
#: Digits of a length that no request reaches; beyond them a header lies.
LENGTH_DIGITS = 19


class Shared(NamedTuple):
    """What the calls to one route that are answered alike share in their lines, each part as JSON."""

    place: str
    outcome: str
    #: The route's pattern: the path too, of a route without converters.
    route: str


#: By what they have alike; and what callers share who are nobody's own.
_alike: dict[tuple[Any, ...], Shared] = {}
_unkept: dict[tuple[Caller, str | None, str | None], str] = {}
SHARED_AT_MOST = 4096
LONGEST_SHARED = 512
_NOBODY = line.who(None, None)


def line_of(environ: WSGIEnvironment, admission: Admission, phase: Phase, status: int, size: int) -> bytes:
    """`event_of` as its line; what is the same at many calls is put together once."""
    shared, known = admission.lines.get(status), admission.caller.kept.line
    if (
        shared is None or known is None or admission.decision is not ALLOWED or admission.outcome
        or "HTTP_TRACEPARENT" in environ or "HTTP_X_REQUEST_ID" in environ
    ):  # fmt: skip
        return _line_of_others(environ, admission, phase, status, size)
    place, outcome, route = shared
    path = environ.get("PATH_INFO", "")
    return line.written(
        place, known, outcome, admission.time, admission.id, phase,
        route if path == admission.route else line.quote(path), (time.perf_counter_ns() - admission.started) // 1000,
        admission.length or _length(environ), size, _NOBODY,
        line.ending(environ.get("HTTP_USER_AGENT", ""), admission.address, admission.peer),
    )  # fmt: skip


def _line_of_others(environ: WSGIEnvironment, admission: Admission, phase: Phase, status: int, size: int) -> bytes:
    """The lines of refusals, of whatever else does not simply pass, and of what passes for the first time."""
    caller, decision = admission.caller, admission.decision
    if decision is None or caller.user is not None:
        return line.encode(event_of(environ, admission, phase, status, size))
    if admission.lines is not NO_LINES and decision is ALLOWED and not admission.outcome:
        shared = admission.lines.get(status)
        if shared is None:
            shared = admission.lines[status] = _shared(environ, admission, status)
    else:
        shared = _shared_by_others(environ, admission, decision, status)
    fingerprint, path = admission.fingerprint, environ.get("PATH_INFO", "")
    return line.written(
        shared.place, caller.kept.line or _caller(environ, admission), shared.outcome, admission.time, admission.id,
        phase, line.quote(path), (time.perf_counter_ns() - admission.started) // 1000, _length(environ), size,
        _NOBODY if fingerprint is None else line.who(fingerprint, None), _ending(environ, admission),
    )  # fmt: skip


def _ending(environ: WSGIEnvironment, admission: Admission) -> str:
    agent, address, peer = environ.get("HTTP_USER_AGENT", ""), admission.address, admission.peer
    trace, inbound = _trace(environ), _inbound_id(environ)
    if trace is None and inbound is None:
        return line.ending(agent, address, peer)
    return line.traced_ending(agent, trace, inbound, None, address, peer)


def _shared_by_others(environ: WSGIEnvironment, admission: Admission, decision: Decision, status: int) -> Shared:
    """What those have in common that do not simply pass."""
    method, need, have = environ["REQUEST_METHOD"], decision.need, decision.have
    alike = (
        admission.route, method, status, decision.reason.code, admission.endpoint, admission.mode, need, have,
        admission.outcome, decision.allowed,
    )  # fmt: skip
    shared = _alike.get(alike)
    if shared is None:
        shared = _shared(environ, admission, status)
        if len(method) + len(need) + len(have) <= LONGEST_SHARED:
            keep(_alike, alike, shared, SHARED_AT_MOST)
    return shared


def _shared(environ: WSGIEnvironment, admission: Admission, status: int) -> Shared:
    event = event_of(environ, admission, Phase.CALL, status, 0)
    return Shared(line.place(event), line.outcome(event), line.quote(admission.route or ""))


def _caller(environ: WSGIEnvironment, admission: Admission) -> str:
    """Who called, as a line says it. Kept with a client's caller; of those who showed nothing, beside."""
    caller = admission.caller
    if caller.client is not None:
        caller.kept.line = text = line.caller(event_of(environ, admission, Phase.CALL, 0, 0))
        return text
    key = (admission.proved or caller, admission.presented, admission.credential)
    found = _unkept.get(key)
    if found is None:
        found = line.caller(event_of(environ, admission, Phase.CALL, 0, 0))
        keep(_unkept, key, found, SHARED_AT_MOST)
    return found


def event_of(environ: WSGIEnvironment, admission: Admission, phase: Phase, status: int, size: int) -> AccessEvent:
    """What is known of a request when its answer is about to leave, or its stream has ended."""
    # Who showed a credential that opens nothing is on record with it, and was never let in as its caller.
    caller, decision = admission.caller or admission.proved or admission.caller, admission.decision
    client = caller.client
    known = client is not None
    return AccessEvent(
        id=admission.id,
        phase=phase,
        time=admission.time,
        method=environ["REQUEST_METHOD"].upper(),  # as Werkzeug reads it, and its routes are told apart
        path=environ.get("PATH_INFO", ""),
        route=admission.route,
        endpoint=admission.endpoint,
        organization=client.organization_id if client is not None else None,
        application=client.application_id if client is not None else None,
        client=client.id if client is not None else None,
        environment=client.environment if client is not None else None,
        credential=caller.credential_id if known else admission.credential,
        credential_kind=caller.credential_kind if known else admission.presented,
        fingerprint=admission.fingerprint,
        user=caller.user.id if caller.user is not None else None,
        first_party=caller.is_first_party,
        mode=admission.mode,
        allowed=decision is not None and decision.allowed,
        reason=decision.reason.code if decision is not None else "",
        need=decision.need if decision is not None else "",
        have=decision.have if decision is not None else "",
        status=status,
        latency=(time.perf_counter_ns() - admission.started) // 1000,
        bytes_in=_length(environ),
        bytes_out=size,
        address=admission.address,
        peer=admission.peer,
        agent=environ.get("HTTP_USER_AGENT", ""),
        trace=_trace(environ),
        inbound_id=_inbound_id(environ),
        outcome=admission.outcome,
    )


def _length(environ: WSGIEnvironment) -> int:
    text = environ.get("CONTENT_LENGTH")
    return int(text) if text and text.isdecimal() and len(text) < LENGTH_DIGITS else 0


def _inbound_id(environ: WSGIEnvironment) -> str | None:
    """What the request was called before it came to us."""
    return environ.get("HTTP_X_REQUEST_ID", "")[:INBOUND_AT_MOST] or None


def _trace(environ: WSGIEnvironment) -> str | None:
    """The trace id of a W3C ``traceparent`` (Trace Context, section 3.2.2.3)."""
    parent = environ.get("HTTP_TRACEPARENT", "")
    if len(parent) >= 55 and parent[2] == "-" and parent[35] == "-":
        trace = parent[3:35]
        return trace if all(character in "0123456789abcdef" for character in trace) else None
    return None


_endings = Endings(20, 10, bytes.hex)
_left = _endings.left


def request_id(now: float) -> str:
    """A fresh id, always ours: ``req_``, 48 bits of milliseconds and 80 random ones in hexadecimal; sorts by time.

    ``now`` is seconds since the epoch.
    """
    try:
        ending = _left.pop()
    except IndexError:
        ending = _endings.take()
    return f"req_{int(now * 1000):012x}{ending}"
