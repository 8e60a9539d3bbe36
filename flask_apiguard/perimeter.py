"""The WSGI middleware: what must hold before Flask looks, and the record after it answered.

Outside the guarded paths nothing is refused, dropped, bounded or recorded; a decorated view there asks for its own
record through its admission.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from .admission import ADMISSION, Admission
from .clock import Clock
from .errors import REQUEST_ID, StoreAway, decision_of, respond
from .events import Recorder
from .rules import Book
from .rules.book import canonical
from .values import AccessEvent, Decision, Phase, Reason

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: In a decoded path: what another reader of the same path could take differently; also what is still encoded.
_AMBIGUOUS = re.compile(r"//|[\\;\x00]|/\.{1,2}(?:/|$)|%[0-9a-f]{2}", re.IGNORECASE)
#: In the path as it was sent: separators and dots that came encoded, and characters that no URI has.
_AMBIGUOUS_RAW = re.compile(rb"//|[\\;\x00#]|/\.{1,2}(?:/|$)|%(?:2[ef]|5c|00|3b|25[0-9a-f]{2}|c0|c1)", re.IGNORECASE)
#: Says who somebody is, when a trusted proxy says it. From anybody else it is dropped before Flask sees it.
FORGEABLE = (
    "HTTP_CLIENT_CERT", "HTTP_CLIENT_CERT_CHAIN", "HTTP_X_APIGUARD_CLIENT", "HTTP_X_APIGUARD_SCOPES",
    "HTTP_X_APIGUARD_USER", "HTTP_X_AUTHENTICATED_SCOPE", "HTTP_X_AUTHENTICATED_USERID", "HTTP_X_CONSUMER_CUSTOM_ID",
    "HTTP_X_CONSUMER_GROUPS", "HTTP_X_CONSUMER_ID", "HTTP_X_CONSUMER_USERNAME", "HTTP_X_CREDENTIAL_IDENTIFIER",
    "HTTP_X_FORWARDED_CLIENT_CERT", "HTTP_X_SSL_CERT", "HTTP_X_SSL_CLIENT_CERT", "HTTP_X_SSL_CLIENT_FINGERPRINT",
    "HTTP_X_SSL_CLIENT_S_DN", "HTTP_X_SSL_CLIENT_VERIFY",
)  # fmt: skip
PROXY_FIX = "werkzeug.proxy_fix.orig"
INBOUND_AT_MOST = 128
NO_BODY = ("1", "204", "304")

StillAdmitted = Callable[[Admission], bool]
#: Called before the first request: builds what is behind, and says at start what is wrong.
Start = Callable[[], tuple[Recorder, StillAdmitted]]


class Perimeter:
    """Wraps ``app.wsgi_app``; what it records with, and whom it asks about open streams, comes from ``start``."""

    def __init__(
        self, app: WSGIApplication, book: Book, clock: Clock, trusted: Callable[[str], bool], start: Start
    ) -> None:
        self._app = app
        self._book = book
        self._clock = clock
        self._trusted = trusted
        self._start: Start | None = start
        #: Set by tests that were written before the guard came: what is ambiguous is then Flask's to answer.
        self.lenient = False
        self._recorder: Recorder
        self._still: StillAdmitted

    @property
    def inner(self) -> WSGIApplication:
        """What stands behind, for whoever prints the chain of middleware."""
        return self._app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start = self._start
        if start is not None:  # held: another thread may have got here first
            self._recorder, self._still = start()
            self._start = None
        path = environ.get("PATH_INFO") or "/"
        inside, ambiguous = self._locate(path, environ)
        admission = Admission(request_id(), inside, self._clock.time(), time.perf_counter_ns(), peer_of(environ))
        environ[ADMISSION] = admission
        environ[REQUEST_ID] = admission.id
        if not inside:
            return self._run(environ, start_response, admission)
        if ambiguous and not self.lenient:
            admission.decision = Decision(False, Reason.PATH_AMBIGUOUS)
            return self._answer(respond(admission.decision, environ), environ, start_response, admission)
        if not self._trusted(admission.peer):
            for name in FORGEABLE:
                if name in environ:
                    del environ[name]
        return self._run(environ, start_response, admission)

    def _locate(self, path: str, environ: WSGIEnvironment) -> tuple[bool, bool]:
        """Whether the path lies inside, and whether it could be read in another way."""
        raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
        ambiguous = _AMBIGUOUS.search(path) is not None
        if raw and not ambiguous:
            target = raw.encode("latin-1", "replace").partition(b"?")[0]
            ambiguous = _AMBIGUOUS_RAW.search(target.partition(b"://")[2] if b"://" in target else target) is not None
        if not ambiguous:
            return self._book.inside(path), False
        readings = {canonical(path), canonical(path.partition(";")[0]), "/" + path.lstrip("/")}
        return any(self._book.inside(reading) for reading in readings), True

    def _run(self, environ: WSGIEnvironment, start_response: StartResponse, admission: Admission) -> Iterable[bytes]:
        """Call the app and hold its answer back until it is on record."""
        began: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            # The server hears of it once: when the answer is on record, or when it is known that none is wanted.
            began[:] = (status, headers, exc_info)
            return began.append  # what an old middleware writes at once stands behind the three

        try:
            body = self._app(environ, begin)
        except BaseException:
            if admission.recorded:
                admission.outcome = admission.outcome or "raised"
                with suppress(StoreAway):  # the host's exception passes untouched, and opens nothing
                    self._record(environ, admission, Phase.CALL, 500, 0)
            raise
        if not admission.recorded:
            body = _begun(body, began)
            _start(start_response, began)
            return body
        body = _begun(body, began)
        return self._release(body, began, environ, start_response, admission)

    def _release(
        self, body: Iterable[bytes], began: list[Any], environ: WSGIEnvironment, start_response: StartResponse,
        admission: Admission,
    ) -> Iterable[bytes]:  # fmt: skip
        """Record, then let the answer go. A stream is opened on record now, and closed under the same id."""
        status, headers = began[:2]
        length = _length(headers)
        known = length is not None or status.startswith(NO_BODY) or environ["REQUEST_METHOD"] == "HEAD"
        try:
            self._record(environ, admission, Phase.CALL if known else Phase.OPENED, int(status[:3]), length or 0)
        except StoreAway as error:
            _close(body)
            admission.decision = decision_of(error)
            answer = respond(admission.decision, environ)
            answer.headers["X-Request-Id"] = admission.id
            return answer(environ, start_response)
        _add_headers(headers, admission)
        _start(start_response, began)
        if known or isinstance(body, environ.get("wsgi.file_wrapper", _Never)):
            return body
        return _Stream(
            body, lambda size, how: self._closed(environ, admission, int(status[:3]), size, how), self._still, admission
        )

    def _closed(self, environ: WSGIEnvironment, admission: Admission, status: int, size: int, how: str) -> None:
        admission.outcome = how
        self._record(environ, admission, Phase.CLOSED, status, size)

    def _answer(
        self, answer: Response, environ: WSGIEnvironment, start_response: StartResponse, admission: Admission
    ) -> Iterable[bytes]:
        began: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            began[:] = (status, headers, exc_info)
            return began.append

        body = answer(environ, begin)
        return self._release(body, began, environ, start_response, admission)

    def _record(self, environ: WSGIEnvironment, admission: Admission, phase: Phase, status: int, size: int) -> None:
        caller, decision = admission.caller, admission.decision
        client = caller.client
        event = AccessEvent(
            admission.id, phase, admission.time, environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""),
            admission.route, admission.endpoint,
        )  # fmt: skip
        if client is not None:
            event.organization = client.organization_id
            event.application = client.application_id
            event.client = client.id
            event.environment = client.environment.value
            event.credential = caller.credential_id
            event.credential_kind = caller.credential_kind
        else:
            event.credential_kind = admission.presented
        event.fingerprint = admission.fingerprint
        if caller.user is not None:
            event.user = caller.user.id
        event.first_party = caller.is_first_party
        event.mode = admission.mode
        if decision is not None:
            event.allowed = decision.allowed
            event.reason = str(decision.reason.value)
            event.need, event.have = decision.need, decision.have
        event.status = status
        event.latency = (time.perf_counter_ns() - admission.started) // 1000
        length = environ.get("CONTENT_LENGTH") or ""
        event.bytes_in = int(length) if length.isdecimal() and len(length) < 19 else 0
        event.bytes_out = size
        event.address, event.peer = admission.address, admission.peer
        event.agent = environ.get("HTTP_USER_AGENT", "")
        event.trace = _trace(environ.get("HTTP_TRACEPARENT"))
        event.inbound_id = environ.get("HTTP_X_REQUEST_ID", "")[:INBOUND_AT_MOST] or None
        event.outcome = admission.outcome
        self._recorder.record(event)


class _Stream:
    """The body of a stream. Between chunks it asks whether its caller may go on; at the end it says how it ended."""

    def __init__(
        self, body: Iterable[bytes], closed: Callable[[int, str], None], still: StillAdmitted, admission: Admission
    ) -> None:
        self._body = body
        self._chunks = iter(body)
        self._on_close: Callable[[int, str], None] | None = closed
        self._still = still
        self._admission = admission
        self._size = 0
        self._how = "left"

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> bytes:
        if not self._still(self._admission):
            self._how = "ended by revocation"
            raise StopIteration
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._how = "complete"
            raise
        except BaseException:
            self._how = "raised"
            raise
        self._size += len(chunk)
        return chunk

    def close(self) -> None:
        try:
            _close(self._body)
        finally:
            if self._on_close is not None:
                on_close, self._on_close = self._on_close, None
                on_close(self._size, self._how)


class _Never:
    """Stands in for a server's file wrapper where there is none."""


def _begun(body: Iterable[bytes], began: list[Any]) -> Iterable[bytes]:
    """The body of a response that has begun, with what was written rather than returned before it.

    An inner middleware that is a generator begins its response only with the first chunk: that chunk is fetched.
    """
    if len(began) == 3:
        return body
    chunks = iter(body)
    first = [] if began else [next(chunks, b"")]
    return ClosingIterator(chain(began[3:], first, chunks), lambda: _close(body))


def _start(start_response: StartResponse, began: list[Any]) -> None:
    if began[2]:
        start_response(*began[:3])
    else:
        start_response(*began[:2])


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _length(headers: list[tuple[str, str]]) -> int | None:
    for name, value in headers:
        if name.lower() == "content-length":
            return int(value) if value.isdecimal() else None
    return None


def _add_headers(headers: list[tuple[str, str]], admission: Admission) -> None:
    """What the gate says beside the answer: rate limits, a retiring credential, the request's id."""
    present = {name.lower() for name, _ in headers}
    if "x-request-id" not in present:
        headers.append(("X-Request-Id", admission.id))
    if admission.headers:
        headers.extend(pair for pair in admission.headers if pair[0].lower() not in present or pair[0] == "Vary")


def _trace(parent: str | None) -> str | None:
    """The trace id of a W3C ``traceparent`` (Trace Context, section 3.2.2.3)."""
    if parent and len(parent) >= 55 and parent[2] == "-" and parent[35] == "-":
        trace = parent[3:35]
        return trace if all(character in "0123456789abcdef" for character in trace) else None
    return None


def request_id() -> str:
    """A fresh id, always ours: a UUIDv7 (RFC 9562, section 5.7) in hexadecimal behind ``req_``."""
    return f"req_{time.time_ns() // 1_000_000 << 80 | 7 << 76 | secrets.randbits(76):032x}"


def peer_of(environ: WSGIEnvironment) -> str:
    """Who is really at the other end of the connection, whatever ProxyFix made of ``REMOTE_ADDR``."""
    original = environ.get(PROXY_FIX)
    if original is not None:
        return str(original.get("REMOTE_ADDR") or "")
    return str(environ.get("REMOTE_ADDR") or "")
