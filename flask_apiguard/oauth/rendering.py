"""Our pages from templates: ours, or those of the same name that the host put in their place.

They have the host's filters, globals and loaders, and one thing of their own: everything is escaped, in whatever file a
block stands, and whatever the host chose for its other pages. Names of applications are other people's texts.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, render_template
from jinja2 import Environment

NAME = "apiguard_templates"


def render(template: str, /, **context: Any) -> str:
    """A page from a template below ``apiguard/oauth``, with what Flask hands to every template."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return render_template(_environment(app).get_template(f"apiguard/oauth/{template}"), **context)


def _environment(app: Flask) -> Environment:
    """An overlay of the app's environment, made once the app is set up: at the first page."""
    theirs = app.jinja_env
    found: Environment | None = app.extensions.get(NAME)
    if found is None or found.linked_to is not theirs:
        # The host's bytecode cache knows a template by its name and text, not by what it was compiled for.
        found = app.extensions[NAME] = theirs.overlay(autoescape=True, bytecode_cache=None)
    return found
