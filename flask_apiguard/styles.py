"""The one style sheet of our pages, whichever room they belong to."""

from __future__ import annotations

import importlib.resources

from werkzeug.wrappers import Response

from .insisting import UNGUESSED, insist

STYLE = importlib.resources.files(__package__).joinpath("style.css").read_bytes()


def style() -> Response:
    """The style sheet as an answer."""
    return file_of(STYLE, "text/css")


def file_of(content: bytes, kind: str) -> Response:
    """A file that our pages need, of a media type; kept by caches for an hour."""
    response = Response(content, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return insist(response, UNGUESSED)
