"""What our few pages here have around them. No inline script or style, and never in another page."""

from __future__ import annotations

from html import escape

from flask import Request

STATIC = "/apiguard/static"
SCRIPT, STYLE = "code.js", "page.css"
#: Of a page with a form; its script only fills in a field.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def framed(request: Request, title: str, body: str) -> str:
    """A whole page; ``body`` is HTML, ``title`` is not."""
    static = escape(request.script_root + STATIC)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{static}/{STYLE}">'
        f'<script src="{static}/{SCRIPT}" defer></script></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
