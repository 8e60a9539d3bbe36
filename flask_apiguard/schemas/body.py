"""Reading a request's body once, strictly, and giving the view the same reading.

``Request.json_module`` and ``Request.on_json_loading_failed`` are Werkzeug's documented places for another JSON
reader. Both are set on the one request instead of its class, so the host's other requests, its request class and its
JSON provider stay as they are, and ``get_json(silent=True)``, ``force`` and ``cache`` keep their meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from flask import Request
from flask.json.provider import DefaultJSONProvider, JSONProvider
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from ..errors import FLAWS_AT_MOST, Denied
from ..values import Decision, Flaw, Reason
from .strict import MAX_DEPTH, Malformed, read_json

#: The host's JSON provider, asked for at each request because a host may set it at any time.
Provider = Callable[[], JSONProvider]
_FLASKS_LOADS, _FLASKS_FAILURE = DefaultJSONProvider.loads, Request.on_json_loading_failed


class StrictJSON:
    """Stands as one request's ``json_module``: reads strictly, and reads the same bytes only once.

    A host whose provider reads JSON in its own way (decimals for numbers, say) gets its own reading, of bytes that
    were found to mean one thing only. Where nobody says what the provider is, that is how every view gets it.
    """

    __slots__ = ("_charset", "_data", "_provider", "_value", "module")

    def __init__(self, module: Any, charset: str | None, provider: Provider | None) -> None:
        self.module = module
        self._charset = charset
        self._provider = provider
        self._data: bytes | None = None
        self._value: Any = None

    def strict(self, data: bytes) -> Any:
        """The gate's reading.

        :raises Malformed: see :func:`~flask_apiguard.schemas.strict.read_json`.
        """
        if data is not self._data or not data:
            self._value = read_json(data, self._charset, max_depth=MAX_DEPTH)
            self._data = data
        return self._value

    def loads(self, data: str | bytes, **options: Any) -> Any:
        """The view's reading, as ``get_json`` asks for it."""
        value = self.strict(data if type(data) is bytes else data.encode())  # type: ignore[union-attr]
        if self._provider is not None:
            provider = self._provider()
            return value if type(provider).loads is _FLASKS_LOADS else provider.loads(data, **options)
        return self.module.loads(data, **options)

    def dumps(self, value: Any, **options: Any) -> Any:
        """As the module that this one stands for."""
        return self.module.dumps(value, **options)


def guard_json(request: Request, provider: Provider | None = None) -> StrictJSON | None:
    """Make ``request.get_json()`` strict, if the request says that it carries JSON; nothing is read yet.

    A view that then asks for a malformed body ends as a 400 problem (or None, if it asks silently). A request class
    of the host's that answers unreadable JSON in its own way goes on doing so.
    """
    charset = None
    if request.environ.get("CONTENT_TYPE") != "application/json":  # as nearly all say it
        if not request.is_json:
            return None
        charset = request.mimetype_params.get("charset")
    module = request.json_module
    if isinstance(module, StrictJSON):
        return module
    reader = StrictJSON(module, charset, provider)
    request.json_module = reader
    if type(request) is Request or type(request).on_json_loading_failed is _FLASKS_FAILURE:
        request.on_json_loading_failed = _refuse  # type: ignore[method-assign, assignment]
    return reader


def release_json(request: Request) -> None:
    """Give a request its own JSON reader back: while the gate only observes, it changes nothing for the view."""
    own = request.__dict__
    if isinstance(own.get("json_module"), StrictJSON):
        request.json_module = own["json_module"].module
    if own.get("on_json_loading_failed") is _refuse:
        del own["on_json_loading_failed"]


def _refuse(error: ValueError | None) -> NoReturn:
    raise Denied(malformed(error.flaws if isinstance(error, Malformed) else ()))


def malformed(flaws: tuple[Flaw, ...] = (), detail: str = "") -> Decision:
    """The 400 for a body that is no document."""
    detail = detail or (flaws[0].detail if len(flaws) == 1 else "")
    return Decision(False, Reason.DOCUMENT_MALFORMED, detail, flaws=flaws[:FLAWS_AT_MOST])


def unsupported(detail: str) -> Decision:
    """The 415 for a body of another kind."""
    return Decision(False, Reason.MEDIA_TYPE_UNSUPPORTED, detail)


def refused_encoding(request: Request) -> Decision | None:
    """A compressed body is refused (RFC 9110, section 15.5.16): what it grows to can't be bounded by its length."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    return Decision(
        False,
        Reason.MEDIA_TYPE_UNSUPPORTED,
        "A Content-Encoding is not accepted here.",
        headers=(("Accept-Encoding", "identity"),),
    )


def read(part: Callable[[], Any]) -> tuple[Any, Decision | None]:
    """Read from a request's stream within ``request.max_content_length``: the part, or the refusal."""
    try:
        return part(), None
    except RequestEntityTooLarge:
        return None, Decision(False, Reason.BODY_TOO_LARGE)
    except ClientDisconnected:
        return None, malformed(detail="The body ended before its Content-Length.")


def whole_body(request: Request) -> bytes:
    """The body, kept by the request.

    Werkzeug reads a body of unknown length up to the bound and stops there without a word; what would be a cut body
    is refused here.

    :raises RequestEntityTooLarge: it goes on beyond ``request.max_content_length``.
    """
    data = request.get_data()
    bound = request.max_content_length
    is_full = bound is not None and len(data) >= bound and request.content_length is None
    if is_full and "wsgi.input_terminated" in request.environ and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return data


def json_document(request: Request, provider: Provider | None) -> tuple[Any, Decision | None]:
    """The request's JSON document, or the 400, 413 or 415."""
    reader = guard_json(request, provider)
    if reader is None:
        return None, unsupported("The body must be JSON.")
    refusal = refused_encoding(request)
    if refusal is not None:
        return None, refusal
    data, refusal = read(lambda: whole_body(request))
    if refusal is not None:
        return None, refusal
    try:
        return reader.strict(data), None
    except Malformed as error:
        return None, malformed(error.flaws)
