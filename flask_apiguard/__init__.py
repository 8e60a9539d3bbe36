"""A gate before a Flask app's API routes, and an onboarding process for those who call them."""

from .admission import current_caller
from .errors import Denied
from .extension import APIGuard
from .guest import alembic_include_object
from .rules import accepts, limit, public, require, returns
from .values import HostUser

__all__ = [
    "APIGuard",
    "Denied",
    "HostUser",
    "accepts",
    "alembic_include_object",
    "current_caller",
    "limit",
    "public",
    "require",
    "returns",
]
__version__ = "0.1.0"
