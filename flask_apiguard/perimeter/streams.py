"""Answers whose length nobody knows yet, and those that began in an unusual way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import ClosingIterator

from ..admission import Admission

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Given the environ of a request and its admission.
StillAdmitted = Callable[["WSGIEnvironment", Admission], bool]


class Stream:
    """The body of a stream. Between chunks it asks whether its caller may go on; at the end it says how it ended."""

    def __init__(self, body: Iterable[bytes], closed: Callable[[int, str], None], still: Callable[[], bool]) -> None:
        self._body = body
        self._chunks = iter(body)
        self._on_close: Callable[[int, str], None] | None = closed
        self._still = still
        self._size = 0
        self._how = "left"

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        if not self._still():
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
            close_body(self._body)
        finally:
            if self._on_close is not None:
                on_close, self._on_close = self._on_close, None
                on_close(self._size, self._how)


def begun(body: Iterable[bytes], began: list[Any]) -> Iterable[bytes]:
    """The body of a response that did not begin in the usual way: with what was written rather than returned before it.

    An inner middleware that is a generator begins its response only with the first chunk: that chunk is fetched.
    """
    chunks = iter(body)
    first = [] if began else [next(chunks, b"")]
    return ClosingIterator(chain(began[3:], first, chunks), lambda: close_body(body))


def begin_answer(start_response: StartResponse, began: list[Any]) -> None:
    """Tell the server what the app began its answer with: status, headers and, after an error, its cause."""
    if began[2]:
        start_response(*began[:3])
    else:
        start_response(*began[:2])


def close_body(body: Iterable[bytes]) -> None:
    """Close what the app returned, as WSGI demands of whoever does not hand it on (PEP 3333)."""
    close = getattr(body, "close", None)
    if close is not None:
        close()
