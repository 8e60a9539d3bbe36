"""What our few pages here have around them. No inline script or style, and never in another page."""

from __future__ import annotations

from html import escape

from flask import Request

from ..insisting import Headers

STATIC = "/apiguard/static"
SCRIPT, SHEET = "code.js", "page.css"
_CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
#: Of a page that is only read, and of one with a form; the script of that one fills in a field.
READ: Headers = (("Content-Security-Policy", _CSP + "form-action 'none'"),)
FILLED_IN: Headers = (("Content-Security-Policy", _CSP + "form-action 'self'; script-src 'self'"),)


def framed(request: Request, title: str, body: str, *, script: bool = False) -> str:
    """A whole page; ``body`` is HTML, ``title`` is not."""
    static = escape(request.script_root + STATIC)
    more = f'<script src="{static}/{SCRIPT}" defer></script>' if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{static}/{SHEET}">'
        f"{more}</head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
