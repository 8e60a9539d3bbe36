"""The gate: the way of one request (``way``), and how it stands around an app's views (``gate``)."""

from .challenge import suggestion
from .demands import DemandBook, Demands
from .gate import Gate, attach
from .manners import SETTINGS, Manners, read_manners
from .way import Way, throttled

__all__ = [
    "SETTINGS",
    "DemandBook",
    "Demands",
    "Gate",
    "Manners",
    "Way",
    "attach",
    "read_manners",
    "suggestion",
    "throttled",
]
