"""Where a request means to go: the paths that can be read in more than one way, and whether one of them lies inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rules import Book
from ..rules.book import canonical

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: In a decoded path: what another reader of the same path could take differently; also what is still encoded.
_AMBIGUOUS = re.compile(r"//|[\\;\x00]|/\.{1,2}(?:/|$)|%[0-9a-f]{2}", re.IGNORECASE)
#: In the path as it was sent: separators and dots that came encoded, and characters that no URI has.
_AMBIGUOUS_RAW = re.compile(rb"//|[\\;\x00#]|/\.{1,2}(?:/|$)|%(?:2[ef]|5c|00|3b|25[0-9a-f]{2}|c0|c1)", re.IGNORECASE)


#: A path that can be read in one way only, as nearly all are: segments that begin with none of the above and no dot.
_PLAIN = re.compile(r"(?:/[\w~-][\w.~-]*)+/?", re.ASCII)


def locate(book: Book, path: str, environ: WSGIEnvironment) -> tuple[bool, bool]:
    """Whether a decoded path lies inside the guarded ones, and whether it could be read in another way."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if (not raw or raw == path or raw.partition("?")[0] == path) and _PLAIN.fullmatch(path):
        return book.inside(path), False
    # Flask puts the slash in front that no server has to; ``OPTIONS *`` means no path at all.
    ambiguous = (path[0] != "/" and path != "*") or _AMBIGUOUS.search(path) is not None
    if raw and not ambiguous:
        target = raw.encode("latin-1", "replace").partition(b"?")[0]
        ambiguous = _AMBIGUOUS_RAW.search(target.partition(b"://")[2] if b"://" in target else target) is not None
    if not ambiguous:
        return book.inside(path), False
    readings = {canonical(path), canonical(path.partition(";")[0]), "/" + path.lstrip("/")}
    return any(book.inside(reading) for reading in readings), True
