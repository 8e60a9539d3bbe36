"""The WSGI middleware: what must hold before Flask looks, and the record after it answered.

Outside the guarded paths nothing is refused, dropped, bounded or recorded; a decorated view there asks for its own
record through its admission.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from ..admission import ADMISSION, Admission
from ..clock import Clock
from ..errors import REQUEST_ID, StoreAway, decision_of, respond
from ..events import Recorder
from ..rules import Book, Rule
from ..rules.book import is_own
from ..values import Decision, Phase, Reason
from .paths import locate
from .record import line_of, request_id
from .streams import StillAdmitted, Stream, begin_answer, begun, close_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Says who somebody is, when a trusted proxy says it. From anybody else it is dropped before Flask sees it.
FORGEABLE = frozenset({
    "HTTP_CLIENT_CERT", "HTTP_CLIENT_CERT_CHAIN", "HTTP_X_APIGUARD_CLIENT", "HTTP_X_APIGUARD_SCOPES",
    "HTTP_X_APIGUARD_USER", "HTTP_X_AUTHENTICATED_SCOPE", "HTTP_X_AUTHENTICATED_USERID", "HTTP_X_CONSUMER_CUSTOM_ID",
    "HTTP_X_CONSUMER_GROUPS", "HTTP_X_CONSUMER_ID", "HTTP_X_CONSUMER_USERNAME", "HTTP_X_CREDENTIAL_IDENTIFIER",
    "HTTP_X_FORWARDED_CLIENT_CERT", "HTTP_X_SSL_CERT", "HTTP_X_SSL_CLIENT_CERT", "HTTP_X_SSL_CLIENT_FINGERPRINT",
    "HTTP_X_SSL_CLIENT_S_DN", "HTTP_X_SSL_CLIENT_VERIFY",
})  # fmt: skip
#: Where ProxyFix keeps what it wrote over; there stands who is really at the other end of the connection.
PROXY_FIX = "werkzeug.proxy_fix.orig"
#: So begin headers that say which pages of other origins may read an answer (Fetch, section 3.3.3), in lower case.
SHARING = "access-control-"
NO_BODY = ("1", "204", "304")

CALL = Phase.CALL

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
        inside, ambiguous = locate(self._book, path, environ)
        now, peer = self._clock.time(), environ.get(PROXY_FIX, environ).get("REMOTE_ADDR") or ""
        admission = environ[ADMISSION] = Admission(request_id(now), inside, now, time.perf_counter_ns(), peer)
        environ[REQUEST_ID] = admission.id
        if not inside:
            return self._run(environ, start_response, admission)
        if ambiguous and not self.lenient:
            admission.decision = Decision(False, Reason.PATH_AMBIGUOUS)
            return self._answer(respond(admission.decision, environ), environ, start_response, admission)
        if not environ.keys().isdisjoint(FORGEABLE) and not self._trusted(admission.peer):
            for name in FORGEABLE:
                environ.pop(name, None)
        return self._run(environ, start_response, admission)

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
        if len(began) != 3:
            body = begun(body, began)
        # Of two requests in this very environ the second one's answer leaves; one in a copy of it changes nothing here.
        answered = environ.get(ADMISSION) or admission
        headers, word = began[1], answered.last_word
        if not admission.recorded:
            if word is not None:
                have_last(headers, word, answered.rule)
            if admission.rule is not None:
                _add_headers(headers, _present(headers), admission)
            begin_answer(start_response, began)
            return body
        is_usual = (
            (len(headers) == 2 if word is None else len(headers) > 1 and headers[2:] == [*word])
            and headers[0][0] == "Content-Type" and headers[1][0] == "Content-Length" and headers[1][1].isdecimal()
        )  # fmt: skip
        if word is not None and not is_usual:
            have_last(headers, word, answered.rule)
        return self._release(body, began, environ, start_response, admission, is_usual)

    def _release(
        self, body: Iterable[bytes], began: list[Any], environ: WSGIEnvironment, start_response: StartResponse,
        admission: Admission, is_usual: bool,
    ) -> Iterable[bytes]:  # fmt: skip
        """Record, then let the answer go. A stream is opened on record now, and closed under the same id.

        ``is_usual``: in the headers stand type and length, in this order, and nothing else that is not ours.
        """
        status, headers = began[0], began[1]
        present = None
        if is_usual:
            phase, size = CALL, int(headers[1][1])
        else:
            present = _present(headers)
            phase, size = _measured(environ, status, present)
        try:
            self._recorder.write(line_of(environ, admission, phase, int(status[:3]), size))
        except StoreAway as error:
            if not _is_open(admission):  # what everybody may see is counted as lost, and answered
                close_body(body)
                admission.decision = decision_of(error)
                answer = respond(admission.decision, environ)
                answer.headers["X-Request-Id"] = admission.id
                return answer(environ, start_response)
        if present is None:
            headers += (("X-Request-Id", admission.id), *admission.headers)
        else:
            _add_headers(headers, present, admission)
        if began[2]:
            begin_answer(start_response, began)
        else:
            start_response(status, headers)
        return body if phase is CALL else self._streamed(body, environ, admission, int(status[:3]))

    def _streamed(
        self, body: Iterable[bytes], environ: WSGIEnvironment, admission: Admission, status: int
    ) -> Iterable[bytes]:
        if not isinstance(body, environ.get("wsgi.file_wrapper", _Never)):  # that one the server sends in its own way
            body = Stream(
                body,
                lambda size, how: self._closed(environ, admission, status, size, how),
                lambda: self._still(environ, admission),
            )
        return body

    def _closed(self, environ: WSGIEnvironment, admission: Admission, status: int, size: int, how: str) -> None:
        admission.outcome = how
        with suppress(StoreAway):  # counted as lost: the answer has left, there is nobody to refuse
            self._record(environ, admission, Phase.CLOSED, status, size)

    def _answer(
        self, answer: Response, environ: WSGIEnvironment, start_response: StartResponse, admission: Admission
    ) -> Iterable[bytes]:
        began: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            began[:] = (status, headers, exc_info)
            return began.append

        body = answer(environ, begin)
        return self._release(body, began, environ, start_response, admission, False)

    def _record(self, environ: WSGIEnvironment, admission: Admission, phase: Phase, status: int, size: int) -> None:
        self._recorder.write(line_of(environ, admission, phase, status, size))


def _is_open(admission: Admission) -> bool:
    """Whether a route of the host's is open to everybody; our own pages prove their callers themselves."""
    rule = admission.rule
    return rule is not None and rule.public is not None and not is_own(rule)


def _measured(environ: WSGIEnvironment, status: str, present: dict[str, str]) -> tuple[Phase, int]:
    """Whether all of an answer is known already, and how many bytes it says to have."""
    size = present.get("content-length", "")
    if size.isdecimal():
        return Phase.CALL, int(size)
    return Phase.CALL if status.startswith(NO_BODY) or environ["REQUEST_METHOD"] == "HEAD" else Phase.OPENED, 0


class _Never:
    """Stands in for a server's file wrapper where there is none."""


def have_last(headers: list[tuple[str, str]], word: tuple[tuple[str, str], ...], rule: Rule | None) -> None:
    """Have an answer of ours say this, and nothing that the host said of the same, nor of CORS unless it may."""
    ours = {name.lower() for name, _ in word}
    begins = () if rule is not None and rule.shared else SHARING
    headers[:] = [pair for pair in headers if not _says(pair[0].lower(), ours, begins)]
    headers.extend(word)


def _says(name: str, ours: Container[str], begins: str | tuple[str, ...]) -> bool:
    return name in ours or name.startswith(begins)


def _present(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _add_headers(headers: list[tuple[str, str]], present: dict[str, str], admission: Admission) -> None:
    """What the gate says beside the answer: rate limits, a retiring credential, the request's id."""
    if "x-request-id" not in present:
        headers.append(("X-Request-Id", admission.id))
    if admission.headers:
        headers += [pair for pair in admission.headers if pair[0].lower() not in present or pair[0] == "Vary"]
