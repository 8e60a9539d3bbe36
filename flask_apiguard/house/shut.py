"""The gate of a house whose rules are wrong: it lets nobody in, and stands in nobody's way outside."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Flask, Request
from flask import request as current_request
from werkzeug.routing import Rule as UrlRule
from werkzeug.wrappers import Response

from ..admission import Admission, admission_in, give
from ..errors import ConfigurationError, Denied, respond
from ..events import Recorder
from ..gate import Gate
from ..rules import Book
from ..rules.book import drafts_of, is_own
from ..values import Decision, Reason

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("flask_apiguard")
REFUSED = Decision(False, Reason.GATE_FAULT)


class Unrecorded(Recorder):
    """Stands where no recorder could be built: nothing gets in, so nothing has to be on record."""

    def __init__(self) -> None:
        """Nothing to spool to."""

    def write(self, line: bytes) -> None:
        """Drop it."""


class ShutGate(Gate):
    """Answers 500 to what is inside the paths or has a rule, and raises what is wrong while debugging and in tests.

    Our own endpoints stay open as far as ``real``, the gate whose rules did not compile, was built.
    """

    def __init__(self, app: Flask, book: Book, wrong: Exception, real: Gate | None) -> None:
        self._app = app
        self._book = book
        self._wrong = wrong
        self._real = real
        if real is not None:
            self.way = real.way
        # What we say ourselves names its fix; where anything else came from, only its traceback tells.
        said = isinstance(wrong, ConfigurationError)
        told = wrong if said else f"{type(wrong).__name__}: {wrong}"
        logger.critical(
            "Nothing that is guarded is served until this is mended: %s", told, exc_info=None if said else wrong
        )

    def admit(self) -> Response | None:
        """Leave what is the host's own business alone; refuse the rest."""
        request: Request = current_request._get_current_object()  # type: ignore[attr-defined]
        admission, url_rule = admission_in(request.environ), request.url_rule
        if self._real is not None and url_rule is not None and self._is_own(url_rule, request.method):
            return self._real.admit()
        inside = admission.inside if admission is not None else self._book.inside(request.path)
        if not inside and (url_rule is None or not self._is_ruled(url_rule, request.method)):
            return None
        if self._app.debug or self._app.testing:
            raise self._wrong
        if admission is not None:
            give(request)
            admission.recorded, admission.decision = True, REFUSED
            admission.address = request.remote_addr or admission.peer
        return respond(REFUSED, request.environ, self._app.response_class)

    def release(self, value: Any) -> Any:
        """What our own endpoints and the host's own pages answer."""
        return value

    def after_error(self, error: Exception) -> NoReturn:
        """:raises Exception: the host's own, untouched."""
        raise error

    def authorize(self, scope: str, obj: Any = None) -> NoReturn:
        """:raises Denied: nobody may anything yet."""
        raise Denied(REFUSED)

    def still(self, environ: WSGIEnvironment, admission: Admission) -> bool:
        """Nothing was let in whose stream could go on."""
        return False

    def compile_all(self) -> NoReturn:
        """:raises Exception: what is wrong, again."""
        raise self._wrong

    def _is_own(self, url_rule: UrlRule, method: str) -> bool:
        try:
            rule = self._book.find(self._app, url_rule, method)
        except ConfigurationError:
            return False
        return rule is not None and is_own(rule)

    def _is_ruled(self, url_rule: UrlRule, method: str) -> bool:
        """Whether anything was said about a route, even what can't hold or stands at the wrong place."""
        try:
            ruled = self._book.find(self._app, url_rule, method) is not None
        except ConfigurationError:
            return True
        return ruled or any(drafts_of(self._app, url_rule, method))
