"""What a client sends, read strictly before any OAuth library sees it.

Body only, form-encoded, bounded, UTF-8, each parameter once (RFC 6749, section 3.2). A parameter without a value
counts as absent (section 3.1), unknown ones are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urlencode

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wrappers import Request

from .refusals import malformed

BYTES_AT_MOST = 64 << 10
PARAMETERS_AT_MOST = 64
MEDIA_TYPE = "application/x-www-form-urlencoded"
#: May come more than once (RFC 8707, section 2).
REPEATABLE = frozenset({"resource"})
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: What stands for itself, as nearly all names and values do.
_PLAIN = re.compile(r"[!-$&-*,-~]*")


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of one request; of a repeatable one, ``values`` holds the first."""

    values: Mapping[str, str] = field(repr=False)
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def get(self, name: str) -> str | None:
        """The value of a parameter, or None."""
        return self.values.get(name)

    def need(self, name: str) -> str:
        """The value of a parameter that must be there.

        :raises Refused: it is absent.
        """
        value = self.values.get(name)
        if value is None:
            raise malformed(f"The parameter {name} is missing.")
        return value


def read_form(request: Request) -> Form:
    """The parameters of a POST.

    :raises Refused: anything about it is not as it must be; ``invalid_request`` throughout.
    """
    return parse(read_words(request))


def read_words(request: Request) -> bytes:
    """The parameters of a POST as they were sent.

    :raises Refused: they are sent in another way than they must be.
    """
    if request.query_string:
        raise malformed("Parameters belong into the body, not into the URL.")
    environ = request.environ
    if environ.get("CONTENT_TYPE") != MEDIA_TYPE and (
        request.mimetype != MEDIA_TYPE or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8"
    ):
        raise malformed(f"The body must be {MEDIA_TYPE}, in UTF-8.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise malformed("The body must not be encoded.")
    return read_body(request)


def read_body(request: Request) -> bytes:
    """The whole body.

    :raises Refused: more than ``BYTES_AT_MOST``, or it ended early.
    """
    length = request.content_length
    if length is not None and length > BYTES_AT_MOST:
        raise malformed("The body is too large.", 413)
    taken = _taken(request)
    if taken is not None:
        return _bounded(taken)
    wanted = BYTES_AT_MOST + 1 if length is None else length
    try:
        stream = request.stream
        body: bytes = (wanted and stream.read(wanted)) or b""  # all of it, nearly always
        while len(body) < wanted and (more := stream.read(wanted - len(body))):
            body += more
    except RequestEntityTooLarge:
        raise malformed("The body is too large.", 413) from None
    except (ClientDisconnected, OSError):
        raise malformed("The body ended early.") from None
    if length is not None and len(body) < length:
        raise malformed("The body ended early.")
    return _bounded(body)


def _bounded(body: bytes) -> bytes:
    if len(body) > BYTES_AT_MOST:
        raise malformed("The body is too large.", 413)
    return body


def _taken(request: Request) -> bytes | None:
    """What a hook of the host's took from the stream before us, where nothing is left of it; None for nothing."""
    kept = request.__dict__
    data: bytes | None = kept.get("_cached_data")
    if not data and "form" in kept:  # taken apart already: put together again, each parameter as often as it came
        return urlencode(list(request.form.items(multi=True))).encode()
    return data


def parse(body: bytes) -> Form:
    """The parameters in a body.

    :raises Refused: not UTF-8, a broken escape, a control character, a parameter twice, too many.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("The body is not UTF-8.") from None
    pairs = [pair for pair in text.split("&") if pair]
    if len(pairs) > PARAMETERS_AT_MOST:
        raise malformed("There are too many parameters.")
    values: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    for pair in pairs:
        left, _, right = pair.partition("=")
        name, value = plain(left), plain(right)
        if name not in seen:
            seen.add(name)
            if value:
                values[name], several[name] = value, (value,)
        elif name not in REPEATABLE:
            raise malformed("A parameter comes more than once.")
        elif value:
            values.setdefault(name, value)
            several[name] = (*several.get(name, ()), value)
    return Form(values, several)


def plain(text: str) -> str:
    """One name or value, decoded.

    :raises Refused: a broken escape, bytes that are not UTF-8, a control character.
    """
    if _PLAIN.fullmatch(text):
        return text
    if _BROKEN_ESCAPE.search(text):
        raise malformed("An escape in the body is broken.")
    try:
        read = unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("The body is not UTF-8.") from None
    if _CONTROL.search(read):
        raise malformed("There is a control character in the body.")
    return read
