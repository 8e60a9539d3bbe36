"""The JSON API under ``/apiguard/api/v1``, and the pages that links in mails lead to.

One table of endpoints (``endpoints``) drives routing, validation, seats and documentation. The blueprint has one route
for all of it: an app's factory pays for that one, and no host handler ever sees an error of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request
from werkzeug.wrappers import Response

from ..values import READ_METHODS
from . import tables

if TYPE_CHECKING:
    from ..house import House

NAME = "apiguard_api"
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT", "TRACE")


def make_blueprint(house: House) -> Blueprint:
    """The blueprint of one app. What stands behind it is imported at its first request."""
    blueprint = Blueprint(NAME, __name__, url_prefix="/apiguard")

    @blueprint.route("/<path:rest>", methods=METHODS)
    def door(rest: str) -> Response:
        area, _, below = rest.partition("/")
        if area == "api":
            from .dispatch import handle

            return handle(house, request, below)
        from .onrecord import unrecorded
        from .pages import answer

        if request.method in READ_METHODS:
            unrecorded()
        return answer(house, request, rest)

    return blueprint


__all__ = ["NAME", "make_blueprint", "tables"]
